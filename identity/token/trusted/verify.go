package trusted

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

// MaxLength is how many characters a token of another issuer may have. It is checked
// before anything is split or decoded.
const MaxLength = 16 << 10

const (
	leeway  = 30 * time.Second // by which another machine's clock may be ahead of ours
	maxText = 255              // bytes of kid, sub, jti
)

// tokenForm is what both parts keep to. Members are read by their exact names, so two
// that differ in case are two members.
var tokenForm = strict.Form{Depth: 16}

// Token is a token of a trusted issuer that was found good.
type Token struct {
	Issuer  *Issuer
	Subject string // `sub`
	JTI     string // "" where it has none that is usable
	Groups  []string
	Expires time.Time

	key *key
}

// ID is the name under which the directory links the identity.
func (t *Token) ID() string { return t.Issuer.config.Issuer + "|" + t.Subject }

// StillGood checks again what changes about a token that Verify has returned before: time
// and whether the issuer still publishes the key. Errors are as of Verify.
func (t *Token) StillGood(ctx context.Context) error {
	err := t.stillGood(ctx)
	if err != nil {
		t.Issuer.Observe(reasonOf(err))
	}
	return err
}

func (t *Token) stillGood(ctx context.Context) error {
	if !t.Issuer.o.Now().Before(t.Expires) {
		return &token.RefusedError{Reason: token.ReasonExpired, Detail: "expired"}
	}
	set, err := t.Issuer.current(ctx)
	if err != nil {
		return err
	}
	if !set.has(t.key) {
		return refuse("the issuer has taken the key back")
	}
	return nil
}

// verify checks form, then signature, then claims, in this order: a forged token is
// never reported as merely expired.
func (i *Issuer) verify(ctx context.Context, raw, header, payload string) (*Token, error) {
	if strings.ContainsAny(raw, "\r\n") { // base64 decoders skip them
		return nil, refuse("line breaks")
	}
	members, err := tokenForm.Object(header)
	if err != nil {
		return nil, refuse("header: " + err.Error())
	}
	kid, alg, err := readHeader(members)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(i.config.algorithms(), alg) {
		return nil, refuse("not an algorithm of the issuer")
	}
	claims, err := tokenForm.Object(payload)
	if err != nil {
		return nil, refuse("claims: " + err.Error())
	}
	k, err := i.find(ctx, kid, alg)
	if err != nil {
		return nil, err
	}
	signature, err := strict.Canonical.DecodeString(raw[len(header)+len(payload)+2:])
	if err != nil || methods[alg].Verify(raw[:len(header)+1+len(payload)], signature, k.public) != nil {
		return nil, refuse("bad signature")
	}
	t, err := i.judge(claims)
	if err != nil {
		return nil, err
	}
	t.key = k
	return t, nil
}

// Members of a header that change what a token means, or say with what to verify it.
// Others are ignored (RFC 7515, 4), which these must not be.
var refusedInHeader = []string{
	"crit", "b64", "zip", "enc", "cty", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", "jwk", "jku", "x5u", "x5c",
}

// readHeader reads alg and kid, and refuses what is not an ID or access token.
func readHeader(members map[string]json.RawMessage) (kid, alg string, err error) {
	for name := range members {
		if slices.Contains(refusedInHeader, strict.Fold(name)) {
			return "", "", refuse("a member of the header is not allowed")
		}
	}
	typ, fine := "JWT", true
	for name, into := range map[string]*string{"alg": &alg, "kid": &kid, "typ": &typ} {
		fine = fine && readText(members, name, into)
	}
	if !fine || alg == "" || len(kid) > maxText {
		return "", "", refuse("alg, kid or typ is not a usable string")
	}
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "jwt", "at+jwt":
		return kid, alg, nil
	}
	return "", "", refuse("another kind of token")
}

// readText reads a member that may be absent and must not be empty.
func readText(members map[string]json.RawMessage, name string, into *string) bool {
	raw, given := members[name]
	if !given {
		return true
	}
	return json.Unmarshal(raw, into) == nil && string(raw) != "null" && *into != ""
}

// judge checks the claims of a token whose signature has been found good. What is not
// named here (at_hash, nonce, azp, scope) means nothing at this place.
func (i *Issuer) judge(claims map[string]json.RawMessage) (*Token, error) {
	t := &Token{Issuer: i}
	var iss string
	switch {
	case !readText(claims, "iss", &iss) || iss != i.config.Issuer:
		return nil, refuse("another issuer")
	case !readText(claims, "sub", &t.Subject) || t.Subject == "" || len(t.Subject) > maxText || !plain(t.Subject):
		return nil, refuse("no usable subject")
	case !slices.Contains(audiences(claims["aud"]), i.config.Audience):
		return nil, refuse("another audience")
	}
	if _, given := claims["events"]; given { // logout tokens of issuers that do not set typ
		return nil, refuse("a security event and no credential")
	}
	if _, given := claims["cnf"]; given { // RFC 7800: who presents it must prove to have a key
		return nil, refuse("bound to a key that its bearer has not shown")
	}
	if err := i.judgeTimes(claims, t); err != nil {
		return nil, err
	}
	if !readText(claims, "jti", &t.JTI) || len(t.JTI) > maxText || !plain(t.JTI) {
		t.JTI = ""
	}
	t.Groups = i.groups(claims)
	return t, nil
}

func (i *Issuer) judgeTimes(claims map[string]json.RawMessage, t *Token) error {
	now := i.o.Now()
	expires, ok := seconds(claims["exp"])
	if t.Expires = expires; !ok {
		return refuse("exp is missing or no number of seconds")
	}
	for _, name := range []string{"iat", "nbf"} {
		raw, given := claims[name]
		if !given {
			continue
		}
		if from, ok := seconds(raw); !ok || from.After(now.Add(leeway)) {
			return refuse(name + " is in the future or no number of seconds")
		}
	}
	if !now.Before(t.Expires) {
		return &token.RefusedError{Reason: token.ReasonExpired, Detail: "expired"}
	}
	return nil
}

// audiences reads a string or a list of strings; a list with anything else in it is none.
func audiences(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var list []*string
	if json.Unmarshal(raw, &list) != nil || slices.Contains(list, nil) {
		return nil
	}
	all := make([]string, 0, len(list))
	for _, s := range list {
		all = append(all, *s)
	}
	return all
}

// seconds reads a NumericDate: at most eleven digits, and a fraction, which is dropped.
// Exponents, signs and strings are refused.
func seconds(raw json.RawMessage) (time.Time, bool) {
	whole, _, _ := strings.Cut(string(raw), ".")
	if len(whole) == 0 || len(whole) > 11 || len(raw) > 32 || strings.ContainsAny(string(raw), "eE") {
		return time.Time{}, false
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	return time.Unix(int64(n), 0), err == nil
}
