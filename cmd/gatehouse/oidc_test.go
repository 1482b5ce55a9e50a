package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

const oidcSecret = "not-a-secret-in-a-test"

// oidcProvider is npm's oidc-provider on loopback. It makes itself a new key at every
// start.
type oidcProvider struct {
	node, folder, addr string
	stop               func()
}

func startOIDCProvider(t *testing.T) *oidcProvider {
	t.Helper()
	const pinned = "../../testdata/oidc"
	p := &oidcProvider{node: testtools.Node(t), folder: t.TempDir(), addr: freeAddress(t)}
	writeFile(t, p.folder, "issuer.mjs", readFile(t, filepath.Join(pinned, "issuer.mjs")))
	if err := os.Symlink(testtools.Modules(t, pinned), filepath.Join(p.folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	p.start(t)
	return p
}

func (p *oidcProvider) url() string { return "http://" + p.addr }

// start starts it, again on the same address.
func (p *oidcProvider) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	output := &lockedBuffer{}
	c := exec.CommandContext(ctx, p.node, "issuer.mjs", p.addr)
	c.Dir, c.Stdout, c.Stderr = p.folder, output, output
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.folder}
	if err := c.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	p.stop = func() {
		cancel()
		_ = c.Wait() // it was killed
	}
	t.Cleanup(p.stop)
	waitFor(t, "oidc-provider to listen", func() bool {
		return statusOf(p.url()+"/.well-known/openid-configuration") == http.StatusOK
	}, output)
}

// accessToken is what a program gets for itself; its subject is reporter.
func (p *oidcProvider) accessToken(t *testing.T) string {
	t.Helper()
	return p.token(t, "reporter", "access_token", url.Values{"grant_type": {"client_credentials"}, "resource": {"https://gatehouse.test"}})
}

func (p *oidcProvider) token(t *testing.T, client, member string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url()+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, oidcSecret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	raw, ok := answer[member].(string)
	if !ok {
		t.Fatalf("the issuer gave no %s: %v", member, answer)
	}
	return raw
}

// idToken is what a person gets who signs in with a browser (OpenID Connect Core 1.0, 3.1,
// with PKCE).
func (p *oidcProvider) idToken(t *testing.T, login string) string {
	t.Helper()
	const verifier = "a-verifier-of-forty-three-characters-or-more-0"
	challenge := sha256.Sum256([]byte(verifier))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := p.url() + "/back"
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/back" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	// send submits a form to a page, or opens it, and says where that ends and leads.
	send := func(page string, form url.Values) (at string, location *url.URL) {
		t.Helper()
		ask := func() (*http.Response, error) { return browser.PostForm(page, form) }
		if form == nil {
			ask = func() (*http.Response, error) { return browser.Get(page) }
		}
		res, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		location, _ = res.Location() // where it leads nowhere, there is a form
		return res.Request.URL.String(), location
	}
	at, _ := send(p.url()+"/auth?"+url.Values{
		"client_id": {"gatehouse"}, "response_type": {"code"}, "scope": {"openid groups"}, "redirect_uri": {back}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	at, _ = send(at, url.Values{"prompt": {"login"}, "login": {login}, "password": {"any"}})
	at, location := send(at, url.Values{"prompt": {"consent"}})
	if location == nil || location.Query().Get("code") == "" {
		t.Fatalf("signing in ended at %s without a code", at)
	}
	return p.token(t, "gatehouse", "id_token", url.Values{
		"grant_type": {"authorization_code"}, "code": {location.Query().Get("code")}, "redirect_uri": {back}, "code_verifier": {verifier},
	})
}
