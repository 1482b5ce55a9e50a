package ingress_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// These are what the row tests share. A row's id is its subtest's name.

type (
	header = admintest.Header
	answer = admintest.Answer
	door   = admintest.Door
)

// threeDoors are the families; the fourth door reads as forward does.
var threeDoors = []door{admintest.Nginx, admintest.Forward, admintest.Envoy}

// outcome is what decides about the client.
type outcome struct {
	Status int
	Reason string
}

func outcomeOf(a answer) outcome { return outcome{a.Status, a.Reason()} }

var (
	allowed   = outcome{http.StatusOK, ""}
	stranger  = outcome{http.StatusUnauthorized, "not_signed_in"}
	ambiguous = outcome{http.StatusForbidden, "ambiguous_path"}
	malformed = outcome{http.StatusForbidden, "malformed_request"}
	duplicate = outcome{http.StatusForbidden, "duplicate_header"}
	smuggling = outcome{http.StatusForbidden, "smuggled_header"}
)

// expect compares the outcome and checks what every answer must have.
func expect(t *testing.T, what string, got answer, want outcome) {
	t.Helper()
	if o := outcomeOf(got); o != want {
		t.Errorf("%s: got %v, want %v", what, o, want)
	}
	wellFormed(t, what, got)
}

// identityNames are the headers that the default preset sets.
var identityNames = []string{
	"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username", "X-Gatehouse-Assertion",
}

func wellFormed(t *testing.T, what string, a answer) {
	t.Helper()
	if a.Header.Get("X-Gatehouse-Decision-Id") == "" {
		t.Errorf("%s: no decision id on status %d", what, a.Status)
	}
	if got := a.Header.Get("Content-Length"); got != "0" || a.Body != "" {
		t.Errorf("%s: Content-Length %q and body %q, want an empty body", what, got, a.Body)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q, want no-store", what, got)
	}
	if len(a.Header["Set-Cookie"]) > 0 {
		t.Errorf("%s: Set-Cookie on a subrequest", what)
	}
	for _, name := range identityNames {
		values, present := a.Header[name]
		if present != (a.Status == http.StatusOK) || len(values) > 1 {
			t.Errorf("%s: status %d with %s %q", what, a.Status, name, values)
		}
	}
}

// told is what an answer says about the subject and the decision, without what is
// fresh on every answer.
func told(a answer) map[string]string {
	told := map[string]string{}
	for name, values := range a.Header {
		switch name {
		case "Date", "X-Gatehouse-Decision-Id", "X-Gatehouse-Assertion", "Connection":
		default:
			told[name] = strings.Join(values, "\n")
		}
	}
	return told
}

// expectInert compares an answer with the one to the same request without the attack.
func expectInert(t *testing.T, what string, got, without answer) {
	t.Helper()
	expect(t, what, got, outcomeOf(without))
	a, b := told(got), told(without)
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s: %s is %q, without the attack %q", what, name, a[name], b[name])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%s: headers %v, without the attack %v", what, a, b)
	}
}
