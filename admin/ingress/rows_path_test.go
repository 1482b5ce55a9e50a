package ingress_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

const app = "https://app.test"

// refusedEverywhere asks every family about each target, as a stranger and as somebody
// who may use the site.
func refusedEverywhere(t *testing.T, site *admintest.Site, want outcome, targets ...string) {
	t.Helper()
	alice := site.Bearer(site.Alice)
	for _, target := range targets {
		for _, at := range threeDoors {
			expect(t, fmt.Sprintf("%s asked for %q by a stranger", at, target), site.Ask(at, "GET", app+target), want)
			expect(t, fmt.Sprintf("%s asked for %q by alice", at, target), site.Ask(at, "GET", app+target, alice), want)
		}
	}
}

func TestPaths_that_two_servers_read_differently_are_refused(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("P01", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, "/public/../admin/x", "/public/./x", "/public/x/..", "/public/.", "/..", "/./public/x")
	})
	t.Run("P02", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, "/public/..%2fadmin", "/public/%2e%2e/admin", "/public/..%5cadmin", "/public%2f..%2fadmin",
			"/public/%2E./admin", "/public/%2e", "/public/a%2f%2e%2e%2f%2e%2e%2fadmin", "/files/a%2F..%2F..%2Fadmin", "/files/%2Fadmin")
	})
	t.Run("P03", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, "//admin/x", "///admin", "/public//../admin", "/public//x", "/public/x//", "//")
	})
	t.Run("P04", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, "/admin#/public/", "/admin%23/public/", "/public/x#", "/public/x?a#b", "/public/c%23")
	})
	t.Run("P07", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, "/admin;a=1/x", "/public/..;/admin", "/public;/x", "/public/..%3b/admin", "/public/x;jsessionid=1")
	})
	t.Run("P08", func(t *testing.T) {
		refusedEverywhere(t, site, ambiguous, `/public\..\admin`, `/public%5c..%5cadmin`, `/public/x\`, `/\admin`)
	})
}

func TestPaths_with_a_query_are_judged_without_it(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("P05", func(t *testing.T) {
		for _, target := range []string{"/admin?x=/public/", "/admin?/public/a", "/admin/?%2fpublic", "/admin/x?/../public/x", "/admin/x?a=b&path=/public"} {
			for _, at := range threeDoors {
				expect(t, fmt.Sprintf("%s asked for %q", at, target), site.Ask(at, "GET", app+target), stranger)
			}
		}
		for _, at := range threeDoors {
			expect(t, string(at), site.Ask(at, "GET", app+"/public/x?a=/admin/../"), allowed)
		}
	})
}

func TestPaths_are_decoded_exactly_once(t *testing.T) {
	site := admintest.NewSite(t)
	alice := site.Bearer(site.Alice)
	t.Run("P06", func(t *testing.T) {
		for target, want := range map[string]outcome{
			"/public%2f": ambiguous, "/public/%2e": ambiguous, "/pub%6cic/x": allowed, "/%70ublic/x": allowed, "/public%2fx": ambiguous,
			"/files/a%2fb": allowed, "/public/a%2fb": ambiguous,
		} {
			for _, at := range threeDoors {
				expect(t, fmt.Sprintf("%s asked for %q", at, target), site.Ask(at, "GET", app+target), want)
			}
		}
	})
	t.Run("P06 for paths in any spelling", func(t *testing.T) {
		draw := rand.New(rand.NewPCG(1, 2))
		for range 150 {
			plain := []string{"/public/x", "/admin/x", "/api/x", "/public/../admin", "/public/./x", "/files/a/b", "/none"}[draw.IntN(7)]
			spelt := respell(draw, plain)
			at := threeDoors[draw.IntN(len(threeDoors))]
			got, canonical := site.Ask(at, "GET", app+spelt, alice), site.Ask(at, "GET", app+plain, alice)
			if got.Status != http.StatusForbidden && outcomeOf(got) != outcomeOf(canonical) {
				t.Errorf("%s: %q got %v, %q got %v", at, spelt, outcomeOf(got), plain, outcomeOf(canonical))
			}
		}
	})
	t.Run("P09", func(t *testing.T) {
		root := site.Bearer(site.Root)
		for _, at := range threeDoors {
			expect(t, "as root, the plain path", site.Ask(at, "GET", app+"/admin", root), allowed)
			for _, target := range []string{"/%2561dmin", "/%25%36%31dmin"} {
				expect(t, fmt.Sprintf("%s asked for %q", at, target), site.Ask(at, "GET", app+target, root), outcome{http.StatusForbidden, "no_route"})
			}
			for _, target := range []string{"/public/%252e%252e/admin", "/public/..%252fadmin", "/public/%25%35%63..%25%35%63admin"} {
				expect(t, fmt.Sprintf("%s asked for %q", at, target), site.Ask(at, "GET", app+target, root), ambiguous)
			}
		}
	})
	t.Run("P14", func(t *testing.T) {
		for _, target := range []string{"/Admin/x", "/ADMIN", "/PUBLIC/x", "/Public"} {
			for _, at := range threeDoors {
				expect(t, fmt.Sprintf("%s asked for %q by a stranger", at, target), site.Ask(at, "GET", app+target), outcome{http.StatusUnauthorized, "no_route"})
				expect(t, fmt.Sprintf("%s asked for %q by alice", at, target), site.Ask(at, "GET", app+target, alice), outcome{http.StatusForbidden, "no_route"})
			}
		}
	})
}

// respell percent-encodes some bytes of a path, in either case of hexadecimal.
func respell(draw *rand.Rand, plain string) string {
	var b strings.Builder
	b.WriteByte('/')
	for _, c := range []byte(plain[1:]) {
		switch draw.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "%%%02x", c)
		case 1:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestURLs_that_are_none_are_refused(t *testing.T) {
	site := admintest.NewSite(t)
	alice := site.Bearer(site.Alice)
	ask := func(rawURL string, headers ...header) answer {
		return site.Exchange(admintest.Request("GET", "/auth/nginx", "gatehouse",
			append([]header{{Name: "X-Original-URL", Value: rawURL}, {Name: "X-Original-Method", Value: "GET"}}, headers...)...))
	}
	t.Run("P10", func(t *testing.T) {
		for _, u := range []string{
			"https://app.test/%zz", " ", "app.test/admin", "//app.test/admin", "https:///admin", "https://app.test:99999/",
			"https://app.test", "https://app.test?/public/x", "https:/app.test/public/x", "https:app.test/public/x", "javascript://app.test/public/x",
			"https://app.test/" + strings.Repeat("a", 20<<10),
		} {
			expect(t, fmt.Sprintf("a stranger with %.40q", u), ask(u), malformed)
			expect(t, fmt.Sprintf("alice with %.40q", u), ask(u, alice), malformed)
		}
		for _, u := range []string{"/\x80", "/\xff\xfe", "/public/\xc3\xa9", "/%00", "/%0a", "/%0d", "/public/%0d%0aX:%20y"} {
			expect(t, fmt.Sprintf("%q", u), ask(app+u), ambiguous)
		}
		// More than the listener takes never reaches a handler; 431 makes nginx answer 500.
		if got := ask(app + "/" + strings.Repeat("a", 64<<10)); got.Status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a path of 64 KB: got status %d, want 431", got.Status)
		}
		// What net/http itself cannot parse is refused by it.
		if got := site.Ask(admintest.Envoy, "GET", app+"/%zz"); got.Status != http.StatusBadRequest {
			t.Errorf("a broken escape at the Envoy door: got status %d, want 400", got.Status)
		}
	})
	t.Run("P12", func(t *testing.T) {
		for _, u := range []string{
			"https://pub.test@app.test/admin", `https://app.test\@pub.test/`, "https://app.test%2f.pub.test/", "https://user:pw@pub.test/",
			"https://pub.test:80@app.test/", "https://app.test#@pub.test/", "https://[pub.test]/", "https://pub.test%00.app.test/", "https://pub.test /x",
		} {
			expect(t, fmt.Sprintf("a stranger with %q", u), ask(u), malformed)
			expect(t, fmt.Sprintf("alice with %q", u), ask(u, alice), malformed)
		}
	})
}

func TestHosts_have_one_spelling(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("P11", func(t *testing.T) {
		for _, host := range []string{"APP.test", "app.test.", "app.test:443", "aPp.TeSt:8443", "APP.TEST.:1"} {
			for _, at := range threeDoors {
				what := fmt.Sprintf("%s asked for %q", at, host)
				without := site.Ask(at, "GET", app+"/admin")
				expectInert(t, what, site.Ask(at, "GET", "https://"+host+"/admin"), without)
				expectInert(t, what, site.Ask(at, "GET", "https://"+host+"/public/x"), site.Ask(at, "GET", app+"/public/x"))
				expect(t, what, site.Ask(at, "GET", "https://"+host+"/.."), ambiguous)
			}
		}
		for _, at := range []door{admintest.Nginx, admintest.Forward} {
			for _, host := range []string{"b\u00fccher.test", "xn--bcher-kva.test", "XN--BCHER-KVA.test."} {
				expect(t, fmt.Sprintf("%s asked for %q", at, host), site.Ask(at, "GET", "https://"+host+"/public/x"), allowed)
				expect(t, fmt.Sprintf("%s asked for %q", at, host), site.Ask(at, "GET", "https://"+host+"/admin/x"), outcome{http.StatusUnauthorized, "no_route"})
			}
			for _, host := range []string{"pub\u3002test", "\uff50ub.test", "pu\u24d1.test", "pub.te\u017ft"} {
				expect(t, fmt.Sprintf("%s asked for %q", at, host), site.Ask(at, "GET", "https://"+host+"/"), malformed)
			}
		}
	})
}

func TestMethods_are_judged_as_they_are_sent(t *testing.T) {
	site := admintest.NewSite(t)
	alice := site.Bearer(site.Alice)
	t.Run("P15", func(t *testing.T) {
		override := []header{{Name: "X-Forwarded-Method", Value: "OPTIONS"}, {Name: "X-HTTP-Method-Override", Value: "GET"}, {Name: "X-Method-Override", Value: "GET"}}
		expectInert(t, "an override on a public path", site.Ask(admintest.Nginx, "DELETE", app+"/public/x", override...), site.Ask(admintest.Nginx, "DELETE", app+"/public/x"))
		expectInert(t, "an override on a guarded path", site.Ask(admintest.Nginx, "GET", app+"/admin", override...), site.Ask(admintest.Nginx, "GET", app+"/admin"))
		expect(t, "no method", site.Exchange(admintest.Request("GET", "/auth/nginx", "gatehouse", header{Name: "X-Original-URL", Value: app + "/public/x"})), malformed)
		for _, at := range threeDoors {
			for _, method := range []string{"get", "PROPFIND", "Get", "MKCOL", "QUERY"} {
				expect(t, fmt.Sprintf("%s with method %s", at, method), site.Ask(at, method, app+"/api/x", alice), outcome{http.StatusForbidden, "unknown_method"})
			}
			expect(t, fmt.Sprintf("%s with a method of 200 bytes", at), site.Ask(at, strings.Repeat("A", 200), app+"/api/x", alice), malformed)
			expect(t, fmt.Sprintf("%s with a preflight", at), site.Ask(at, "OPTIONS", app+"/api/x",
				header{Name: "Origin", Value: "https://evil.test"}, header{Name: "Access-Control-Request-Method", Value: "DELETE"}), stranger)
		}
	})
	t.Run("P15 with a rule for preflights", rowPreflight)
}

// rowPreflight: a preflight carries no credential by design, so a rule has to open it,
// and can tell it from another OPTIONS only by headers that it is shown.
func rowPreflight(t *testing.T) {
	overlay := admintest.SiteOverlay()
	overlay["custom/ingress/preflight/preflight.rego"] = `package custom.ingress.preflight

allow contains "a preflight" if {
	input.request.method == "OPTIONS"
	input.request.headers.origin
	input.request.headers["access-control-request-method"]
}
`
	house := func(shown ...string) *admintest.Site {
		return admintest.NewSite(t, admintest.Overlay(overlay, "ingress"), admintest.Ingress(ingress.Config{PolicyHeaders: shown}))
	}
	shown, blind := house("Origin", "Access-Control-Request-Method"), house()
	origin, asks := header{Name: "Origin", Value: "https://other.test"}, header{Name: "Access-Control-Request-Method", Value: "DELETE"}
	for _, at := range admintest.Doors {
		for _, c := range []struct {
			name    string
			site    *admintest.Site
			method  string
			headers []header
			want    outcome
		}{
			{"a preflight", shown, "OPTIONS", []header{origin, asks}, allowed},
			{"an OPTIONS without both", shown, "OPTIONS", nil, stranger},
			{"an OPTIONS without Origin", shown, "OPTIONS", []header{asks}, stranger},
			{"an OPTIONS without Access-Control-Request-Method", shown, "OPTIONS", []header{origin}, stranger},
			{"a GET with both", shown, "GET", []header{origin, asks}, stranger},
			{"a DELETE with both", shown, "DELETE", []header{origin, asks}, stranger},
			{"a preflight with two origins", shown, "OPTIONS", []header{origin, origin, asks}, duplicate},
			{"a preflight whose headers are not shown to policies", blind, "OPTIONS", []header{origin, asks}, stranger},
		} {
			expect(t, c.name+" at "+string(at), c.site.Ask(at, c.method, app+"/api/x", c.headers...), c.want)
		}
	}
}

func TestClient_addresses_have_one_spelling(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("P16", func(t *testing.T) {
		inside := []string{"10.0.0.1", "::ffff:10.0.0.1", "0:0:0:0:0:ffff:0a00:1", "[::ffff:10.0.0.1]:4711", "10.0.0.1:80", "::ffff:10.0.0.1%eth0", " 10.1.2.3 "}
		outside := []string{"11.0.0.1", "::10.0.0.1", "10.0.0.0.1", "fe80::1%eth0", "::ffff:11.0.0.1", "10.0.0.1%", "012.0.0.1"}
		for _, at := range threeDoors {
			for _, ip := range inside {
				got := site.Ask(at, "GET", app+"/public/office", header{Name: "X-Forwarded-For", Value: ip})
				expect(t, fmt.Sprintf("%s for %q", at, ip), got, allowed)
			}
			for _, ip := range outside {
				got := site.Ask(at, "GET", app+"/public/office", header{Name: "X-Forwarded-For", Value: ip})
				expect(t, fmt.Sprintf("%s for %q", at, ip), got, outcome{http.StatusForbidden, "custom_deny"})
			}
		}
	})
}
