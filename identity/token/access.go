package token

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// The kinds of access token. They are told apart because a personal token must not be
// able to make further ones.
const (
	KindLogin    = "access"   // somebody signed in
	KindPersonal = "personal" // made under a name, for a program
)

const maxScopes = 50

// AccessOptions say what an access token is to be.
type AccessOptions struct {
	TTL    time.Duration
	Kind   string   // KindLogin ("" is that too) or KindPersonal
	Scopes []string // nil = all that the account may; they only narrow
}

func (o AccessOptions) check() error {
	if err := checkTTL(o.TTL); err != nil {
		return err
	}
	if o.Kind != "" && !knownKind(o.Kind) {
		return &identity.InvalidError{Field: "kind", Why: "is none of access, personal"}
	}
	if o.Scopes == nil {
		return nil
	}
	return CheckScopes(o.Scopes)
}

func knownKind(kind string) bool { return kind == KindLogin || kind == KindPersonal }

// Scopes are words; what they mean is for policies to say. A namespace's name may be as
// long as Kubernetes lets it be.
var scopeForm = regexp.MustCompile(`^([a-z0-9_.:-]{1,63}|namespace:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$`)

// CheckScopes says whether a token may be narrowed to the scopes; the error is an
// identity.InvalidError of the field "scopes". An empty list is refused: on the wire it
// could not be told from no list, which is a token that may everything.
func CheckScopes(scopes []string) error {
	fail := func(why string) error { return &identity.InvalidError{Field: "scopes", Why: why} }
	if len(scopes) == 0 {
		return fail("is empty: leave it out for a token that is not narrowed")
	}
	if len(scopes) > maxScopes {
		return fail(fmt.Sprintf("has more than %d entries", maxScopes))
	}
	for at, scope := range scopes {
		if !scopeForm.MatchString(scope) {
			return fail(fmt.Sprintf("entry %d is not 1 to 63 of a-z, 0-9, _ . : -", at+1))
		}
	}
	return nil
}

// tooLong blames what can be made shorter.
func tooLong(length int, o AccessOptions) error {
	if len(o.Scopes) > 0 {
		return &identity.InvalidError{Field: "scopes", Why: fmt.Sprintf("make a token of %d characters, more than the %d that clients accept", length, maxMinted)}
	}
	return fmt.Errorf("mint a token: %d characters, more than the %d that clients accept; the account has too many roles", length, maxMinted)
}

// checkReach refuses claims of a kind that is not known and scopes that are there but
// say nothing: a narrowed token must never become a wide one.
func (w *accessClaims) checkReach(members map[string]json.RawMessage) error {
	if _, given := members["kind"]; given && !knownKind(w.Kind) {
		return refuse(ReasonBad, "an unknown kind of access token")
	}
	if _, given := members["scope"]; given && CheckScopes(strings.Fields(w.Scope)) != nil {
		return refuse(ReasonBad, "scope is empty or malformed")
	}
	return nil
}
