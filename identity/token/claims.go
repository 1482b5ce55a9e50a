package token

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

// leeway is how far another machine's clock may be ahead when it mints. None is given
// at the other end: expired is expired.
const leeway = 30 * time.Second

// accessClaims is an access token on the wire (RFC 9068). user and the second list of
// roles are what clients of the platform read.
type accessClaims struct {
	jwt.RegisteredClaims
	Generation uint64   `json:"gen"`
	Kind       string   `json:"kind,omitempty"` // "" = KindLogin
	Scope      string   `json:"scope,omitempty"`
	User       wireUser `json:"user"`
	Roles      []string `json:"roles"`
}

type wireUser struct {
	ID        string   `json:"id"`
	UID       string   `json:"uid"`
	Handle    string   `json:"handle"`
	Email     string   `json:"email"`
	FirstName string   `json:"firstName"`
	LastName  string   `json:"lastName"`
	AvatarURL string   `json:"avatarUrl"`
	Roles     []string `json:"roles"`
}

// assertionClaims is an assertion on the wire.
type assertionClaims struct {
	jwt.RegisteredClaims
	Kind      string   `json:"kind,omitempty"`
	Handle    string   `json:"preferred_username,omitempty"`
	Email     string   `json:"email,omitempty"`
	Name      string   `json:"name,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	Truncated bool     `json:"groups_truncated,omitempty"` // there are more groups than fit
}

// claimNames maps the folded to the right spelling of the members that a token is
// judged by.
var claimNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"alg", "typ", "kid",
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "gen", "scope", "user", "roles",
		"kind", "preferred_username", "email", "name", "groups", "groups_truncated",
	} {
		names[strict.Fold(name)] = name
	}
	return names
}()

// judge checks the claims of a token whose signature has been found good.
func (i *Issuer) judge(claims map[string]json.RawMessage, registered jwt.RegisteredClaims, audience string) error {
	if registered.Issuer != i.issuer {
		return refuse(ReasonBad, "another issuer")
	}
	if registered.Subject == "" || registered.ID == "" {
		return refuse(ReasonBad, "no subject or no id")
	}
	if !slices.Contains(registered.Audience, audience) {
		return refuse(ReasonBad, "another audience")
	}
	now := i.now()
	expires, ok := seconds(claims["exp"])
	if !ok {
		return refuse(ReasonBad, "exp is missing or no number of seconds")
	}
	issued, ok := seconds(claims["iat"])
	if !ok {
		return refuse(ReasonBad, "iat is missing or no number of seconds")
	}
	if issued.After(now.Add(leeway)) || !issued.Before(expires) {
		return refuse(ReasonBad, "iat is in the future or after exp")
	}
	if raw, given := claims["nbf"]; given {
		if from, ok := seconds(raw); !ok || from.After(now.Add(leeway)) {
			return refuse(ReasonBad, "nbf is in the future or no number of seconds")
		}
	}
	if !now.Before(expires) {
		return refuse(ReasonExpired, "expired")
	}
	return nil
}

// seconds reads a NumericDate as we write it: an unsigned integer of at most eleven
// digits. Fractions, exponents, signs and strings are refused.
func seconds(raw json.RawMessage) (time.Time, bool) {
	if len(raw) == 0 || len(raw) > 11 {
		return time.Time{}, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	return time.Unix(int64(n), 0), err == nil
}

func (w *accessClaims) claims(kid string) Claims {
	return Claims{
		ID: w.ID, Subject: w.Subject, Issuer: w.Issuer, Audience: w.Audience,
		Issued: w.IssuedAt.Time, Expires: w.ExpiresAt.Time,
		Generation: w.Generation, Kind: cmp.Or(w.Kind, KindLogin), Scopes: strings.Fields(w.Scope),
		User: User{
			ID: w.User.UID, Handle: w.User.Handle, Email: w.User.Email,
			Name: strings.TrimSpace(w.User.FirstName + " " + w.User.LastName), Roles: w.User.Roles,
		},
		KeyID: kid,
	}
}
