package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixedKeys are keys held in memory.
type fixedKeys []Key

func (f fixedKeys) Signing(use string) (Key, error) {
	for _, key := range f {
		if key.Use == use {
			return key, nil
		}
	}
	return Key{}, fmt.Errorf("no key for %s", use)
}

func (f fixedKeys) Verifying(kid string) (Key, bool) {
	for _, key := range f {
		if key.KID == kid {
			return key, true
		}
	}
	return Key{}, false
}

func (f fixedKeys) Public() []Key { return f }

func newKey(tb testing.TB, use string) Key {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := toJWK(&private.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return Key{KID: public.thumbprint(), Alg: algES256, Use: use, Public: &private.PublicKey, Private: private}
}

const (
	testIssuer   = "https://gate.test"
	testAudience = "gatehouse"
)

func newIssuer(tb testing.TB) (*Issuer, fixedKeys, *clock) {
	tb.Helper()
	keys := fixedKeys{newKey(tb, UseAccess), newKey(tb, UseAssertion)}
	c := newClock()
	return NewIssuer(testIssuer, testAudience, keys, c.now), keys, c
}

// forge signs any header and claims, which are JSON texts, without asking any library
// whether they make sense.
func forge(tb testing.TB, private crypto.Signer, header, claims string) string {
	tb.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, private.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func parts(raw string) (header, claims, signature string) {
	p := strings.Split(raw, ".")
	text := func(s string) string {
		b, _ := base64.RawURLEncoding.DecodeString(s)
		return string(b)
	}
	return text(p[0]), text(p[1]), p[2]
}

// refusal is the reason and detail of an error of VerifyAccess, "" for none and "not
// ours" for ErrNotOurs.
func refusal(err error) string {
	var refused *RefusedError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNotOurs):
		return "not ours"
	case errors.As(err, &refused) && errors.Is(err, ErrRefused):
		return refused.Reason + ": " + refused.Detail
	}
	return "unexpected error: " + err.Error()
}

func openDirectory(tb testing.TB, folder string) *identity.Directory {
	tb.Helper()
	dir, err := identity.Open(tb.Context(), identity.Options{
		Dir: folder, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Create: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := dir.Close(); err != nil {
			tb.Error(err)
		}
	})
	return dir
}
