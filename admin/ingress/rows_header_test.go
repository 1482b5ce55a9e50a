package ingress_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestHeaders_of_another_family_say_nothing(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("H01", func(t *testing.T) {
		foreign := []header{{Name: "X-Forwarded-Uri", Value: "/public"}, {Name: "X-Forwarded-Host", Value: "pub.test"}, {Name: "X-Forwarded-Method", Value: "GET"}, {Name: "X-Forwarded-Proto", Value: "http"}}
		for _, method := range []string{"GET", "DELETE"} {
			expectInert(t, method, site.Ask(admintest.Nginx, method, app+"/admin", foreign...), site.Ask(admintest.Nginx, method, app+"/admin"))
			expectInert(t, method, site.Ask(admintest.Envoy, method, app+"/admin", foreign[0], foreign[1], foreign[2]), site.Ask(admintest.Envoy, method, app+"/admin"))
		}
		// Beside X-Original-URL the other original header is a conflict.
		expect(t, "X-Original-URI", site.Ask(admintest.Nginx, "GET", app+"/admin", header{Name: "X-Original-URI", Value: "/public"}), outcome{http.StatusForbidden, "conflicting_families"})
	})
	t.Run("H02", func(t *testing.T) {
		for _, at := range []door{admintest.Forward, admintest.Datalayer} {
			got := site.Ask(at, "GET", app+"/admin", header{Name: "X-Original-URL", Value: "https://pub.test/"})
			expect(t, string(at), got, outcome{http.StatusForbidden, "conflicting_families"})
		}
		expectInert(t, "envoy", site.Ask(admintest.Envoy, "GET", app+"/admin", header{Name: "X-Original-URL", Value: "https://pub.test/"}), site.Ask(admintest.Envoy, "GET", app+"/admin"))
	})
	t.Run("H13", func(t *testing.T) {
		for _, h := range []header{
			{Name: "x-envoy-original-path", Value: "/public"}, {Name: "X-Forwarded-Prefix", Value: "/public"}, {Name: "X-Forwarded-Port", Value: "80"},
			{Name: "X-Rewrite-URL", Value: "/public"}, {Name: "X-Original-Forwarded-For", Value: "10.0.0.1"}, {Name: "Forwarded", Value: "for=10.0.0.1;host=pub.test"},
			{Name: "X-Real-IP", Value: "10.0.0.1"}, {Name: "X-Host", Value: "pub.test"}, {Name: "X-Auth-Request-Redirect", Value: "/public"},
		} {
			for _, at := range threeDoors {
				expectInert(t, fmt.Sprintf("%s with %s", at, h.Name), site.Ask(at, "GET", app+"/admin", h), site.Ask(at, "GET", app+"/admin"))
				expectInert(t, fmt.Sprintf("%s with %s", at, h.Name), site.Ask(at, "GET", app+"/public/office", h), site.Ask(at, "GET", app+"/public/office"))
			}
		}
	})
}

func TestOnly_trusted_proxies_are_believed(t *testing.T) {
	site := admintest.NewSite(t)
	t.Run("H03", func(t *testing.T) {
		for _, at := range admintest.Doors {
			got := admintest.ExchangeFrom(t, "127.0.0.2", site.Address(), admintest.Question(at, "GET", app+"/public/x"))
			expect(t, string(at), got, outcome{http.StatusForbidden, "untrusted_proxy"})
			got = admintest.ExchangeFrom(t, "127.0.0.2", site.Address(), admintest.Question(at, "GET", app+"/public/x",
				site.Bearer(site.Root), header{Name: "X-Forwarded-For", Value: "127.0.0.1"}))
			expect(t, "as root at "+string(at), got, outcome{http.StatusForbidden, "untrusted_proxy"})
		}
	})
	t.Run("H04", func(t *testing.T) {
		for chain, want := range map[string]outcome{
			"a": {403, "custom_deny"}, "": {403, "custom_deny"}, "10.0.0.1, ": {403, "custom_deny"}, ",": {403, "custom_deny"},
			"10.0.0.1, 203.0.113.9": {403, "custom_deny"}, "203.0.113.9, 10.0.0.1": allowed, "a, 10.0.0.1": allowed,
			"10.0.0.1, 127.0.0.1": allowed, "127.0.0.1": {403, "custom_deny"}, "10.0.0.1 10.0.0.1": {403, "custom_deny"},
			"unknown, 127.0.0.1": {403, "custom_deny"}, strings.Repeat("10.0.0.1,", 1100) + "10.0.0.1": {403, "custom_deny"},
		} {
			for _, at := range threeDoors {
				h := header{Name: "X-Forwarded-For", Value: chain}
				expect(t, fmt.Sprintf("%s with %.40q", at, chain), site.Ask(at, "GET", app+"/public/office", h), want)
				expect(t, fmt.Sprintf("%s with %.40q elsewhere", at, chain), site.Ask(at, "GET", app+"/public/x", h), allowed)
			}
		}
		two := []header{{Name: "X-Forwarded-For", Value: "10.0.0.1"}, {Name: "X-Forwarded-For", Value: "203.0.113.9"}}
		expect(t, "two lines", site.Ask(admintest.Nginx, "GET", app+"/public/office", two...), outcome{403, "custom_deny"})
	})
}

func TestTwins_of_trusted_headers_are_refused(t *testing.T) {
	site := admintest.NewSite(t)
	twins := []string{"X-Auth-Request.User", "X.Auth.Request.User", "X-Auth'Request-User", "X_Original_Url", "X_Forwarded_Uri", "X_Auth_Request_User", "x-auth_request-user", "REMOTE_USER", "kubeflow_userid", "X_Gatehouse_Assertion", "X_Forwarded-For"}
	t.Run("H05", func(t *testing.T) {
		for _, name := range twins {
			for _, at := range threeDoors {
				h := header{Name: name, Value: "https://pub.test/public"}
				expect(t, fmt.Sprintf("%s with %s", at, name), site.Ask(at, "GET", app+"/admin", h), smuggling)
				expect(t, fmt.Sprintf("%s with %s on a public path", at, name), site.Ask(at, "GET", app+"/public/x", h), smuggling)
			}
		}
		expect(t, "another name with an underscore", site.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "X_Request_Color", Value: "red"}), allowed)
	})
	t.Run("H05 when configured to warn", func(t *testing.T) {
		warned := admintest.NewSite(t, admintest.Ingress(ingress.Config{Smuggled: "warn"}))
		for _, name := range twins {
			for _, at := range threeDoors {
				h := header{Name: name, Value: "https://pub.test/public"}
				expectInert(t, fmt.Sprintf("%s with %s", at, name), warned.Ask(at, "GET", app+"/admin", h), warned.Ask(at, "GET", app+"/admin"))
			}
		}
		for _, at := range []door{admintest.Forward, admintest.Datalayer} {
			got := warned.Ask(at, "GET", app+"/public/x", header{Name: "X-Original-URL", Value: "https://pub.test/"})
			expect(t, "a foreign family at "+string(at), got, outcome{http.StatusForbidden, "conflicting_families"})
		}
		expect(t, "a trusted name in Connection", warned.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "Connection", Value: "X-Auth-Request-User"}), smuggling)
	})
	t.Run("H08 where the authorizer sees it", func(t *testing.T) {
		alice := site.Bearer(site.Alice)
		for _, value := range []string{"X-Auth-Request-User", "close, x-gatehouse-assertion", "keep-alive,X-Auth-Request-Groups , TE", "X_Forwarded_For"} {
			got := site.Ask(admintest.Nginx, "GET", app+"/api/x", alice, header{Name: "Connection", Value: value})
			expect(t, value, got, smuggling)
		}
	})
}

func TestIdentity_headers_are_ours_alone(t *testing.T) {
	all := ingress.Config{Presets: []string{"oauth2-proxy", "authelia", "grafana", "kubeflow"}}
	site := admintest.NewSite(t, admintest.Ingress(all))
	plain := site.Create(identity.Account{Handle: "plain", Kind: identity.Person, State: identity.Active, UserID: "plain@idp"})
	bare := site.Create(identity.Account{Handle: "bare", Kind: identity.Person, State: identity.Active})
	site.Bind("team-a", plain, identity.View)
	site.Bind("team-a", bare, identity.View)
	claims := []header{
		{Name: "X-Auth-Request-Groups", Value: "admin"}, {Name: "kubeflow-userid", Value: "root"}, {Name: "Remote-User", Value: "root"},
		{Name: "X-WEBAUTH-ROLE", Value: "Admin"}, {Name: "X-WEBAUTH-USER", Value: "root"}, {Name: "X-Auth-Request-Email", Value: "root@corp.test"},
		{Name: "X-Gatehouse-Assertion", Value: "forged"},
	}
	t.Run("H06 an answer names every configured header", func(t *testing.T) {
		want := map[string]string{
			"X-Auth-Request-User": "plain", "X-Auth-Request-Email": "", "X-Auth-Request-Groups": "", "X-Auth-Request-Preferred-Username": "plain",
			"Remote-User": "plain", "Remote-Groups": "", "Remote-Name": "", "Remote-Email": "",
			"X-Webauth-User": "plain", "X-Webauth-Email": "", "X-Webauth-Name": "", "X-Webauth-Groups": "", "X-Webauth-Role": "",
			"Kubeflow-Userid": "plain@idp", "Kubeflow-Groups": "",
		}
		for _, at := range threeDoors {
			got := site.Ask(at, "GET", app+"/api/x", append(claims, site.Bearer(plain))...)
			expect(t, string(at), got, allowed)
			for name, value := range want {
				if values := got.Header[name]; len(values) != 1 || values[0] != value {
					t.Errorf("%s: %s is %q, want %q once", at, name, values, value)
				}
			}
			about, err := site.Issuer.VerifyAssertion(got.Header.Get("X-Gatehouse-Assertion"), "app.test")
			if err != nil || about.Subject != string(plain.ID) || about.Handle != "plain" {
				t.Errorf("%s: assertion %+v, %v", at, about, err)
			}
		}
	})
	t.Run("H06 a required header without a value is no allow", func(t *testing.T) {
		for _, at := range threeDoors {
			expect(t, string(at), site.Ask(at, "GET", app+"/api/x", append(claims, site.Bearer(bare))...), outcome{http.StatusForbidden, "no_identity_header"})
			expect(t, "a stranger at "+string(at), site.Ask(at, "GET", app+"/public/x", claims...), outcome{http.StatusForbidden, "no_identity_header"})
		}
	})
	t.Run("H06 a stranger on a public path has empty headers", func(t *testing.T) {
		public := admintest.NewSite(t)
		got := public.Ask(admintest.Nginx, "GET", app+"/public/x", claims...)
		expect(t, "stranger", got, allowed)
		for _, name := range identityNames {
			if values := got.Header[name]; len(values) != 1 || values[0] != "" {
				t.Errorf("%s is %q, want one empty value", name, values)
			}
		}
	})
}

func TestHeaders_that_come_twice_are_refused(t *testing.T) {
	site := admintest.NewSite(t)
	alice := site.Bearer(site.Alice)
	t.Run("H07", func(t *testing.T) {
		for _, c := range []struct {
			at    door
			twice header
		}{
			{admintest.Nginx, header{Name: "X-Original-URL", Value: "https://pub.test/"}},
			{admintest.Nginx, header{Name: "x-original-url", Value: app + "/api/x"}},
			{admintest.Nginx, header{Name: "X-Original-Method", Value: "GET"}},
			{admintest.Forward, header{Name: "X-Forwarded-Uri", Value: "/public/x"}},
			{admintest.Forward, header{Name: "X-Forwarded-Host", Value: "pub.test"}},
			{admintest.Forward, header{Name: "X-Forwarded-Method", Value: "GET"}},
			{admintest.Forward, header{Name: "X-Forwarded-Proto", Value: "https"}},
			{admintest.Datalayer, header{Name: "X-Forwarded-Uri", Value: "/public/x"}},
			{admintest.Nginx, alice}, {admintest.Forward, alice}, {admintest.Envoy, alice},
			{admintest.Envoy, header{Name: "authorization", Value: "Basic eDp5"}},
		} {
			got := site.Ask(c.at, "GET", app+"/api/x", alice, c.twice)
			expect(t, fmt.Sprintf("%s with another %s", c.at, c.twice.Name), got, duplicate)
		}
		joined := admintest.Request("GET", "/auth/forward", "gatehouse", header{Name: "X-Forwarded-Method", Value: "GET"},
			header{Name: "X-Forwarded-Proto", Value: "https"}, header{Name: "X-Forwarded-Host", Value: "app.test"}, header{Name: "X-Forwarded-Uri", Value: "/public/a, /public/b"})
		expect(t, "joined values", site.Exchange(joined), duplicate)
		cookies := []header{{Name: "Cookie", Value: "session=a"}, {Name: "Cookie", Value: "session=b"}}
		expectInert(t, "cookies, which are no credential here", site.Ask(admintest.Nginx, "GET", app+"/api/x", cookies...), site.Ask(admintest.Nginx, "GET", app+"/api/x"))
	})
	t.Run("H09", func(t *testing.T) {
		for _, agent := range []string{"kube-probe/1.29", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Blackbox Exporter/0.24"} {
			for _, at := range threeDoors {
				for _, path := range []string{"/healthz", "/ready", "/readyz", "/metrics", "/ping"} {
					got := site.Ask(at, "GET", app+path, header{Name: "User-Agent", Value: agent})
					expectInert(t, fmt.Sprintf("%s, %s as %s", at, path, agent), got, site.Ask(at, "GET", app+path))
					expect(t, path, got, outcome{http.StatusUnauthorized, "no_route"})
				}
			}
		}
	})
	t.Run("H10", func(t *testing.T) {
		for _, query := range []string{"?allowed_groups=team-a&user=root&rd=https://evil", "?%zz", "?host=pub.test", "?effect=allow;&"} {
			asked := strings.Replace(admintest.Question(admintest.Forward, "GET", app+"/admin", alice), "/auth/forward", "/auth/forward"+query, 1)
			expectInert(t, query, site.Exchange(asked), site.Ask(admintest.Forward, "GET", app+"/admin", alice))
		}
		asked := strings.Replace(admintest.Question(admintest.Nginx, "GET", app+"/api/x", alice), "/auth/nginx", "/auth/nginx?host=app.test&allowed_groups=x", 1)
		expectInert(t, "the pinned host", site.Exchange(asked), site.Ask(admintest.Nginx, "GET", app+"/api/x", alice))
		asked = strings.Replace(admintest.Question(admintest.Nginx, "GET", app+"/api/x", alice), "/auth/nginx", "/auth/nginx?host=pub.test", 1)
		expect(t, "another pinned host", site.Exchange(asked), outcome{http.StatusForbidden, "host_mismatch"})
	})
}
