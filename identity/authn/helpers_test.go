package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

const (
	testIssuer   = "https://gate.test"
	testAudience = "gatehouse"
)

// world is a real directory with its keys, an Authenticator fed by it, and one active
// person, ada.
type world struct {
	dir    *identity.Directory
	ring   *token.Keyring
	issuer *token.Issuer
	auth   *Authenticator
	at     atomic.Int64 // Unix seconds
	ada    identity.Account
}

func (w *world) now() time.Time { return time.Unix(w.at.Load(), 0) }

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{}
	w.at.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	var err error
	w.dir, err = identity.Open(tb.Context(), identity.Options{
		Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler), Now: w.now, Create: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.dir.Close(); err != nil {
			tb.Error(err)
		}
	})
	if w.ring, err = token.OpenKeyring(tb.Context(), w.dir); err != nil {
		tb.Fatal(err)
	}
	w.issuer = token.NewIssuer(testIssuer, testAudience, w.ring, w.now)
	w.auth = New(w.issuer, Options{})
	if err := errors.Join(
		w.dir.Attach(tb.Context(), w.ring, identity.CollectionKeys),
		w.dir.Attach(tb.Context(), w.auth, Collections...),
	); err != nil {
		tb.Fatal(err)
	}
	w.ada = w.account(tb, identity.Account{
		Handle: "ada", Kind: identity.Person, State: identity.Active, Email: "ada@example.org", UserID: "Ada-1", Name: "Ada Lovelace",
	})
	return w
}

func (w *world) write(tb testing.TB, fn func(*identity.Tx) error) {
	tb.Helper()
	if _, err := w.dir.Write(tb.Context(), "test", fn); err != nil {
		tb.Fatal(err)
	}
}

func (w *world) account(tb testing.TB, a identity.Account) (created identity.Account) {
	tb.Helper()
	w.write(tb, func(tx *identity.Tx) (err error) { created, err = tx.CreateAccount(a); return err })
	return created
}

func (w *world) mint(tb testing.TB, a identity.Account) (string, token.Claims) {
	tb.Helper()
	raw, claims, err := w.issuer.Access(token.UserOf(a), a.Generation, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		tb.Fatal(err)
	}
	return raw, claims
}

func (w *world) key(tb testing.TB, use string) token.Key {
	tb.Helper()
	key, err := w.ring.Signing(use)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// ask authenticates a request with these Authorization headers and puts the answer
// into words: the handle of who was believed, "anonymous", or the reason of a refusal.
func (w *world) ask(authorization ...string) string {
	r := httptest.NewRequest(http.MethodGet, "/auth/nginx", nil)
	r.Header["Authorization"] = authorization
	subject, err := w.auth.Authenticate(r.Context(), r)
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		return refused.Reason
	case err != nil:
		return "unexpected error: " + err.Error()
	case subject.Kind == identity.SubjectAnonymous && subject.ID == "":
		return "anonymous"
	}
	return "account " + subject.Handle
}

// detail is what the log is told about a refusal.
func (w *world) detail(authorization string) string {
	r := httptest.NewRequest(http.MethodGet, "/auth/nginx", nil)
	r.Header.Set("Authorization", authorization)
	_, err := w.auth.Authenticate(r.Context(), r)
	var refused *Refused
	if !errors.As(err, &refused) {
		return fmt.Sprintf("not refused: %v", err)
	}
	return refused.Detail
}

// expect is one line of a table: what is presented, and the answer it must get.
func (w *world) expect(t *testing.T, name, raw, want string) {
	t.Helper()
	if got := w.ask("Bearer " + raw); got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// sign makes an ES256 signature by hand: no library has a say in what is signed.
func sign(tb testing.TB, private crypto.Signer, input string) string {
	tb.Helper()
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// forge signs any header and claims, given as JSON texts, with our own key.
func (w *world) forge(tb testing.TB, use, header, claims string) string {
	tb.Helper()
	input := encode(header) + "." + encode(claims)
	return input + "." + sign(tb, w.key(tb, use).Private, input)
}

// genuine is a good token in its parts, ready to be spoilt.
func (w *world) genuine(tb testing.TB) (raw, header, claims string) {
	tb.Helper()
	raw, _ = w.mint(tb, w.ada)
	part := strings.Split(raw, ".")
	text := func(s string) string {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			tb.Fatal(err)
		}
		return string(b)
	}
	return raw, text(part[0]), text(part[1])
}

func replace(tb testing.TB, text, old, new string) string {
	tb.Helper()
	if !strings.Contains(text, old) {
		tb.Fatalf("%s does not hold %s", text, old)
	}
	return strings.Replace(text, old, new, 1)
}
