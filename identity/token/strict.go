package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

const (
	maxLength = 8 << 10 // characters of a token, checked before anything is split or decoded
	maxKID    = 64
	maxDepth  = 8 // nesting of claims; ours need two
)

// kind is what tells one sort of our tokens from another.
type kind struct{ use, typ string }

var (
	accessKind    = kind{use: UseAccess, typ: "at+jwt"}
	assertionKind = kind{use: UseAssertion, typ: "gatehouse-assertion+jwt"}
)

// inspect decides, before any cryptography, whether raw is a token of ours that is
// worth verifying, and by which key. It is stricter than the JWT library: every
// member of the header must be known, no member may repeat, base64 must be canonical.
func (i *Issuer) inspect(raw string, want kind) (Key, map[string]json.RawMessage, error) {
	if len(raw) > maxLength {
		return Key{}, nil, refuse(ReasonBad, "longer than 8192 characters")
	}
	header, payload, ok := split(raw)
	if !ok {
		return Key{}, nil, ErrNotOurs
	}
	if !i.claimsToBeOurs(header, payload) {
		return Key{}, nil, ErrNotOurs
	}
	if strings.ContainsAny(raw, "\r\n") { // base64 decoders skip them
		return Key{}, nil, refuse(ReasonBad, "line breaks")
	}
	members, err := decodeObject(header)
	if err != nil {
		return Key{}, nil, refuse(ReasonBad, "header: "+err.Error())
	}
	key, err := i.keyFor(members, want)
	if err != nil {
		return Key{}, nil, err
	}
	claims, err := decodeObject(payload)
	if err != nil {
		return Key{}, nil, refuse(ReasonBad, "claims: "+err.Error())
	}
	return key, claims, nil
}

// split cuts the compact form; any other number of parts than three (five are an
// encrypted token) is not a signed JWT.
func split(raw string) (header, payload string, ok bool) {
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

// claimsToBeOurs is generous on purpose: whatever names our issuer or one of our keys,
// in however sloppy a form, is judged as ours and refused unless it is perfect.
func (i *Issuer) claimsToBeOurs(header, payload string) bool {
	ours := false
	eachString(decodeSloppily(payload), "iss", func(iss string) { ours = ours || iss == i.issuer })
	eachString(decodeSloppily(header), "kid", func(kid string) {
		if _, known := i.keys.Verifying(kid); known {
			ours = true
		}
	})
	return ours
}

// keyFor checks the header and names the key: alg, typ and kid, nothing else. So
// crit, b64, jwk, jku, x5u, x5c, zip and whatever comes after them are refused.
func (i *Issuer) keyFor(header map[string]json.RawMessage, want kind) (Key, error) {
	var fields struct{ alg, typ, kid string }
	for name, value := range header {
		var into *string
		switch name {
		case "alg":
			into = &fields.alg
		case "typ":
			into = &fields.typ
		case "kid":
			into = &fields.kid
		default:
			return Key{}, refuse(ReasonBad, "a member of the header is not allowed")
		}
		if err := json.Unmarshal(value, into); err != nil {
			return Key{}, refuse(ReasonBad, "a member of the header is not a string")
		}
	}
	if fields.kid == "" || len(fields.kid) > maxKID {
		return Key{}, refuse(ReasonBad, "no usable key id")
	}
	key, known := i.keys.Verifying(fields.kid)
	switch {
	case !known:
		return Key{}, refuse(ReasonBad, "unknown key")
	case key.Use != want.use:
		return Key{}, refuse(ReasonBad, "signed with a key for another use")
	case fields.alg != key.Alg:
		return Key{}, refuse(ReasonBad, "algorithm is not the key's")
	case fields.typ != want.typ:
		return Key{}, refuse(ReasonBad, "another kind of token")
	}
	return key, nil
}

var canonical = base64.RawURLEncoding.Strict()

// decodeObject decodes one part of a token: canonical base64url of one JSON object in
// UTF-8 without repeated members.
func decodeObject(part string) (map[string]json.RawMessage, error) {
	text, err := canonical.DecodeString(part)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	if err := uniqueMembers(json.NewDecoder(bytes.NewReader(text)), 0); err != nil {
		return nil, err
	}
	for name := range members {
		if known, ok := claimNames[fold(name)]; ok && known != name {
			return nil, errors.New("a member in the wrong case")
		}
	}
	return members, nil
}

// uniqueMembers reads one value and fails on an object that names a member twice,
// which readers resolve differently. Names are compared without case, because
// encoding/json would take either for the same field.
func uniqueMembers(dec *json.Decoder, depth int) error {
	if depth > maxDepth {
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
			folded := fold(name.(string))
			if seen[folded] {
				return errors.New("a member twice")
			}
			seen[folded] = true
		}
		if err := uniqueMembers(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}

// fold maps names that encoding/json takes for one another to one form: upper case
// first, so that the long s and the Kelvin sign meet their ASCII twins.
func fold(name string) string {
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

// eachString hands over every string (alone or in an array) that a top-level member of
// that name has, as far as text can be read as a JSON object.
func eachString(text []byte, name string, found func(string)) {
	dec := json.NewDecoder(bytes.NewReader(text))
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
		if fold(member.(string)) != name {
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
