package crud

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
)

// etagOf is the strong validator of a representation (RFC 9110, 8.8.3): equal documents
// have equal ones, whatever happened in between.
func etagOf(representation any) (string, error) {
	text, err := json.Marshal(representation)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, nil
}

// Conditions are the preconditions of a write (RFC 9110, 13).
type Conditions struct {
	IfMatch     string `header:"If-Match" maxLength:"1024" doc:"Write only over the version with this ETag; * = over any version."`
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"* = only make what is not there yet."`
}

// OnlyMatch is conditions for what does not make anything.
type OnlyMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1024" doc:"Write only over the version with this ETag; * = over any version."`
}

// met checks the preconditions against what is there: its ETag, "" where nothing is.
func (c Conditions) met(etag string) error {
	switch {
	case c.IfNoneMatch != "" && c.IfNoneMatch != "*":
		return &web.PreconditionError{Header: "If-None-Match", Why: "only * is understood on writes"}
	case c.IfNoneMatch == "*" && etag != "":
		return &web.PreconditionError{Header: "If-None-Match", Why: "it exists already"}
	}
	return OnlyMatch{c.IfMatch}.met(etag)
}

func (c OnlyMatch) met(etag string) error {
	switch {
	case c.IfMatch == "" || c.IfMatch == "*" && etag != "":
		return nil
	case etag == "":
		return &web.PreconditionError{Header: "If-Match", Why: "there is nothing to match"}
	}
	for candidate := range strings.SplitSeq(c.IfMatch, ",") {
		if strings.TrimSpace(candidate) == etag {
			return nil
		}
	}
	return &web.PreconditionError{Header: "If-Match", Why: "somebody has changed it since: read it again"}
}

// replaces refuses to replace a whole document by another one unseen, which is how two
// people undo each other's changes. Saying again what is there already is harmless.
func (c Conditions) replaces(differs bool) error {
	if c.IfMatch == "" && differs {
		return &web.PreconditionError{Header: "If-Match", Missing: true, Why: "replacing what exists needs the ETag of the version that was read"}
	}
	return nil
}

// unread are the conditions of what may be put over another one without having read it:
// a document so small that who sends it has said all that there is to say.
func (c Conditions) unread() Conditions {
	if c.IfMatch == "" {
		c.IfMatch = "*"
	}
	return c
}
