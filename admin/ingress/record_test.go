package ingress_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// loggedRule breaks when a query asks it to, and denies or allows when the path does.
const loggedRule = `package custom.ingress.logged

deny contains "the office is closed" if input.request.path[1] == "closed"

deny contains sprintf("%s", [input.request.headers["x-note"]])

deny contains "never" if net.cidr_contains(input.request.query.network[0], "10.0.0.1")

allow contains "for the fair" if input.request.path[1] == "fair"
`

func loggedSite(t *testing.T, c ingress.Config) (*admintest.Site, *admintest.LogBuffer) {
	t.Helper()
	log := &admintest.LogBuffer{}
	overlay := admintest.SiteOverlay()
	overlay["custom/ingress/logged/logged.rego"] = loggedRule
	return admintest.NewSite(t, admintest.Overlay(overlay, "ingress"), admintest.Log(log), admintest.Ingress(c)), log
}

// entryOf is the one line that an answer left in the log, without its level and what is
// different in every run: those are checked here.
func entryOf(t *testing.T, log *admintest.LogBuffer, got answer, level string) map[string]any {
	t.Helper()
	entries := log.Entries(t, "ingress")
	if len(entries) != 1 {
		t.Fatalf("%d lines for one answer: %s", len(entries), log)
	}
	entry := entries[0]
	if entry["id"] != got.Header.Get("X-Gatehouse-Decision-Id") || entry["level"] != level {
		t.Errorf("got id %v at level %v, want %s at %s", entry["id"], entry["level"], got.Header.Get("X-Gatehouse-Decision-Id"), level)
	}
	if took, ok := entry["duration"].(float64); !ok || took <= 0 || took > float64(time.Minute) {
		t.Errorf("got duration %v, want nanoseconds", entry["duration"])
	}
	if peer, ok := entry["peer"].(string); !ok || !strings.HasPrefix(peer, "127.0.0.1:") {
		t.Errorf("got peer %v", entry["peer"])
	}
	for _, name := range []string{"id", "level", "duration", "peer"} {
		delete(entry, name)
	}
	return entry
}

func TestEvery_answer_is_logged_in_one_line_that_says_why(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{})
	policy, data := site.Engine.Revisions()
	alice := site.Bearer(site.Alice)
	decided := func(more map[string]any) map[string]any {
		entry := map[string]any{"door": "nginx", "method": "GET", "host": "app.test", "policy": policy, "data": float64(data)}
		maps.Copy(entry, more)
		return entry
	}
	for name, c := range map[string]struct {
		path    string
		headers []header
		want    map[string]any
	}{
		"an allow": {"/api/x?a=b", []header{alice}, decided(map[string]any{
			"effect": "allow", "reason": "binding", "path": "/api/x", "kind": "account", "subject": string(site.Alice.ID),
			"application": "app", "resource": "/api/**", "namespace": "team-a", "verb": "read",
		})},
		"an allow of a stranger": {"/public/x", nil, decided(map[string]any{
			"effect": "allow", "reason": "public", "path": "/public/x", "kind": "anonymous", "application": "app", "resource": "/public/**", "verb": "read",
		})},
		"a login": {"/api/x", nil, decided(map[string]any{
			"effect": "login", "reason": "not_signed_in", "path": "/api/x", "kind": "anonymous", "application": "app", "resource": "/api/**", "namespace": "team-a", "verb": "read",
		})},
		"a denial": {"/admin/", []header{alice}, decided(map[string]any{
			"effect": "deny", "reason": "role_missing", "path": "/admin/", "kind": "account", "subject": string(site.Alice.ID), "application": "app", "resource": "/admin/**", "verb": "read",
		})},
		"a denial by a custom rule": {"/public/closed", nil, decided(map[string]any{
			"effect": "deny", "reason": "custom_deny", "path": "/public/closed", "kind": "anonymous", "application": "app", "resource": "/public/**", "verb": "read",
			"rule": "custom.ingress.logged", "why": "the office is closed",
		})},
		"an allow by a custom rule": {"/api/fair", nil, decided(map[string]any{
			"effect": "allow", "reason": "custom_allow", "path": "/api/fair", "kind": "anonymous", "application": "app", "resource": "/api/**", "namespace": "team-a", "verb": "read",
			"rule": "custom.ingress.logged", "why": "for the fair",
		})},
		"a credential that is refused": {"/public/x", []header{{Name: "Authorization", Value: alice.Value + "AAAA"}}, map[string]any{
			"door": "nginx", "effect": "login", "reason": "bad_token", "detail": "bad signature", "method": "GET", "host": "app.test", "path": "/public/x",
		}},
		"a path that is refused": {"/public/../admin", nil, map[string]any{
			"door": "nginx", "effect": "deny", "reason": "ambiguous_path", "detail": "the path has a dot or empty segment", "method": "GET", "host": "app.test",
		}},
		"a header that is refused": {"/public/x", []header{{Name: "X_Original_Url", Value: "/"}}, map[string]any{
			"door": "nginx", "effect": "deny", "reason": "smuggled_header", "detail": "a header is a twin of x-original-url",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			got := site.Ask(admintest.Nginx, "GET", app+c.path, c.headers...)
			if entry := entryOf(t, log, got, "INFO"); !reflect.DeepEqual(entry, c.want) {
				t.Errorf("got  %v\nwant %v", entry, c.want)
			}
		})
	}
}

func TestAnswers_of_every_door_leave_one_line_each(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{Smuggled: "warn", Presets: []string{"kubeflow"}})
	var want []string
	for _, at := range admintest.Doors {
		for _, path := range []string{"/public/x", "/api/x", "/admin", "/none", "/../x", "/public/closed", "/public/x?network=x"} {
			for _, h := range []header{site.Bearer(site.Alice), {Name: "X_Remote_User", Value: "root"}, {Name: "Authorization", Value: "Bearer a.b.c"}} {
				got := site.Ask(at, "GET", app+path, h)
				want = append(want, string(at)+" "+got.Header.Get("X-Gatehouse-Decision-Id"))
			}
		}
	}
	for _, path := range []string{"/auth", "/auth/none"} {
		want = append(want, "unknown "+site.Get(path).Header.Get("X-Gatehouse-Decision-Id"))
	}
	var got []string
	for _, entry := range log.Entries(t, "ingress") {
		got = append(got, fmt.Sprint(entry["door"], " ", entry["id"]))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines %v, want %d, one for each answer", len(got), got, len(want))
	}
}

func TestWhat_broke_in_a_policy_is_a_warning_with_its_cause(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{})
	long := "hunter2" + strings.Repeat("x", 2000)
	for name, network := range map[string]string{"short": "hunter2", "long": long, "a line break": "hunter2%0a%22}", "percent": "hunter2%25zz+x"} {
		log.Reset()
		got := site.Ask(admintest.Nginx, "GET", app+"/public/x?network="+network)
		expect(t, name, got, outcome{http.StatusForbidden, "builtin_error"})
		entry := entryOf(t, log, got, "WARN")
		cause, _ := entry["error"].(string)
		if !strings.Contains(cause, "net.cidr_contains") || !strings.Contains(cause, "logged.rego") || len(cause) > 512 {
			t.Errorf("%s: got error %q of %d bytes, want the rule and the function in at most 512", name, cause, len(cause))
		}
		if entry["reason"] != "builtin_error" || entry["path"] != "/public/x" {
			t.Errorf("%s: got %v", name, entry)
		}
		if strings.Contains(log.String(), "hunter2") {
			t.Errorf("%s: the query is in the log: %s", name, log)
		}
	}
}

func TestHeaders_that_are_let_through_by_configuration_are_a_warning(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{Smuggled: "warn"})
	got := site.Ask(admintest.Nginx, "GET", app+"/public/x", header{Name: "X_Auth_Request_User", Value: "root"})
	entry := entryOf(t, log, got, "WARN")
	if want := "a header is a twin of x-auth-request-user"; entry["warned"] != want || entry["effect"] != "allow" {
		t.Errorf("got %v, want an allow that is warned of with %q", entry, want)
	}
}

func TestSecrets_of_a_request_are_never_logged(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{})
	token := site.Token(site.Alice)
	for _, at := range admintest.Doors {
		for _, path := range []string{"/public/x", "/api/x", "/admin", "/none", "/../x", "/public/closed", "/public//x", "/public/x;y", "/a%3Fb"} {
			for _, query := range []string{"?key=hunter2", "?hunter2", "?a=b?hunter2", "?network=hunter2", "?%zzhunter2", "?a#hunter2"} {
				for _, credential := range []string{token, token + "x", token[:len(token)-9], token + "," + token} {
					site.Ask(at, "GET", app+path+query, header{Name: "Authorization", Value: "Bearer " + credential}, header{Name: "Cookie", Value: "s=hunter2"})
				}
			}
		}
	}
	text := log.String()
	for _, part := range append(strings.Split(token, "."), "hunter2") {
		if strings.Contains(text, part) {
			t.Errorf("the log holds %q", part)
		}
	}
	if n := len(log.Entries(t, "ingress")); n != 4*9*6*4 {
		t.Errorf("got %d lines, want one for each answer", n)
	}
}

func TestWhat_a_client_chose_stays_inside_its_attribute(t *testing.T) {
	site, log := loggedSite(t, ingress.Config{PolicyHeaders: []string{"X-Note"}})
	for _, c := range []struct {
		target, note string
		want         map[string]any // nil values are attributes that are not there
	}{
		{"/public/%0a%7b%22level%22:%22ERROR%22%7d", "", map[string]any{"path": nil, "reason": "ambiguous_path"}},
		{"/public/%22,%22effect%22:%22deny", "", map[string]any{"path": "/public/%22,%22effect%22:%22deny", "effect": "allow"}},
		{"/public/" + strings.Repeat("a", 3000), "", map[string]any{"path": "/public/" + strings.Repeat("a", 256-len("/public/…")) + "…"}},
		{"/public/x", `a" effect="allow`, map[string]any{"why": `a" effect="allow`, "effect": "deny"}},
		{"/public/x", "a\u0085b\tc\u2028d", map[string]any{"why": "a%C2%85b%09c\u2028d"}},
		{"/public/x", strings.Repeat("ä", 150), map[string]any{"why": strings.Repeat("ä", 126) + "…"}},
	} {
		log.Reset()
		var headers []header
		if c.note != "" {
			headers = append(headers, header{Name: "X-Note", Value: c.note})
		}
		got := site.Ask(admintest.Nginx, "GET", app+c.target, headers...)
		entry := entryOf(t, log, got, "INFO")
		for name, value := range c.want {
			if entry[name] != value {
				t.Errorf("%.60s with %.20q: got %s %q, want %q", c.target, c.note, name, entry[name], value)
			}
		}
		for line := range strings.Lines(log.String()) {
			if !json.Valid([]byte(line)) || len(line) > 2000 || strings.Contains(line, "\u2028") {
				t.Errorf("%.60s: a line of %d bytes: %.200s", c.target, len(line), line)
			}
		}
	}
}
