package admin_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

func TestPublic_listener_shows_no_operators_pages(t *testing.T) {
	operators := []string{
		"/metrics", "/metrics/", "//metrics", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars",
		"/", "/healthz/",
	}
	management := []string{"/admin/v1", "/admin/v1/accounts", "/admin/v1/openapi.json", "/docs"}
	statuses := func(t *testing.T, address string, paths []string, want int) {
		t.Helper()
		for _, path := range paths {
			if got := admintest.ExchangeFrom(t, "127.0.0.1", address, admintest.Request("GET", path, address)); got.Status != want {
				t.Errorf("%s: got status %d, want %d", path, got.Status, want)
			}
		}
	}
	t.Run("K04 on one listener", func(t *testing.T) {
		gate := admintest.New(t)
		statuses(t, gate.Address(), operators, http.StatusNotFound)
		statuses(t, gate.Address(), management, http.StatusUnauthorized)
		if gate.ManagementAddress() != "" {
			t.Error("a management listener was made unasked")
		}
	})
	t.Run("K04 where admin.listen moves what manages", func(t *testing.T) {
		gate := admintest.New(t, admintest.Apart())
		statuses(t, gate.Address(), append(operators, management...), http.StatusNotFound)
		statuses(t, gate.ManagementAddress(), management, http.StatusUnauthorized)
		doors := []string{"/auth/nginx", "/auth/forward", "/auth/envoy/x", "/api/iam/v1/auth", "/api/iam/v1/login", "/.well-known/jwks.json"}
		statuses(t, gate.ManagementAddress(), append(operators, doors...), http.StatusNotFound)
		statuses(t, gate.ManagementAddress(), []string{"/healthz", "/readyz"}, http.StatusOK)
	})
	t.Run("readiness says no more than a word", func(t *testing.T) {
		gate := admintest.New(t)
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/readyz?verbose": "ready\n"} {
			if got := gate.Get(path); got.Status != http.StatusOK || got.Body != want {
				t.Errorf("%s: got %d %q, want 200 %q", path, got.Status, got.Body, want)
			}
		}
		gate.Drain()
		for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
			if public, ops := gate.Get(path), gate.GetOps(path); public.Status != want || ops.Status != want || ops.Body != public.Body {
				t.Errorf("%s while draining: got %d %q and %d %q for operators, want %d", path, public.Status, public.Body, ops.Status, ops.Body, want)
			}
		}
		if got := gate.GetOps("/readyz"); got.Body != "draining\n" {
			t.Errorf("/readyz while draining: got %q, want draining", got.Body)
		}
	})
}

func TestPublic_listener_serves_the_datalayer_names_and_keys(t *testing.T) {
	gate := admintest.New(t)
	for _, path := range []string{"/api/iam/version", "/api/iam/v1/ping", "/.well-known/jwks.json"} {
		if got := gate.Get(path); got.Status != http.StatusOK || !json.Valid([]byte(got.Body)) {
			t.Errorf("%s: got %d %q, want 200 and JSON", path, got.Status, got.Body)
		}
	}
}

func TestRouting_errors_are_problems_without_the_callers_words(t *testing.T) {
	gate := admintest.New(t)
	for request, want := range map[string]map[string]any{
		admintest.Request("GET", "/no/<script>", "x"): {"type": "about:blank", "title": "Not Found", "status": 404.0, "code": "not_found"},
		admintest.Request("DELETE", "/healthz", "x"):  {"type": "about:blank", "title": "Method Not Allowed", "status": 405.0, "code": "method_not_allowed"},
	} {
		got := gate.Exchange(request)
		var body map[string]any
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			t.Fatalf("%.30q: %v in %q", request, err, got.Body)
		}
		if kind := got.Header.Get("Content-Type"); kind != "application/problem+json" || !reflect.DeepEqual(body, want) {
			t.Errorf("%.30q: got %s %v, want %v", request, kind, body, want)
		}
		if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.30q: headers %v", request, got.Header)
		}
	}
}

func TestNo_method_and_no_target_is_answered_200_by_accident(t *testing.T) {
	gate := admintest.New(t)
	for _, method := range []string{"OPTIONS", "TRACE", "CONNECT", "MKCOL", "QUERY", "INVENTED", "HEAD"} {
		for _, target := range []string{"*", "/", "/auth/none", "/auth/nginx", "/api/iam/v1/auth", "http://x/auth/nginx", "x:443", "/api/iam/v1/login"} {
			got := gate.Exchange(admintest.Request(method, target, "x"))
			preflight := method == "OPTIONS" && target == "/api/iam/v1/login" && got.Status == http.StatusNoContent
			if got.Status < 400 && !preflight {
				t.Errorf("%s %s: got status %d, want a refusal", method, target, got.Status)
			}
		}
	}
}

func TestRedirects_and_cleaning_never_happen(t *testing.T) {
	gate := admintest.New(t)
	for _, target := range []string{"//auth/nginx", "/auth//nginx", "/x/../auth/nginx", "/auth/envoy//admin", "/auth/envoy/../nginx", "/healthz/../metrics", "/api/iam/v1/auth/"} {
		got := gate.Exchange(admintest.Request("GET", target, "x"))
		if got.Status < 400 || got.Header.Get("Location") != "" {
			t.Errorf("%s: got status %d to %q, want a refusal", target, got.Status, got.Header.Get("Location"))
		}
	}
}

func TestOps_listener_reports_decisions_and_refused_policies(t *testing.T) {
	gate := admintest.New(t, admintest.Overlay(map[string]string{"custom/routes/data.json": admintest.SiteRoutes}, "ingress"))
	for range 3 {
		gate.Ask(admintest.Nginx, "GET", "https://app.test/public/x")
	}
	gate.Ask(admintest.Nginx, "GET", "https://app.test/../x")
	gate.Exchange(admintest.Request("POST", "/api/iam/v1/login", "x"))
	metrics := gate.GetOps("/metrics").Body
	for _, line := range []string{
		`gatehouse_decisions_total{effect="allow",entrypoint="gatehouse/ingress/decision",reason="public"} 3`,
		"gatehouse_decision_memo_hits_total 2",
		"gatehouse_decision_memo_misses_total 1",
		"gatehouse_decision_memo_skipped_total 0",
		"gatehouse_decision_memo_entries 1",
		`gatehouse_ingress_answers_total{door="nginx",effect="deny",reason="ambiguous_path"} 1`,
		"gatehouse_policy_info{revision=",
		"gatehouse_data_revision ",
		"gatehouse_directory_revision ",
		`gatehouse_login_attempts_total{outcome="malformed"} 1`,
		`gatehouse_http_request_duration_seconds_count{method="POST",route="/api/iam/v1/login"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("/metrics has no line %q", line)
		}
	}
	if err := os.WriteFile(filepath.Join(gate.Policies, "custom", "broken.rego"), []byte("package custom.ingress.broken\n\ndeny contains x if"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := gate.Keeper.Load(t.Context()); err == nil {
		t.Fatal("a broken overlay was taken")
	}
	got := gate.GetOps("/readyz?verbose")
	var report struct {
		Ready  bool
		Detail struct {
			Policies struct {
				Revision string
				Refused  struct {
					Stage    string
					Findings []struct{ File string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(got.Body), &report); err != nil {
		t.Fatal(err)
	}
	refused := report.Detail.Policies.Refused
	if !report.Ready || report.Detail.Policies.Revision == "" || refused.Stage != "parse" || len(refused.Findings) == 0 || refused.Findings[0].File != "custom/broken.rego" {
		t.Errorf("/readyz?verbose says %s", got.Body)
	}
	if got := gate.Ask(admintest.Nginx, "GET", "https://app.test/public/x"); got.Status != http.StatusOK {
		t.Errorf("with the last good policies: got status %d, want 200", got.Status)
	}
}

func TestNew_refuses_a_configuration_that_cannot_be_meant(t *testing.T) {
	gate := admintest.New(t)
	for name, c := range map[string]ingress.Config{
		"header preset":  {Presets: []string{"kubeflow", "nginx"}},
		"named twice":    {Presets: []string{"kubeflow", "kubeflow"}},
		"trusted proxy":  {TrustedProxies: []string{"everybody"}},
		"nginx source":   {NginxSource: "both"},
		"smuggled":       {Smuggled: "ignore"},
		"login URL":      {LoginURL: "/login"},
		"userinfo":       {LoginURL: "https://a@b/"},
		"policy header":  {PolicyHeaders: []string{"X Y"}},
		"credential":     {PolicyHeaders: []string{"cookie"}},
		"not shown to":   {PolicyHeaders: []string{"Authorization"}},
		"an underscore":  {PolicyHeaders: []string{"X_Tenant"}},
		"is named twice": {PolicyHeaders: []string{"X-Tenant", "x-tenant"}},
	} {
		_, err := admin.New(admin.Deps{
			Engine: gate.Engine, Directory: gate.Directory, Keeper: gate.Keeper, Authn: gate.Authn, Issuer: gate.Issuer,
			Metrics: admin.NewMetrics("test"), Logger: gate.Log, Ingress: c,
		})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %v", name, err)
		}
		if check := c.Check(); check == nil || check.Error() != err.Error() {
			t.Errorf("%s: Check says %v, New says %v", name, check, err)
		}
	}
	if _, err := admin.New(admin.Deps{}); err == nil {
		t.Error("a house without parts was built")
	}
}
