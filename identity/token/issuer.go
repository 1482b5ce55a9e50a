package token

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-authz/gatehouse/identity/internal/recent"
)

const (
	maxMinted     = 4900 // characters; clients of the platform refuse tokens of 5000
	maxGroupBytes = 1024 // of all groups in an assertion: proxies give all headers 4 KB
	// rememberedBadges bounds in bytes the assertions that are handed out again: one
	// for each subject and host, of which a caller may invent many. Signing costs
	// more than all the rest of a check, so there is room for those of 100,000.
	rememberedBadges = 128 << 20
)

// Issuer mints and verifies the tokens of one issuer name. It is safe for concurrent
// use.
type Issuer struct {
	issuer, audience string
	keys             Keys
	now              func() time.Time
	badges           *recent.Map[badgeKey, *badge]
}

// badge is an assertion that may be handed out again.
type badge struct {
	about                  Assertion
	raw                    string
	issued, renew, expires time.Time
}

// badgeKey keeps a long and a shortened assertion about one subject apart; what else
// differs is found by comparing.
type badgeKey struct {
	subject, audience, kid string
	ttl                    time.Duration
	groups                 int
}

// badgeWeight is what remembering a badge costs in bytes, the cache's own included.
func badgeWeight(k badgeKey, b *badge) int {
	const fixed = 560
	n := fixed + len(b.raw) + len(k.subject) + len(k.audience) + len(b.about.Handle) + len(b.about.Email) + len(b.about.Name)
	for _, group := range b.about.Groups {
		n += len(group)
	}
	return n
}

// NewIssuer makes the issuer whose access tokens carry iss and aud as given; both are
// compared exactly.
func NewIssuer(issuer, audience string, keys Keys, now func() time.Time) *Issuer {
	return &Issuer{
		issuer: issuer, audience: audience, keys: keys, now: now,
		badges: recent.New(rememberedBadges, badgeWeight),
	}
}

// Name is the issuer as tokens carry it.
func (i *Issuer) Name() string { return i.issuer }

// Access mints an access token for the user. It lives for the options' TTL, in whole
// seconds, and counts only while the account's generation stays what is given here. Who
// hands it out must have recorded it in the directory first (identity.Tx.PutToken):
// what is not recorded cannot be listed or ended by name.
func (i *Issuer) Access(u User, generation uint64, o AccessOptions) (string, Claims, error) {
	if u.ID == "" {
		return "", Claims{}, errors.New("mint a token: no account")
	}
	if err := o.check(); err != nil {
		return "", Claims{}, err
	}
	key, err := i.keys.Signing(UseAccess)
	if err != nil {
		return "", Claims{}, fmt.Errorf("mint a token: %w", err)
	}
	first, last := u.FirstAndLast()
	roles := append([]string{}, u.Roles...)
	w := accessClaims{
		RegisteredClaims: i.registered(u.ID, i.audience, o.TTL),
		Generation:       generation,
		Scope:            strings.Join(o.Scopes, " "),
		User: wireUser{
			ID: u.ID, UID: u.ID, Handle: u.Handle, Email: u.Email,
			FirstName: first, LastName: last, Roles: roles,
		},
		Roles: roles,
	}
	if o.Kind != KindLogin {
		w.Kind = o.Kind
	}
	raw, err := sign(key, accessKind, &w)
	if err != nil {
		return "", Claims{}, err
	}
	if len(raw) > maxMinted {
		return "", Claims{}, tooLong(len(raw), o)
	}
	return raw, w.claims(key.KID), nil
}

// Assertion returns a token that tells the audience, an upstream, who is behind a
// request, and when it expires. One that is still good for half its ttl is handed out
// again: signing costs more than deciding. Groups beyond what proxies can carry are
// left out, which groups_truncated says.
func (i *Issuer) Assertion(a Assertion, audience string, ttl time.Duration) (string, time.Time, error) {
	if err := checkTTL(ttl); err != nil {
		return "", time.Time{}, err
	}
	if a.Subject == "" || audience == "" {
		return "", time.Time{}, errors.New("mint an assertion: no subject or no audience")
	}
	key, err := i.keys.Signing(UseAssertion)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("mint an assertion: %w", err)
	}
	at := badgeKey{subject: a.Subject, audience: audience, kid: key.KID, ttl: ttl, groups: len(a.Groups)}
	if b, found := i.badges.Get(at); found && b.good(a, i.now()) {
		return b.raw, b.expires, nil
	}
	w := assertionClaims{
		RegisteredClaims: i.registered(a.Subject, audience, ttl),
		Kind:             a.Kind, Handle: a.Handle, Email: a.Email, Name: a.Name,
	}
	w.Groups, w.Truncated = fitting(a.Groups)
	raw, err := sign(key, assertionKind, &w)
	if err != nil {
		return "", time.Time{}, err
	}
	a.Groups = slices.Clone(a.Groups)
	b := &badge{
		about: a, raw: raw,
		issued: w.IssuedAt.Time, renew: w.IssuedAt.Add(ttl / 2), expires: w.ExpiresAt.Time,
	}
	at.audience = strings.Clone(audience) // it may be a part of a long URL
	i.badges.Put(at, b)
	return b.raw, b.expires, nil
}

func (b *badge) good(a Assertion, now time.Time) bool {
	return now.Before(b.renew) && now.After(b.issued.Add(-leeway)) && // a clock may be set back
		b.about.Subject == a.Subject && b.about.Kind == a.Kind && b.about.Handle == a.Handle &&
		b.about.Email == a.Email && b.about.Name == a.Name && slices.Equal(b.about.Groups, a.Groups)
}

func fitting(groups []string) (kept []string, truncated bool) {
	total := 0
	for n, group := range groups {
		total += len(group) + len(`"",`)
		if total > maxGroupBytes {
			return groups[:n], true
		}
	}
	return groups, false
}

func (i *Issuer) registered(subject, audience string, ttl time.Duration) jwt.RegisteredClaims {
	now := i.now().Truncate(time.Second)
	return jwt.RegisteredClaims{
		Issuer: i.issuer, Subject: subject, Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		ID: rand.Text(),
	}
}

func sign(key Key, k kind, claims jwt.Claims) (string, error) {
	method := jwt.GetSigningMethod(key.Alg)
	if method == nil || key.Private == nil {
		return "", fmt.Errorf("mint a token: key %s cannot sign with %q", key.KID, key.Alg)
	}
	t := jwt.NewWithClaims(method, claims)
	t.Header["typ"], t.Header["kid"] = k.typ, key.KID
	raw, err := t.SignedString(key.Private)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return raw, nil
}

// VerifyAccess returns the claims of a genuine access token of ours. Every other
// outcome is ErrNotOurs or a *RefusedError. Whether the account still wants the token
// to count is for the caller to find out.
func (i *Issuer) VerifyAccess(raw string) (Claims, error) {
	var w accessClaims
	kid, members, err := i.verify(raw, accessKind, i.audience, &w, &w.RegisteredClaims)
	if err != nil {
		return Claims{}, err
	}
	if err := w.checkReach(members); err != nil {
		return Claims{}, err
	}
	return w.claims(kid), nil
}

// StillGood checks again what time and key rotation change about claims that
// VerifyAccess has returned before.
func (i *Issuer) StillGood(c *Claims) error {
	if !i.now().Before(c.Expires) {
		return refuse(ReasonExpired, "expired")
	}
	if key, known := i.keys.Verifying(c.KeyID); !known || key.Use != UseAccess {
		return refuse(ReasonBad, "unknown key")
	}
	return nil
}

// VerifyAssertion is what an upstream written in Go does with an assertion that is
// meant for the audience; errors as of VerifyAccess.
func (i *Issuer) VerifyAssertion(raw, audience string) (Assertion, error) {
	var w assertionClaims
	if _, _, err := i.verify(raw, assertionKind, audience, &w, &w.RegisteredClaims); err != nil {
		return Assertion{}, err
	}
	return Assertion{Subject: w.Subject, Kind: w.Kind, Handle: w.Handle, Email: w.Email, Name: w.Name, Groups: w.Groups}, nil
}

// verify checks form, then signature, then claims, in this order: a forged token is
// never reported as merely expired.
func (i *Issuer) verify(raw string, k kind, audience string, into jwt.Claims, registered *jwt.RegisteredClaims) (kid string, members map[string]json.RawMessage, err error) {
	key, members, err := i.inspect(raw, k)
	if err != nil {
		return "", nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{key.Alg}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err = parser.ParseWithClaims(raw, into, func(*jwt.Token) (any, error) { return key.Public, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "", nil, refuse(ReasonBad, "bad signature")
	case err != nil:
		return "", nil, refuse(ReasonBad, "claims of the wrong type")
	}
	return key.KID, members, i.judge(members, *registered, audience)
}
