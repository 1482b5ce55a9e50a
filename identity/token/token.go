package token

import (
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// What a key may sign. A key has exactly one use, so that one kind of token can
// never pass for the other (RFC 8725, 3.12).
const (
	UseAccess    = "access"
	UseAssertion = "assertion"
)

// The reasons of a RefusedError.
const (
	ReasonBad     = "bad_token"
	ReasonExpired = "expired_token"
)

// ErrNotOurs says that a credential is none of this issuer's tokens: it is not shaped
// like a JWT, or another issuer made it. It proves nothing, and is no offence either.
var ErrNotOurs = errors.New("not a token of this issuer")

// ErrRefused is what every *RefusedError matches with errors.Is.
var ErrRefused = errors.New("token refused")

// RefusedError says that a token claims to be ours and must not be believed. Detail
// is for the log; it never repeats what the token says.
type RefusedError struct{ Reason, Detail string }

func (e *RefusedError) Error() string { return "token refused: " + e.Detail }

// Is makes every RefusedError match ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

func refuse(reason, detail string) error { return &RefusedError{Reason: reason, Detail: detail} }

// Key is one signing key. Alg is pinned with the key and never taken from a token.
// Private is nil where only verification is possible.
type Key struct {
	KID, Alg, Use string
	Public        crypto.PublicKey
	Private       crypto.Signer
}

// Keys is where an Issuer finds its keys.
type Keys interface {
	// Signing returns the one active key of a use, private part included.
	Signing(use string) (Key, error)
	// Verifying returns the key of that name while its signatures count.
	Verifying(kid string) (Key, bool)
	// Public lists every key whose signatures count, in a stable order.
	Public() []Key
}

// User is the person that an access token describes to clients.
type User struct {
	ID, Handle, Email, Name string
	Roles                   []string
}

// UserOf is the token's picture of an account.
func UserOf(a identity.Account) User {
	u := User{ID: string(a.ID), Handle: string(a.Handle), Email: string(a.Email), Name: a.Name}
	for _, role := range a.Roles {
		u.Roles = append(u.Roles, string(role))
	}
	return u
}

// FirstAndLast cut the name at its last space, for clients that know only these two.
func (u User) FirstAndLast() (first, last string) {
	name := strings.TrimSpace(u.Name)
	if at := strings.LastIndexByte(name, ' '); at >= 0 {
		return strings.TrimSpace(name[:at]), name[at+1:]
	}
	return name, ""
}

// Claims are what a verified access token says. Times are in whole seconds.
type Claims struct {
	ID, Subject, Issuer string
	Audience            []string
	Issued, Expires     time.Time
	Generation          uint64   // of the account when the token was minted
	Kind                string   // KindLogin or KindPersonal
	Scopes              []string // empty = not narrowed
	User                User
	KeyID               string
}

// Assertion is what an upstream is told about the person behind a request.
type Assertion struct {
	Subject, Kind, Handle, Email, Name string
	Groups                             []string
}

func checkTTL(ttl time.Duration) error {
	if ttl < time.Second {
		return fmt.Errorf("mint a token: a lifetime of %s is below one second", ttl)
	}
	return nil
}
