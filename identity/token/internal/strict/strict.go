// Package strict takes the parts of a signed JWT apart with less tolerance than JWT
// libraries have: canonical base64url, UTF-8, one JSON object, no member twice.
//
// It owns the form of tokens alone. Whose a token is, and whether it is good, is for
// its two users: token (our own) and trusted (those of other issuers).
package strict

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// Split cuts the compact form; any other number of parts than three (five are an
// encrypted token) is not a signed JWT.
func Split(raw string) (header, payload string, ok bool) {
	header, rest, ok := strings.Cut(raw, ".")
	if !ok {
		return "", "", false
	}
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") || header == "" || payload == "" {
		return "", "", false
	}
	return header, payload, true
}

// Canonical is base64url that has one spelling for each value.
var Canonical = base64.RawURLEncoding.Strict()

// Form is what an object must keep to.
type Form struct {
	Depth int // of nesting
	// Folded takes members whose names differ in case alone for one member, as
	// encoding/json does when it fills a struct.
	Folded bool
}

// Object decodes one part of a token: canonical base64url of one JSON object in UTF-8
// without repeated members.
func (f Form) Object(part string) (map[string]json.RawMessage, error) {
	text, err := Canonical.DecodeString(part)
	if err != nil || strings.ContainsAny(part, "\r\n") { // decoders skip line breaks
		return nil, errors.New("not base64url")
	}
	return f.Members(text)
}

// Members reads a JSON object in the same form.
func (f Form) Members(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	if err := f.unique(json.NewDecoder(bytes.NewReader(text)), 0); err != nil {
		return nil, err
	}
	return members, nil
}

// unique reads one value and fails on an object that names a member twice, which
// readers resolve differently.
func (f Form) unique(dec *json.Decoder, depth int) error {
	if depth > f.Depth {
		return errors.New("nested too deeply")
	}
	token, err := dec.Token()
	if err != nil {
		return errors.New("not JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			name, err := dec.Token()
			if err != nil {
				return errors.New("not JSON")
			}
			seenAs := name.(string)
			if f.Folded {
				seenAs = Fold(seenAs)
			}
			if seen[seenAs] {
				return errors.New("a member twice")
			}
			seen[seenAs] = true
		}
		if err := f.unique(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}

// Fold maps names that encoding/json takes for one another to one form: upper case
// first, so that the long s and the Kelvin sign meet their ASCII twins.
func Fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(name))
		}
	}
	return name
}

// decodeSloppily decodes what any reader might make of a part: foreign characters are
// skipped, trailing bits ignored.
func decodeSloppily(part string) []byte {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == '+':
			return '-'
		case r == '/':
			return '_'
		}
		return -1
	}, part)
	text, err := base64.RawURLEncoding.DecodeString(clean)
	if err != nil && len(clean)%4 == 1 {
		text, _ = base64.RawURLEncoding.DecodeString(clean[:len(clean)-1])
	}
	return text
}

// EachString hands over every string (alone or in an array) that a top-level member of
// that name has, as far as any reader might make a JSON object of the part. It serves
// to find out whose a token claims to be, not to believe it.
func EachString(part, name string, found func(string)) {
	dec := json.NewDecoder(bytes.NewReader(decodeSloppily(part)))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return
	}
	for dec.More() {
		member, err := dec.Token()
		if err != nil {
			return
		}
		var text json.RawMessage
		if err := dec.Decode(&text); err != nil {
			return
		}
		if Fold(member.(string)) != name {
			continue
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return
		}
		switch value := value.(type) {
		case string:
			found(value)
		case []any:
			for _, v := range value {
				if s, ok := v.(string); ok {
					found(s)
				}
			}
		}
	}
}
