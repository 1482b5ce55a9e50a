package ingress

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestIdentify_chooses_the_value_that_a_preset_promises(t *testing.T) {
	full := identity.Subject{Handle: "ada", UserID: "Ada@IdP", Email: "ada@corp.test", Name: "Ada L", Teams: []string{"acme:research"}, Groups: []string{"staff"}}
	invited := identity.Subject{Email: "eve@corp.test"}
	external := identity.Subject{ID: "idp|7", UserID: "root", Groups: []string{"a", "b"}}
	for preset, want := range map[string][3][]string{
		"oauth2-proxy": {{"ada", "ada@corp.test", "acme:research,staff", "ada"}, {"eve@corp.test", "eve@corp.test", "", ""}, {"idp|7", "", "a,b", ""}},
		"authelia":     {{"ada", "acme:research,staff", "Ada L", "ada@corp.test"}, {"eve@corp.test", "", "", "eve@corp.test"}, {"idp|7", "a,b", "", ""}},
		"kubeflow":     {{"Ada@IdP", "acme:research,staff"}, {"eve@corp.test", ""}, {"root", "a,b"}},
		"grafana":      {{"ada", "ada@corp.test", "Ada L", "acme:research,staff", ""}, {"eve@corp.test", "eve@corp.test", "", "", ""}, {"idp|7", "", "", "a,b", ""}},
		"none":         {{}, {}, {}},
	} {
		for i, s := range []identity.Subject{full, invited, external} {
			got, no := identify(presets[preset], &s, 2000)
			if no != nil || !reflect.DeepEqual(got.values, want[i]) || got.cut != 0 || !got.fits {
				t.Errorf("%s of %+v: got %+v, %v, want %q", preset, s, got, no, want[i])
			}
		}
	}
}

func TestIdentify_leaves_out_groups_first_and_identifiers_never(t *testing.T) {
	s := identity.Subject{Handle: "ada", Email: "ada@corp.test", Name: "Ada Lovelace", Teams: []string{"acme:one", "acme:two"}, Groups: []string{"a-longer-name", "b"}}
	names := len("Remote-User: \r\nRemote-Groups: \r\nRemote-Name: \r\nRemote-Email: \r\n")
	needed := names + len("adaada@corp.test")
	for budget, want := range map[int]identitySet{
		needed + 12 + 100: {values: []string{"ada", "acme:one,acme:two,a-longer-name,b", "Ada Lovelace", "ada@corp.test"}, fits: true},
		needed + 12 + 20:  {values: []string{"ada", "acme:one,acme:two", "Ada Lovelace", "ada@corp.test"}, cut: 2, fits: true},
		needed + 12 + 16:  {values: []string{"ada", "acme:one", "Ada Lovelace", "ada@corp.test"}, cut: 3, fits: true},
		needed + 12:       {values: []string{"ada", "", "Ada Lovelace", "ada@corp.test"}, cut: 4},
		needed + 8:        {values: []string{"ada", "acme:one", "", "ada@corp.test"}, cut: 3, fits: true},
		needed - 1:        {values: []string{"ada", "", "", "ada@corp.test"}, cut: 4},
	} {
		got, no := identify(presets["authelia"], &s, budget)
		if no != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("with %d bytes: got %+v, %v, want %+v", budget-needed, got, no, want)
		}
	}
}

func TestValues_cannot_leave_their_line_or_their_place_in_a_list(t *testing.T) {
	for v, want := range map[string]string{
		"ada": "ada", " ada\t": "ada", "a\r\nb": "a%0D%0Ab", "a\x00\x7f": "a%00%7F", "a\u0085b": "a%C2%85b", "z\u00fcrich": "z\u00fcrich",
		"\xff": "%FF", "100%": "100%", "a,b": "a,b", "\r\n": "",
	} {
		if got := clean(v); got != want {
			t.Errorf("clean(%q) = %q, want %q", v, got, want)
		}
	}
	got, cut := joinGroups([]string{"a,b", "c|d"}, []string{"e;f", "g=h", `i"j`, "k%2Cl", "m n"}, 1000)
	if want := "a%2Cb,c%7Cd,e%3Bf,g%3Dh,i%22j,k%252Cl,m n"; got != want || cut != 0 {
		t.Errorf("joinGroups = %q, %d, want %q", got, cut, want)
	}
}

func TestPresets_that_do_not_exist_are_answered_with_those_that_do(t *testing.T) {
	if _, err := chosenHeaders([]string{"traefik"}); err == nil || !strings.Contains(err.Error(), "authelia, grafana, kubeflow, none, oauth2-proxy") {
		t.Errorf("got error %v, want one that lists the known presets", err)
	}
}

func TestPresets_spell_headers_as_they_are_written(t *testing.T) {
	for _, name := range PresetNames() {
		for _, h := range presets[name] {
			if http.CanonicalHeaderKey(h.name) != h.name {
				t.Errorf("preset %s: %s is not in canonical form", name, h.name)
			}
		}
	}
}

func TestPanics_in_a_check_are_denied_with_an_id(t *testing.T) {
	var log bytes.Buffer
	var seen []string
	proxies, err := web.NewProxies(nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := &Handler{ // has no engine and no authenticator
		log: slog.New(slog.NewJSONHandler(&log, nil)), proxies: proxies, source: sourceURL,
		observe: func(door, effect, reason string, _ time.Duration) { seen = append(seen, door, effect, reason) },
	}
	r := httptest.NewRequest("GET", "/auth/nginx", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header = lines("X-Original-URL", "https://app.test/", "X-Original-Method", "GET")
	w := httptest.NewRecorder()
	broken.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || w.Header().Get(headerReason) != reasonInternal || w.Header().Get(headerDecision) == "" {
		t.Errorf("got %d with %v, want 403 %s with an id", w.Code, w.Header(), reasonInternal)
	}
	if want := []string{doorNginx, "deny", reasonInternal}; !reflect.DeepEqual(seen, want) {
		t.Errorf("observed %q, want %q", seen, want)
	}
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line %q is no JSON", line)
		}
	}
	if !strings.Contains(log.String(), "panicked") {
		t.Errorf("the log does not tell of the panic: %s", log.String())
	}
}
