package token

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

// MaxLength is how many characters a token of ours may have. It is checked before
// anything is split or decoded.
const MaxLength = 8 << 10

const (
	maxKID   = 64
	maxDepth = 8 // nesting of claims; ours need two
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
	if len(raw) > MaxLength {
		return Key{}, nil, refuse(ReasonBad, "longer than 8192 characters")
	}
	header, payload, ok := strict.Split(raw)
	if !ok {
		return Key{}, nil, ErrNotOurs
	}
	if !i.claimsToBeOurs(header, payload) {
		return Key{}, nil, ErrNotOurs
	}
	if strings.ContainsAny(raw, "\r\n") { // also in the signature: base64 decoders skip them
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

// claimsToBeOurs is generous on purpose: whatever names our issuer or one of our keys,
// in however sloppy a form, is judged as ours and refused unless it is perfect.
func (i *Issuer) claimsToBeOurs(header, payload string) bool {
	ours := false
	strict.EachString(payload, "iss", func(iss string) { ours = ours || iss == i.issuer })
	strict.EachString(header, "kid", func(kid string) {
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

// decodeObject decodes one part of a token of ours.
func decodeObject(part string) (map[string]json.RawMessage, error) {
	members, err := (strict.Form{Depth: maxDepth, Folded: true}).Object(part)
	if err != nil {
		return nil, err
	}
	for name := range members {
		if known, ok := claimNames[strict.Fold(name)]; ok && known != name {
			return nil, errors.New("a member in the wrong case")
		}
	}
	return members, nil
}
