package ingress_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

var navigation = []header{{Name: "Accept", Value: "text/html,application/xhtml+xml;q=0.9"}, {Name: "Sec-Fetch-Mode", Value: "navigate"}}

func TestBrowsers_are_sent_to_the_login_page_at_the_forward_door_only(t *testing.T) {
	const page = "https://gate.test/login?theme=dark"
	site := admintest.NewSite(t, admintest.Ingress(ingress.Config{LoginURL: page}))
	for _, c := range []struct {
		name    string
		at      door
		method  string
		url     string
		headers []header
		want    string // Location, "" = a plain 401
	}{
		{"a navigation", admintest.Forward, "GET", app + "/admin/x?a=b&c=%20", navigation,
			page + "&rd=https%3A%2F%2Fapp.test%2Fadmin%2Fx%3Fa%3Db%26c%3D%2520"},
		{"a navigation to another port", admintest.Forward, "HEAD", "http://APP.test:8080/api/", navigation, page + "&rd=http%3A%2F%2Fapp.test%3A8080%2Fapi%2F"},
		{"a navigation by an old browser", admintest.Forward, "GET", app + "/api/x", navigation[:1], page + "&rd=https%3A%2F%2Fapp.test%2Fapi%2Fx"},
		{"a very long address", admintest.Forward, "GET", app + "/api/" + strings.Repeat("a", 3000), navigation, page + "&rd=https%3A%2F%2Fapp.test%2F"},
		{"a fetch", admintest.Forward, "GET", app + "/api/x", []header{navigation[0], {Name: "Sec-Fetch-Mode", Value: "cors"}}, ""},
		{"an XHR", admintest.Forward, "GET", app + "/api/x", append(navigation[:2:2], header{Name: "X-Requested-With", Value: "XMLHttpRequest"}), ""},
		{"a program", admintest.Forward, "GET", app + "/api/x", []header{{Name: "Accept", Value: "*/*"}}, ""},
		{"a form", admintest.Forward, "POST", app + "/api/x", navigation, ""},
		{"a WebSocket", admintest.Forward, "GET", app + "/api/x", append(navigation[:2:2], header{Name: "Sec-WebSocket-Key", Value: "x"}), ""},
		{"somebody with a credential of another", admintest.Forward, "GET", app + "/api/x", append(navigation[:2:2], header{Name: "Authorization", Value: "token abc"}), ""},
		{"somebody with a bad token", admintest.Forward, "GET", app + "/api/x", append(navigation[:2:2], header{Name: "Authorization", Value: "Bearer " + site.Token(site.Alice) + "x"}), ""},
		{"the nginx door", admintest.Nginx, "GET", app + "/api/x", navigation, ""},
		{"the Datalayer door", admintest.Datalayer, "GET", app + "/api/x", navigation, ""},
		{"the Envoy door", admintest.Envoy, "GET", app + "/api/x", navigation, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := site.Ask(c.at, c.method, c.url, c.headers...)
			status, hinted := http.StatusUnauthorized, true
			if c.want != "" {
				status, hinted = http.StatusFound, false
			}
			if got.Status != status || got.Header.Get("Location") != c.want || (got.Header.Get("Www-Authenticate") != "") != hinted {
				t.Errorf("got %d to %q with %q, want %d to %q", got.Status, got.Header.Get("Location"), got.Header.Get("Www-Authenticate"), status, c.want)
			}
			wellFormed(t, c.name, got)
		})
	}
	denied := site.Ask(admintest.Forward, "GET", app+"/admin", append(navigation[:2:2], header{Name: "X-Forwarded-For", Value: "1.2.3.4"}, header{Name: "X_Forwarded_Uri", Value: "/"})...)
	expect(t, "a denial is never a redirect", denied, smuggling)
	plain := admintest.NewSite(t)
	expect(t, "without a login URL", plain.Ask(admintest.Forward, "GET", app+"/admin", navigation...), stranger)
}

func TestAssertions_are_for_one_audience_and_handed_out_again(t *testing.T) {
	overlay := admintest.SiteOverlay()
	overlay["custom/routes/data.json"] = strings.Replace(admintest.SiteRoutes, `"path": "/api/**",`, `"path": "/api/**", "audience": "notebooks",`, 1)
	gate := admintest.New(t, admintest.Overlay(overlay, "ingress"))
	ada := gate.Person("ada")
	gate.Namespace("team-a", ada)
	bearer := gate.Bearer(ada)
	take := func(url string) string {
		got := gate.Ask(admintest.Nginx, "GET", url, bearer)
		expect(t, url, got, allowed)
		return got.Header.Get("X-Gatehouse-Assertion")
	}
	named, host, elsewhere := take(app+"/api/x"), take(app+"/public/x"), take("https://pub.test/x")
	if again := take(app + "/api/other"); again != named {
		t.Error("the same person and audience got another assertion within its time")
	}
	for audience, raw := range map[string]string{"notebooks": named, "app.test": host, "pub.test": elsewhere} {
		for wanted, other := range map[string]string{"notebooks": named, "app.test": host, "pub.test": elsewhere} {
			_, err := gate.Issuer.VerifyAssertion(other, audience)
			if (err == nil) != (wanted == audience) {
				t.Errorf("assertion for %s verified for %s: %v", wanted, audience, err)
			}
		}
		if about, err := gate.Issuer.VerifyAssertion(raw, audience); err != nil || about.Subject != string(ada.ID) || about.Email != "ada@corp.test" || about.Kind != "account" {
			t.Errorf("assertion for %s says %+v, %v", audience, about, err)
		}
	}
}

func TestAnswers_may_be_cached_only_when_configured(t *testing.T) {
	site := admintest.NewSite(t, admintest.Ingress(ingress.Config{Cacheable: true}))
	for _, at := range admintest.Doors {
		for _, path := range []string{"/public/x", "/admin", "/../x"} {
			got := site.Ask(at, "GET", app+path)
			if values, present := got.Header["Cache-Control"]; present {
				t.Errorf("%s for %s: Cache-Control %q", at, path, values)
			}
		}
	}
}

func TestNginx_door_in_uri_mode_needs_the_host_beside_it(t *testing.T) {
	site := admintest.NewSite(t, admintest.Ingress(ingress.Config{NginxSource: "uri"}))
	ask := func(headers ...header) answer {
		return site.Exchange(admintest.Request("GET", "/auth/nginx", "pub.test", append(headers, header{Name: "X-Original-Method", Value: "GET"})...))
	}
	uri := func(v string) header { return header{Name: "X-Original-URI", Value: v} }
	host := func(v string) header { return header{Name: "X-Original-Host", Value: v} }
	for _, c := range []struct {
		name string
		got  answer
		want outcome
	}{
		{"a public path", ask(uri("/public/x"), host("app.test")), allowed},
		{"a guarded path", ask(uri("/admin?x=/public"), host("App.test.:443")), stranger},
		{"no host", ask(uri("/public/x")), malformed},
		{"a whole URL", ask(uri("https://app.test/public/x"), host("app.test")), malformed},
		{"the other header", ask(uri("/public/x"), host("app.test"), header{Name: "X-Original-URL", Value: "https://pub.test/"}), outcome{403, "conflicting_families"}},
		{"the other header alone", ask(host("app.test"), header{Name: "X-Original-URL", Value: "https://pub.test/"}), outcome{403, "conflicting_families"}},
		{"a path that climbs", ask(uri("/public/../admin"), host("app.test")), ambiguous},
	} {
		expect(t, c.name, c.got, c.want)
	}
}

func TestPolicies_see_the_configured_headers_only(t *testing.T) {
	overlay := admintest.SiteOverlay()
	overlay["custom/ingress/tenant/tenant.rego"] = `package custom.ingress.tenant

deny contains "another tenant" if input.request.headers["x-tenant"] != "blue"

deny contains "sees a credential" if {
	some name in ["authorization", "cookie", "x-color"]
	input.request.headers[name]
}
`
	gate := admintest.New(t, admintest.Overlay(overlay, "ingress"), admintest.Ingress(ingress.Config{PolicyHeaders: []string{"X-Tenant"}}))
	ask := func(tenant ...string) answer {
		headers := []header{{Name: "Cookie", Value: "a=b"}, {Name: "X-Color", Value: "red"}}
		for _, value := range tenant {
			headers = append(headers, header{Name: "X-Tenant", Value: value})
		}
		return gate.Ask(admintest.Nginx, "GET", app+"/public/x", headers...)
	}
	expect(t, "the tenant", ask("blue"), allowed)
	expect(t, "another tenant", ask("red"), outcome{403, "custom_deny"})
	expect(t, "no tenant", ask(), allowed)
	expect(t, "two tenants", ask("blue", "blue"), duplicate)
}

func TestEvery_answer_has_an_id_of_its_own(t *testing.T) {
	site := admintest.NewSite(t)
	seen := map[string]string{}
	for i := range 20 {
		for _, path := range []string{"/public/x", "/admin", "/../x", "/none"} {
			what := fmt.Sprintf("%s, time %d", path, i)
			id := site.Ask(admintest.Nginx, "GET", app+path).Header.Get("X-Gatehouse-Decision-Id")
			if before, twice := seen[id]; twice || id == "" {
				t.Errorf("%s: id %q was given to %s", what, id, before)
			}
			seen[id] = what
		}
	}
}
