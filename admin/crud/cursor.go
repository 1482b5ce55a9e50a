package crud

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

const defaultLimit = 100

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many items."`
	Cursor string `query:"cursor" maxLength:"2048" doc:"The next member of the page before this one."`
}

// page turns what the caller sent into what the directory reads. A cursor is sealed for
// one list with one filter: it cannot be made up, and does not open another list.
func (s *Surface) page(p Paging, list string, filter any) (identity.Page, error) {
	page := identity.Page{Limit: p.Limit}
	if page.Limit == 0 {
		page.Limit = defaultLimit
	}
	if p.Cursor == "" {
		return page, nil
	}
	plain, err := s.unsealCursor(p.Cursor, cursorLabel(list, filter))
	if err != nil {
		return page, &identity.InvalidError{Field: "cursor", Why: "is none that this list gave out for this filter: begin without one"}
	}
	page.After = string(plain)
	return page, nil
}

// unsealCursor takes a cursor in the one spelling in which it was given out.
func (s *Surface) unsealCursor(cursor, label string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(cursor, "\r\n") {
		return nil, errors.New("there are line breaks, which decoders skip")
	}
	return s.Directory.Unseal(sealed, label)
}

// cursor is what leads to the next page; "" where there is none.
func (s *Surface) cursor(next, list string, filter any) (string, error) {
	if next == "" {
		return "", nil
	}
	sealed, err := s.Directory.Seal([]byte(next), cursorLabel(list, filter))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func cursorLabel(list string, filter any) string {
	return fmt.Sprintf("cursor %s %#v", list, filter)
}
