package ingress_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

func TestCredentials_that_are_noise_never_open_anything(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("H11", func(t *testing.T) {
		tries := 100_000 // some twenty seconds of one processor; FuzzCredentials goes on from here
		if testing.Short() {
			tries = 2_000
		}
		const hands = 4
		good := site.Token(site.Alice)
		for hand := range hands {
			t.Run(fmt.Sprintf("from seed %d", hand), func(t *testing.T) {
				t.Parallel()
				draw := rand.New(rand.NewPCG(7, 11+uint64(hand)))
				for range tries / hands {
					neverLetIn(t, site, noise(draw, "session="+good), noise(draw, "Bearer "+good))
				}
			})
		}
	})
}

// neverLetIn presents what is no credential, without a socket in between.
func neverLetIn(t *testing.T, site *admintest.Site, cookie, authorization string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/auth/nginx", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header["X-Original-Url"], r.Header["X-Original-Method"] = []string{app + "/api/x"}, []string{"GET"}
	r.Header["Cookie"], r.Header["Authorization"] = []string{cookie}, []string{authorization}
	w := httptest.NewRecorder()
	site.Public.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("X-Gatehouse-Decision-Id") == "" {
		t.Fatalf("Authorization %q: got status %d with headers %v, want 401 with an id", authorization, w.Code, w.Header())
	}
}

func FuzzCredentials(f *testing.F) {
	site := admintest.NewSite(f)
	good := site.Token(site.Alice)
	for _, seed := range []string{"", "Bearer ", "Bearer a.b.c", "Basic eDp5", "token abc", "Bearer " + good + "x", "bearer\t" + good[:40], strings.Repeat(".", 9000)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, cookie, authorization string) {
		if strings.HasSuffix(strings.TrimSpace(authorization), good) {
			return // that one is let in
		}
		neverLetIn(t, site, cookie, authorization)
	})
}

// noise damages a credential, or makes something up.
func noise(draw *rand.Rand, good string) string {
	switch draw.IntN(4) {
	case 0:
		b := make([]byte, draw.IntN(200))
		for i := range b {
			b[i] = byte(draw.IntN(256))
		}
		return string(b)
	case 1:
		return good[:draw.IntN(len(good))]
	case 2: // a byte of the part that a signature covers, or of the signature's front
		b := []byte(good)
		i := len("session=") + draw.IntN(len(b)-len("session=")-4)
		b[i] = "A.-_=B"[draw.IntN(6)]
		if string(b) == good {
			b[i] = '~'
		}
		return string(b)
	}
	return good + strings.Repeat(".", 1+draw.IntN(5))
}

func TestBytes_that_are_no_text_are_refused(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("H12", func(t *testing.T) {
		for _, at := range threeDoors {
			bytes := site.Ask(at, "GET", app+"/api/x", header{Name: "X-Any", Value: "\xff\xfe"})
			expect(t, string(at)+" with bytes that are not UTF-8", bytes, stranger)
			bytes = site.Ask(at, "GET", app+"/api/x", header{Name: "Authorization", Value: "Bearer \xff\xff.\xff.\xff"})
			if bytes.Status != http.StatusUnauthorized {
				t.Errorf("%s with a bearer of bytes: got status %d, want 401", at, bytes.Status)
			}
			for what, h := range map[string]header{"NUL": {Name: "X-Any", Value: "a\x00b"}, "1 MB": {Name: "X-Any", Value: strings.Repeat("a", 1<<20)}} {
				if got := site.Ask(at, "GET", app+"/public/x", h); got.Status != http.StatusBadRequest && got.Status != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("%s with %s: got status %d, want 400 or 431", at, what, got.Status)
				}
			}
		}
		shown := admintest.NewSite(t, admintest.Ingress(ingress.Config{PolicyHeaders: []string{"X-Any"}}))
		expect(t, "bytes in a header that policy sees", shown.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "X-Any", Value: "\xff"}), malformed)
		expect(t, "two of a header that policy sees", shown.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "X-Any", Value: "a"}, header{Name: "x-any", Value: "b"}), duplicate)
	})
}

func TestBodies_are_never_waited_for(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("H16", func(t *testing.T) {
		for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
			for _, framing := range []string{"Content-Length: 5", "Content-Length: 1048576", "Transfer-Encoding: chunked"} {
				if version == "HTTP/1.0" && strings.HasPrefix(framing, "Transfer") {
					continue // has no meaning there
				}
				for _, path := range []string{"/auth/nginx", "/auth/forward", "/auth/envoy/public/x", "/auth/none"} {
					request := "GET " + path + " " + version + "\r\nHost: app.test\r\nX-Original-URL: https://app.test/public/x\r\nX-Original-Method: GET\r\n" +
						framing + "\r\n\r\n"
					got := site.Exchange(request)
					want := outcome{http.StatusForbidden, "malformed_request"}
					switch path {
					case "/auth/nginx", "/auth/envoy/public/x":
						want = allowed
					case "/auth/forward":
						want = outcome{http.StatusForbidden, "conflicting_families"}
					case "/auth/none":
						want = outcome{http.StatusForbidden, "unknown_endpoint"}
					}
					expect(t, fmt.Sprintf("%s %s with %s", version, path, framing), got, want)
					if got.Took > 3*time.Second {
						t.Errorf("%s %s with %s took %s", version, path, framing, got.Took)
					}
				}
			}
		}
	})
	t.Run("H17", func(t *testing.T) {
		alice := site.Bearer(site.Alice)
		for _, h := range []header{
			{Name: "If-None-Match", Value: "*"}, {Name: "Range", Value: "bytes=0-0"}, {Name: "Expect", Value: "100-continue"}, {Name: "TE", Value: "trailers"},
			{Name: "If-Modified-Since", Value: "Tue, 24 Nov 2037 00:00:00 GMT"}, {Name: "Accept-Encoding", Value: "gzip"}, {Name: "If-Range", Value: `"x"`},
		} {
			for _, at := range threeDoors {
				expectInert(t, fmt.Sprintf("%s with %s", at, h.Name), site.Ask(at, "GET", app+"/api/x", alice, h), site.Ask(at, "GET", app+"/api/x", alice))
				expectInert(t, fmt.Sprintf("%s with %s, denied", at, h.Name), site.Ask(at, "GET", app+"/admin", alice, h), site.Ask(at, "GET", app+"/admin", alice))
			}
		}
	})
	t.Run("H18", func(t *testing.T) {
		alice := site.Bearer(site.Alice)
		for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "MKCOL", "QUERY", "INVENTED"} {
			for _, at := range []door{admintest.Nginx, admintest.Forward, admintest.Datalayer} {
				for _, path := range []string{"/api/x", "/admin"} {
					asked := admintest.Question(at, "GET", app+path, alice)
					expectInert(t, fmt.Sprintf("%s asked with %s", at, method), site.Exchange(strings.Replace(asked, "GET /", method+" /", 1)), site.Exchange(asked))
				}
			}
		}
		expect(t, "HEAD at the Envoy door is the client's method", site.Ask(admintest.Envoy, "HEAD", app+"/api/x", alice), allowed)
		expect(t, "and so is DELETE", site.Ask(admintest.Envoy, "DELETE", app+"/public/x"), outcome{http.StatusForbidden, "verb_not_granted"})
		for _, path := range []string{"/auth/", "/auth", "/auth/nginx/", "/auth/nginx/x", "/auth/envoy", "/auth/other", "/auth/../auth/nginx", "/%61uth/nginx", "http://x/auth/nginx"} {
			expect(t, path, site.Exchange(admintest.Request("GET", path, "x", header{Name: "X-Original-URL", Value: app + "/public/x"}, header{Name: "X-Original-Method", Value: "GET"})),
				outcome{http.StatusForbidden, "unknown_endpoint"})
		}
	})
}

// hostileDocuments could not be written through the directory, which refuses such
// names; a header must be safe all the same.
func hostileDocuments(teams int) []identity.Change {
	const uid = "01J00000000000000000000000"
	long := strings.Repeat("x", 242) + "@corp.test"
	member := map[string]string{}
	documents := []identity.Change{
		document("accounts", "01J0000000000000000000000A", map[string]any{"handle": "acme", "kind": "organisation", "state": "active"}),
		document("generations", uid, map[string]any{"n": 1}),
	}
	for i := range teams {
		id := fmt.Sprintf("01J000000000000000000%05d", i)
		member[id] = "member"
		handle := fmt.Sprintf("team-%03d", i)
		if i == 0 {
			handle = `a,admin|b;c="d"%`
		}
		documents = append(documents, document("teams", id, map[string]any{"handle": handle, "organisation": "01J0000000000000000000000A"}))
	}
	return append(documents, document("accounts", uid, map[string]any{
		"handle": strings.Repeat("h", 63), "kind": "person", "state": "active", "email": long, "user_id": strings.Repeat("u", 254),
		"name": "a\r\nX-Auth-Request-Groups: admin" + strings.Repeat("\u00e4", 90), "teams": member, "roles": map[string]bool{}, "organisations": map[string]string{},
	}))
}

func document(collection, key string, value map[string]any) identity.Change {
	for _, name := range []string{"roles", "teams", "organisations"} {
		if _, given := value[name]; !given && collection == "accounts" {
			value[name] = map[string]any{}
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return identity.Change{Collection: collection, Key: key, Doc: raw}
}

func TestHeader_values_are_one_line_and_one_list(t *testing.T) {
	log := &admintest.LogBuffer{}
	presets := ingress.Config{Presets: []string{"oauth2-proxy", "authelia", "grafana", "kubeflow"}}
	gate := admintest.New(t, admintest.Unfed(), admintest.Log(log), admintest.Ingress(presets),
		admintest.Overlay(admintest.SiteOverlay(), "ingress"))
	gate.Feed(hostileDocuments(500))
	raw, _, err := gate.Issuer.Access(token.User{ID: "01J00000000000000000000000"}, 1, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	got := gate.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "Authorization", Value: "Bearer " + raw})
	t.Run("H14", func(t *testing.T) {
		expect(t, "a name with a line break", got, allowed)
		want := "a%0D%0AX-Auth-Request-Groups: admin" + strings.Repeat("\u00e4", 90)
		if name := got.Header["X-Webauth-Name"]; len(name) != 1 || name[0] != want && name[0] != "" {
			t.Errorf("X-Webauth-Name is %q, want %q or, for want of room, nothing", name, want)
		}
		for _, target := range []string{"/none%0a{\"level\":\"ERROR\"}", "/none\x85", "/none%22x"} {
			gate.Ask(admintest.Nginx, "GET", app+target)
		}
		for line := range strings.Lines(log.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("the log has a line that is no JSON: %q", line)
			}
		}
	})
	t.Run("H15", func(t *testing.T) {
		for _, name := range []string{"X-Auth-Request-Groups", "Remote-Groups", "X-Webauth-Groups", "Kubeflow-Groups"} {
			list := strings.Split(got.Header.Get(name), ",")
			if want := "acme:a%2Cadmin%7Cb%3Bc%3D%22d%22%25"; list[0] != want {
				t.Errorf("%s begins with %q, want %q", name, list[0], want)
			}
		}
	})
	t.Run("H20", func(t *testing.T) {
		size := len("HTTP/1.1 200 OK\r\n\r\n")
		for name, values := range got.Header {
			for _, v := range values {
				size += len(name) + len(v) + len(": \r\n")
			}
		}
		if size > ingress.HeaderBudget {
			t.Errorf("all headers take %d bytes, want at most %d", size, ingress.HeaderBudget)
		}
		if got.Header.Get("X-Gatehouse-Groups-Omitted") == "" {
			t.Error("groups were left out and nothing says so")
		}
		gate.Feed(hostileDocuments(3))
		few := gate.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "Authorization", Value: "Bearer " + raw})
		if marker, present := few.Header["X-Gatehouse-Groups-Omitted"]; present {
			t.Errorf("three groups fit, and the answer says that %q were left out", marker)
		}
	})
}

func TestCredentials_get_the_same_answer_at_every_door(t *testing.T) {
	site := admintest.NewSite(t)
	good := site.Token(site.Alice)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	badge, _, err := site.Issuer.Assertion(token.Assertion{Subject: string(site.Root.ID), Kind: "account"}, admintest.Audience, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("J22", func(t *testing.T) {
		for what, c := range map[string]struct{ raw, reason string }{
			"a token without a signature":     {parts[0] + "." + parts[1] + ".", "bad_token"},
			"a token that is not signed":      {none + "." + parts[1] + ".", "bad_token"},
			"claims of another token":         {parts[0] + "." + strings.Split(site.Token(site.Root), ".")[1] + "." + parts[2], "bad_token"},
			"an assertion for a token":        {badge, "bad_token"},
			"a signature that is not encoded": {good + "=", "bad_token"},
		} {
			for _, at := range admintest.Doors {
				for _, path := range []string{"/api/x", "/public/x", "/admin"} {
					got := site.Ask(at, "GET", app+path, header{Name: "Authorization", Value: "Bearer " + c.raw})
					expect(t, fmt.Sprintf("%s for %s with %s", at, path, what), got, outcome{http.StatusUnauthorized, c.reason})
					if hint := got.Header.Get("Www-Authenticate"); !strings.HasPrefix(hint, `Bearer realm="gatehouse"`) {
						t.Errorf("%s with %s: WWW-Authenticate %q", at, what, hint)
					}
				}
			}
		}
		for _, at := range admintest.Doors {
			for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
				expect(t, scheme, site.Ask(at, "GET", app+"/api/x", header{Name: "Authorization", Value: scheme + " " + good}), allowed)
			}
		}
	})
}
