package ops

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

func get(t *testing.T, h *Health, m *Metrics, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(h, m).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestReadyz_needs_every_part_and_tells_operators_which_fails(t *testing.T) {
	failing := errors.New("no policy yet")
	h := &Health{}
	h.Add("directory", func() error { return nil })
	h.Add("engine", func() error { return failing })
	h.Note("revisions", func() any { return map[string]any{"data": 7} })
	m := NewMetrics("test")
	if status, body := get(t, h, m, "/readyz"); status != 503 || body != "not ready\n" {
		t.Errorf("/readyz = %d %q, want 503 without a reason", status, body)
	}
	status, body := get(t, h, m, "/readyz?verbose")
	var got Report
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := Report{
		Checks: map[string]string{"directory": "ok", "engine": "no policy yet"},
		Detail: map[string]any{"revisions": map[string]any{"data": 7.0}},
	}
	if status != 503 || !reflect.DeepEqual(got, want) {
		t.Errorf("/readyz?verbose = %d %+v, want 503 %+v", status, got, want)
	}
	failing = nil
	for path, want := range map[string]string{"/readyz": "ready\n", "/healthz": "ok\n"} {
		if status, body := get(t, h, m, path); status != 200 || body != want {
			t.Errorf("%s = %d %q, want 200 %q", path, status, body, want)
		}
	}
}

// at is a directory at a revision.
type at uint64

func (a at) Revision() uint64 { return uint64(a) }

func TestMetrics_count_decisions_answers_and_requests(t *testing.T) {
	m := NewMetrics("1.2.3")
	m.Decision("gatehouse/ingress/decision", &engine.Decision{Effect: engine.Allow, Reason: "binding", Took: 30 * time.Microsecond})
	m.Decision("gatehouse/ingress/decision", &engine.Decision{Effect: engine.Allow, Reason: "binding", Took: 30 * time.Microsecond})
	m.Answer("nginx", "deny", "untrusted_proxy", time.Millisecond)
	m.Request("/healthz", "GET", 200, 3*time.Millisecond)
	for _, status := range []int{201, 401, 403, 429, 503, 400, 413, 415, 500} {
		m.Login(status)
	}
	if err := m.Watch(engine.New(engine.Options{}), at(12)); err != nil {
		t.Fatal(err)
	}
	_, body := get(t, &Health{}, m, "/metrics")
	for _, line := range []string{
		`gatehouse_decisions_total{effect="allow",entrypoint="gatehouse/ingress/decision",reason="binding"} 2`,
		`gatehouse_decision_duration_seconds_count{entrypoint="gatehouse/ingress/decision"} 2`,
		`gatehouse_ingress_answers_total{door="nginx",effect="deny",reason="untrusted_proxy"} 1`,
		`gatehouse_ingress_duration_seconds_count{door="nginx"} 1`,
		`gatehouse_http_requests_total{method="GET",route="/healthz",status="200"} 1`,
		`gatehouse_build_info{version="1.2.3"} 1`,
		`gatehouse_decision_duration_seconds_bucket{entrypoint="gatehouse/ingress/decision",le="1.6e-05"} 0`,
		`gatehouse_decision_duration_seconds_bucket{entrypoint="gatehouse/ingress/decision",le="3.2e-05"} 2`,
		`gatehouse_data_revision 0`,
		`gatehouse_directory_revision 12`,
		`gatehouse_http_request_duration_seconds_bucket{method="GET",route="/healthz",le="0.0025"} 0`,
		`gatehouse_http_request_duration_seconds_bucket{method="GET",route="/healthz",le="0.005"} 1`,
		`gatehouse_login_attempts_total{outcome="success"} 1`,
		`gatehouse_login_attempts_total{outcome="refused"} 2`,
		`gatehouse_login_attempts_total{outcome="throttled"} 2`,
		`gatehouse_login_attempts_total{outcome="malformed"} 3`,
		`gatehouse_login_attempts_total{outcome="error"} 1`,
		`gatehouse_decision_memo_hits_total 0`,
		`gatehouse_decision_memo_misses_total 0`,
		`gatehouse_decision_memo_skipped_total 0`,
		`gatehouse_decision_memo_entries 0`,
		`gatehouse_decision_memo_bytes 0`,
		`go_goroutines `,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("/metrics has no line %q", line)
		}
	}
	if err := m.Watch(engine.New(engine.Options{}), at(12)); err == nil {
		t.Error("a second engine was registered under the same names")
	}
}

// What a linter of Prometheus's own says about names, units and help.
func TestMetrics_are_named_as_Prometheus_users_expect(t *testing.T) {
	m := NewMetrics("1.2.3")
	m.Decision("gatehouse/ingress/decision", &engine.Decision{Effect: engine.Allow, Reason: "binding"})
	m.Answer("nginx", "deny", "untrusted_proxy", time.Millisecond)
	m.Request("/healthz", "GET", 200, time.Millisecond)
	m.Login(201)
	m.TrustedIssuers("corp")("corp", trusted.OutcomeAccepted)
	if err := m.Watch(engine.New(engine.Options{}), at(12)); err != nil {
		t.Fatal(err)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, f := range families {
		ours := strings.HasPrefix(f.GetName(), "gatehouse_")
		if !ours && !strings.HasPrefix(f.GetName(), "go_") && !strings.HasPrefix(f.GetName(), "process_") {
			t.Errorf("%s begins with none of gatehouse_, go_, process_", f.GetName())
		}
	}
}

// Whatever is observed, there are no other series than those of the configured issuers.
func TestMetrics_count_trusted_issuers_by_a_closed_list(t *testing.T) {
	m := NewMetrics("test")
	observe := m.TrustedIssuers("corp", "lab")
	for _, outcome := range []string{
		trusted.OutcomeAccepted, trusted.OutcomeAccepted, trusted.OutcomeUnlinked, trusted.OutcomeKeysFetched, trusted.OutcomeKeysFailed,
		trusted.OutcomeGroupsDropped, authn.ReasonNotLinked, authn.ReasonBadToken, authn.ReasonExpiredToken, authn.ReasonIssuerUnavailable,
		authn.ReasonAccountDisabled, authn.ReasonUnknownAccount, "a word of nobody's", "another",
	} {
		observe("corp", outcome)
		observe("of nobody", outcome)
	}
	_, body := get(t, &Health{}, m, "/metrics")
	var got []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "gatehouse_trusted_") && !strings.HasSuffix(line, " 0\n") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`gatehouse_trusted_groups_dropped_total{issuer="corp"} 1`,
		`gatehouse_trusted_key_fetches_total{issuer="corp",outcome="error"} 1`,
		`gatehouse_trusted_key_fetches_total{issuer="corp",outcome="success"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="accepted"} 2`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="account_disabled"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="bad_token"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="expired_token"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="issuer_unavailable"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="not_linked"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="other"} 2`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="unknown_account"} 1`,
		`gatehouse_trusted_tokens_total{issuer="corp",outcome="unlinked"} 1`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if !strings.Contains(body, "\n"+`gatehouse_trusted_key_fetches_total{issuer="lab",outcome="error"} 0`) {
		t.Error("an issuer that nothing has happened to has no series")
	}
}

func TestOutcomes_beyond_those_at_hand_are_counted_too(t *testing.T) {
	m := NewMetrics("test")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range maxResolved + 10 {
				m.Answer("nginx", "deny", "reason_"+strconv.Itoa(n), time.Millisecond)
			}
		})
	}
	wg.Wait()
	_, body := get(t, &Health{}, m, "/metrics")
	for _, n := range []int{0, maxResolved, maxResolved + 9} {
		if line := `gatehouse_ingress_answers_total{door="nginx",effect="deny",reason="reason_` + strconv.Itoa(n) + `"} 4`; !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("/metrics has no line %q", line)
		}
	}
	if got := len(*m.answers.resolved.Load()); got != maxResolved {
		t.Errorf("%d outcomes are at hand, want %d", got, maxResolved)
	}
}

func BenchmarkDecision_and_answer(b *testing.B) {
	m := NewMetrics("test")
	d := &engine.Decision{Effect: engine.Allow, Reason: "binding", Took: 3 * time.Microsecond}
	b.ReportAllocs()
	for b.Loop() {
		m.Decision("gatehouse/ingress/decision", d)
		m.Answer("nginx", "allow", "binding", 8*time.Microsecond)
	}
}

func TestPprof_is_served(t *testing.T) {
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
		if status, body := get(t, &Health{}, NewMetrics("test"), path); status != 200 || body == "" {
			t.Errorf("%s = %d with %d bytes, want 200", path, status, len(body))
		}
	}
}
