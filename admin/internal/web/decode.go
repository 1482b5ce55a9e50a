package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth = 32 // of what is nested in a body
	maxNamed = 64 // bytes of a member's name that an answer repeats
)

// BodyError says why a body was refused. It names the field or the position, never
// the value, which may be a secret.
type BodyError struct {
	Status int    // 400, 413 or 415
	Field  string // dotted path of the member, "" = the body as a whole
	Why    string
}

func (e *BodyError) Error() string {
	if e.Field == "" {
		return e.Why
	}
	return e.Field + ": " + e.Why
}

func badBody(field, format string, args ...any) *BodyError {
	return &BodyError{Status: http.StatusBadRequest, Field: field, Why: fmt.Sprintf(format, args...)}
}

// DecodeJSON reads the body of r strictly into the struct that into points to: at
// most limit bytes (0 = MaxBody), application/json (or no type), valid UTF-8, one
// object and nothing after it, no unknown or repeated members, member names in their
// exact case. Errors are *BodyError.
func DecodeJSON(r *http.Request, into any, limit int64) error {
	body, err := readJSON(r, limit, "application/json")
	if err != nil {
		return err
	}
	return UnmarshalStrict(body, into)
}

// CheckJSON is for bodies that somebody else decodes: it refuses what [DecodeJSON] does
// before it knows the members, reads the body into memory, and leaves it in the request
// to be read again. Merge patches (RFC 7396) may say that they are ones.
func CheckJSON(r *http.Request) error {
	types := []string{"application/json"}
	if r.Method == http.MethodPatch {
		types = append(types, "application/merge-patch+json")
	}
	body, err := readJSON(r, MaxBody, types...)
	if err != nil {
		return err
	}
	if _, err := scanBody(body); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// readJSON reads a body of one of the types, at most limit bytes of it.
func readJSON(r *http.Request, limit int64, types ...string) ([]byte, error) {
	if limit <= 0 {
		limit = MaxBody
	}
	if err := checkType(r.Header.Values("Content-Type"), types...); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if r.Body == nil {
		return nil, badBody("", "the body is empty, a JSON object was expected")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return nil, tooLarge(over.Limit)
		}
		return nil, badBody("", "the body could not be read to its end")
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int64) *BodyError {
	return &BodyError{Status: http.StatusRequestEntityTooLarge, Why: fmt.Sprintf("the body is longer than %d bytes", limit)}
}

func checkType(values []string, types ...string) error {
	if len(values) == 0 {
		return nil
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	charset, has := parameters["charset"]
	if len(values) > 1 || err != nil || !slices.Contains(types, kind) || has && !strings.EqualFold(charset, "utf-8") {
		return &BodyError{Status: http.StatusUnsupportedMediaType, Why: "Content-Type must be " + strings.Join(types, " or ")}
	}
	return nil
}

// UnmarshalStrict is DecodeJSON for bytes that are already in memory.
func UnmarshalStrict(body []byte, into any) error {
	members, err := scanBody(body)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return translate(err)
	}
	return checkCase(members, into)
}

// scanBody refuses what is no single JSON object with every member once, and gives the
// names of its members.
func scanBody(body []byte) ([]string, error) {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, badBody("", "the body is empty, a JSON object was expected")
	case !utf8.Valid(body):
		return nil, badBody("", "the body is not UTF-8")
	}
	return scan(body)
}

// translate drops the values that encoding/json puts into its messages.
func translate(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return badBody(kind.Field, "is a JSON %s, which is the wrong type here", firstWord(kind.Value))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return badBody(Clip(strings.Trim(name, `"`), maxNamed), "unknown field")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return badBody("", "not valid JSON at byte %d", syntax.Offset)
	}
	return badBody("", "does not fit what is expected here")
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}
