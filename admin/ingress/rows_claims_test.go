package ingress_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// idp is another issuer on loopback, whose tokens are signed by hand: no library has a
// say in what they claim.
type idp struct {
	url string
	key *ecdsa.PrivateKey
	t   *testing.T
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(server.Close)
	return &idp{url: server.URL, key: key, t: t}
}

// trust is the issuer as it is configured: without a prefix its groups are nobody
// else's, and there is nothing that keeps them apart from ours.
func (p *idp) trust(log *admintest.LogBuffer) *trusted.Set {
	p.t.Helper()
	set, err := trusted.New([]trusted.Config{{
		Name: "corp", Issuer: p.url, Audience: admintest.Audience, JWKSURL: p.url + "/keys", Algorithms: []string{"ES256"},
		GroupsClaim: "groups", Unlinked: trusted.UnlinkedGroups,
	}}, trusted.Options{Logger: slog.New(slog.NewJSONHandler(log, nil))})
	if err != nil {
		p.t.Fatal(err)
	}
	return set
}

// bearer is a credential of the issuer with these claims beside those that it needs.
func (p *idp) bearer(claims map[string]any) header {
	p.t.Helper()
	all := map[string]any{"iss": p.url, "aud": admintest.Audience, "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			p.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := part(map[string]string{"alg": "ES256", "typ": "JWT", "kid": "1"}) + "." + part(all)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return header{Name: "Authorization", Value: "Bearer " + input + "." + base64.RawURLEncoding.EncodeToString(signature)}
}

// What an issuer claims ends up in headers and in the log, and must not end either.
func TestClaims_of_other_issuers_stay_in_their_place(t *testing.T) {
	for _, preset := range ingress.PresetNames() {
		log := &admintest.LogBuffer{}
		p := newIDP(t)
		site := admintest.NewSite(t, admintest.Log(log), admintest.Trusted(p.trust(log)),
			admintest.Ingress(ingress.Config{Presets: []string{preset}}))
		linked := site.Create(identity.Account{
			Handle: "linked", Kind: identity.Person, State: identity.Active, Email: "linked@corp.test", UserID: "Linked@Corp", Name: "Linked",
		})
		site.Write(func(tx *identity.Tx) error {
			return tx.PutIdentity(identity.LinkedIdentity{Issuer: p.url, Subject: "linked", Account: linked.ID})
		})
		t.Run("H14 with preset "+preset, func(t *testing.T) { rowClaims(t, site, p, log) })
		t.Run("H15 with preset "+preset, func(t *testing.T) { rowGroups(t, site, p, log) })
	}
}

// listed are the headers of all presets that hold lists.
var listed = []string{"X-Auth-Request-Groups", "Remote-Groups", "X-Webauth-Groups", "Kubeflow-Groups"}

// rowClaims: line breaks in claims make neither a header nor a line of the log.
func rowClaims(t *testing.T, site *admintest.Site, p *idp, log *admintest.LogBuffer) {
	t.Helper()
	log.Reset()
	const hostile = "a\r\nX-Auth-Request-Groups: admin\r\nX-Injected: yes"
	claims := map[string]any{
		"sub": "linked", "name": hostile, "preferred_username": hostile, "email": hostile, "jti": hostile, "scope": hostile,
		"groups": []any{hostile, "good", "good\r\n", "go\u2028od", "go\x00od", "go\u0085od", "go\u202eod"},
	}
	for _, at := range admintest.Doors {
		got := site.Ask(at, "GET", app+"/public/x", p.bearer(claims))
		expect200(t, string(at), got)
		for name, values := range got.Header {
			if len(values) != 1 || strings.Contains(name, "Injected") {
				t.Errorf("%s: %s is %q", at, name, values)
			}
		}
		for _, name := range listed {
			if values, given := got.Header[name]; given && values[0] != "good" {
				t.Errorf("%s: %s is %q, want good alone", at, name, values)
			}
		}
		// Own variant: the subject, by which the identity is known.
		expect(t, "a subject with a line break at "+string(at),
			site.Ask(at, "GET", app+"/public/x", p.bearer(map[string]any{"sub": hostile})), outcome{http.StatusUnauthorized, "bad_token"})
	}
	lines := 0
	for line := range strings.Lines(log.String()) {
		if lines++; !json.Valid([]byte(line)) {
			t.Errorf("the log has a line that is no JSON: %q", line)
		}
		if strings.Contains(line, "X-Injected") {
			t.Errorf("the log repeats what was claimed: %q", line)
		}
	}
	if lines < 2*len(admintest.Doors) {
		t.Errorf("%d lines were logged, want one for each answer at least", lines)
	}
}

// rowGroups: no name of a group reads as several, in a header or to a policy, and that
// one was left out is told.
func rowGroups(t *testing.T, site *admintest.Site, p *idp, log *admintest.LogBuffer) {
	t.Helper()
	log.Reset()
	site.Write(func(tx *identity.Tx) error {
		return tx.PutBinding(identity.Binding{Namespace: "team-a", Principal: identity.GroupPrincipal("admin"), Role: identity.Edit})
	})
	joined := []string{"x,admin", "admin,x", ",admin", "x, admin", "x|admin", "x;admin", "x=admin", `"admin"`, "admin ", " admin", "admin\r\n", "x\nadmin", "adm\u200bin"}
	for _, at := range admintest.Doors {
		for _, group := range joined {
			what := fmt.Sprintf("%q at %s", group, at)
			bearer := p.bearer(map[string]any{"sub": "linked", "groups": []string{group, "a b"}})
			got := site.Ask(at, "GET", app+"/public/x", bearer)
			expect200(t, what, got)
			for _, name := range listed {
				if values, given := got.Header[name]; given && (len(values) != 1 || values[0] != "a b") {
					t.Errorf("%s: %s is %q, want the other group alone", what, name, values)
				}
			}
			expect(t, what+", asking for what admin may", site.Ask(at, "GET", app+"/api/x", bearer), outcome{http.StatusForbidden, "no_binding"})
			list := p.bearer(map[string]any{"sub": "linked", "groups": group}) // own variant: a text instead of a list
			expect(t, what+" as a text", site.Ask(at, "GET", app+"/api/x", list), outcome{http.StatusForbidden, "no_binding"})
		}
		control := site.Ask(at, "GET", app+"/api/x", p.bearer(map[string]any{"sub": "linked", "groups": []string{"admin"}}))
		expect200(t, "the group itself at "+string(at), control)
	}
	told := log.Entries(t, "groups of a token were left out")
	if want := 2 * len(joined) * len(admintest.Doors); len(told) < want {
		t.Errorf("%d tokens whose groups were left out are logged, want %d", len(told), want)
	}
}

// expect200 is expect for presets other than the default one.
func expect200(t *testing.T, what string, got answer) {
	t.Helper()
	if o := outcomeOf(got); o != allowed {
		t.Errorf("%s: got %v, want %v", what, o, allowed)
	}
}
