// Package trustedtest is an issuer on loopback for tests: it publishes what a test says
// and signs whatever a test makes up, which a real issuer would not.
//
// Nothing but tests imports it. Neighbours: trusted, whose Config it gives.
package trustedtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// Audience is that of the tokens.
const Audience = "gatehouse"

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
)

// IdP is the issuer. It is safe for concurrent use.
type IdP struct {
	URL string // the issuer
	Key *Key   // published from the start: P-256, ES256
	Now func() time.Time

	tb        testing.TB
	mu        sync.Mutex
	published []*Key
	replaced  map[string]http.HandlerFunc
	asked     map[string]int
}

// New starts an issuer and ends it with the test.
func New(tb testing.TB) *IdP {
	tb.Helper()
	p := &IdP{tb: tb, Key: NewKey(tb, "ES256"), Now: time.Now, replaced: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	p.published = []*Key{p.Key}
	server := httptest.NewServer(p)
	tb.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Config trusts the issuer under the name.
func (p *IdP) Config(name string) trusted.Config {
	return trusted.Config{Name: name, Issuer: p.URL, Audience: Audience, GroupsClaim: "groups", GroupsPrefix: name + ":"}
}

// Publish replaces the key set.
func (p *IdP) Publish(keys ...*Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = keys
}

// Replace has a path answered in another way; nil puts it back.
func (p *IdP) Replace(path string, with http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replaced[path] = with
}

// ReplaceDiscovery and ReplaceKeys are Replace of the two documents.
func (p *IdP) ReplaceDiscovery(with http.HandlerFunc) { p.Replace(discoveryPath, with) }

// ReplaceKeys has the key set answered in another way.
func (p *IdP) ReplaceKeys(with http.HandlerFunc) { p.Replace(keysPath, with) }

// Fetches is how often the key set was asked for.
func (p *IdP) Fetches() int { return p.Asked(keysPath) }

// Asked is how often a path was asked for.
func (p *IdP) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// ServeHTTP implements http.Handler.
func (p *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	replaced, published := p.replaced[r.URL.Path], p.published
	p.mu.Unlock()
	switch {
	case replaced != nil:
		replaced(w, r)
	case r.URL.Path == discoveryPath:
		Answer(w, Discovery(p.URL, p.URL+keysPath))
	case r.URL.Path == keysPath:
		Answer(w, KeySet(published...))
	default:
		http.NotFound(w, r)
	}
}

// Answer writes a document.
func Answer(w http.ResponseWriter, document string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, document)
}

// Discovery is a discovery document.
func Discovery(issuer, keys string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%q}`, issuer, keys, issuer+"/auth")
}

// KeySet is a key set document.
func KeySet(keys ...*Key) string {
	list := []json.RawMessage{}
	for _, key := range keys {
		list = append(list, json.RawMessage(key.JWK()))
	}
	text, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		panic(err) // only a test that publishes a malformed key gets here
	}
	return string(text)
}

// Claims are those of a good token, with changes; a nil value takes a member out.
func (p *IdP) Claims(subject string, changes map[string]any) map[string]any {
	now := p.Now()
	claims := map[string]any{
		"iss": p.URL, "sub": subject, "aud": Audience, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "jti-" + subject,
	}
	maps.Copy(claims, changes)
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// Token is a good token of the subject, with changed claims as of Claims.
func (p *IdP) Token(subject string, changes map[string]any) string {
	p.tb.Helper()
	return p.Key.Sign(p.tb, p.Key.Header(), p.Text(subject, changes))
}

// Text is the claims of Token as JSON, in the order of their names.
func (p *IdP) Text(subject string, changes map[string]any) string {
	p.tb.Helper()
	text, err := json.Marshal(p.Claims(subject, changes))
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(text)
}
