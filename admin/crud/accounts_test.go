package crud_test

import (
	"net/http"
	"strings"
	"testing"
)

const bobs = `{"uid":"{bob}","handle":"bob","kind":"person","state":"active","email":"bob@corp.test","name":"%","roles":[],"organisations":{},"teams":{},"created":"2026-11-25T08:00:00Z"}`

// bobNamed is bob with a name; h tells when he was made.
func (h *house) bobNamed(name string) string {
	created := h.account("bob").Created.UTC().Format("2006-01-02T15:04:05Z")
	return strings.Replace(strings.Replace(bobs, "%", name, 1), "2026-11-25T08:00:00Z", created, 1)
}

func TestAccounts_are_their_own_as_far_as_policy_says(t *testing.T) {
	h := newHouse(t)
	h.run(t, []exchange{
		{name: "oneself", as: "bob", ask: "GET /accounts/me", status: 200, want: h.bobNamed("Bob"), header: []string{"ETag", "*"}},
		{name: "another", as: "bob", ask: "GET /accounts/{ada}", status: 404, want: notThere},
		{name: "who is not there", as: "bob", ask: "GET /accounts/{nobody}", status: 404, want: notThere},
		{name: "an organisation is no account", as: "root", ask: "GET /accounts/{acme}", status: 404, want: notThere},
		{name: "a name is one's own to change", as: "bob", ask: "PATCH /accounts/me", body: `{"name":"Robert"}`, status: 200, want: h.bobNamed("Robert")},
		{name: "an e-mail is not", as: "bob", ask: "PATCH /accounts/me", body: `{"email":"root@corp.test"}`, status: 403, want: denied},
		{name: "nor a state", as: "bob", ask: "PATCH /accounts/me", body: `{"state":"disabled"}`, status: 403, want: denied},
		{name: "nobody removes themselves", as: "bob", ask: "DELETE /accounts/me", status: 403, want: denied},
		{name: "the list is oneself", as: "bob", ask: "GET /accounts", status: 200, want: `{"items":[` + h.bobNamed("Robert") + `]}`},
		{name: "a list that names others is not for all", as: "bob", ask: "GET /accounts?handle=ada", status: 200, want: `{"items":[]}`},
		{name: "an admin changes the e-mail", as: "root", ask: "PATCH /accounts/{bob}", body: `{"email":"BOB@corp.test"}`, status: 200, want: h.bobNamed("Robert")},
		{name: "not to another's", as: "root", ask: "PATCH /accounts/{bob}", body: `{"email":"ada@corp.test"}`, status: 409, want: taken},
	})
	t.Run("K02", func(t *testing.T) {
		h.run(t, []exchange{
			{name: "a namespace owner grants no platform role", as: "ada", ask: "PUT /accounts/me/roles/admin", status: 403, want: denied},
			{name: "nor to others, whom he does not see", as: "ada", ask: "PUT /accounts/{bob}/roles/admin", status: 404, want: notThere},
			{name: "an organisation owner neither", as: "olga", ask: "PUT /accounts/me/roles/admin", status: 403, want: denied},
			{name: "who has a role is not to be found", as: "ada", ask: "GET /accounts?role=admin", status: 200, want: `{"items":[]}`},
			{name: "an admin does", as: "root", ask: "PUT /accounts/{bob}/roles/auditor", status: 204, header: []string{"Gatehouse-Revision", "*"}},
			{name: "and it is seen", as: "bob", ask: "GET /accounts/me/roles", status: 200, want: `{"items":["auditor"]}`},
			{name: "and taken away", as: "root", ask: "DELETE /accounts/{bob}/roles/auditor", status: 204},
			{name: "once", as: "root", ask: "DELETE /accounts/{bob}/roles/auditor", status: 404, want: notThere},
		})
	})
	if got := h.as("root", http.MethodPatch, "/accounts/{bob}", `{"state":"disabled"}`); got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if got := h.as("bob", http.MethodGet, "/accounts/me", ""); got.status != http.StatusUnauthorized {
		t.Errorf("a disabled account is answered with %d", got.status)
	}
}

func TestBad_input_names_its_place_and_never_its_value(t *testing.T) {
	h := newHouse(t)
	const secret = "hunter2hunter2"
	for _, c := range []struct{ name, method, path, body, field string }{
		{"no JSON", "POST", "/accounts", `{"handle":`, ""},
		{"no object", "POST", "/accounts", `["` + secret + `"]`, ""},
		{"a member twice", "POST", "/accounts", `{"handle":"a","handle":"` + secret + `","kind":"person"}`, "handle"},
		{"an unknown member", "POST", "/accounts", `{"handle":"a","kind":"person","password":"` + secret + `"}`, "password"},
		{"another case", "POST", "/accounts", `{"Handle":"` + secret + `","kind":"person"}`, "Handle"},
		{"a wrong type", "POST", "/accounts", `{"handle":{"a":"` + secret + `"},"kind":"person"}`, "handle"},
		{"a missing member", "POST", "/accounts", `{"handle":"a"}`, "kind"},
		{"an unknown word", "POST", "/accounts", `{"handle":"a","kind":"` + secret + `"}`, "kind"},
		{"over-long", "POST", "/accounts", `{"handle":"` + strings.Repeat("x", 300) + `","kind":"person"}`, "handle"},
		{"a control character", "POST", "/accounts", `{"handle":"a","kind":"person","name":"a\u0007b"}`, "name"},
		{"a look-alike", "POST", "/accounts", `{"handle":"аda","kind":"person"}`, "handle"}, // a Cyrillic а
		{"an invisible twin", "POST", "/accounts", `{"handle":"zed","kind":"person","email":"ada\u200b@corp.test"}`, "email"},
		{"a separator", "POST", "/accounts", `{"handle":"zed","kind":"person","user_id":"a|b"}`, "user_id"},
		{"a uid that is none", "PUT", "/accounts/bob", `{"handle":"zed","kind":"person","state":"active"}`, "uid"},
		{"an unknown parameter", "GET", "/accounts?hndle=a", "", "hndle"},
		{"a limit that is none", "GET", "/accounts?limit=1e9", "", "limit"},
		{"a short password", "PUT", "/accounts/{bob}/password", `{"password":"` + secret[:7] + `"}`, "password"},
		{"a scope that is none", "POST", "/accounts/me/tokens", `{"name":"x","scopes":["` + secret + ` "]}`, "scopes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := h.as("root", c.method, c.path, c.body)
			field, _ := got.json(t)["field"].(string)
			if got.status != http.StatusBadRequest || field != c.field || got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d, field %q, want 400 and %q: %s", got.status, field, c.field, got.body)
			}
			if strings.Contains(got.body, secret[:7]) {
				t.Errorf("the answer repeats the value: %s", got.body)
			}
		})
	}
	t.Run("a full-width twin is the same name", func(t *testing.T) {
		got := h.as("root", "POST", "/accounts", `{"handle":"ｂｏｂ","kind":"person"}`)
		compareJSON(t, got.body, taken)
	})
	t.Run("K07", func(t *testing.T) {
		for _, body := range []string{"\xff\xfe", `{"name":"` + "\xc3\x28" + `"}`, "{}{}", "nul", `{"name":"\ud800"`, strings.Repeat("[", 1000)} {
			if got := h.as("root", "PATCH", "/accounts/{bob}", body); got.status != http.StatusBadRequest {
				t.Errorf("%.20q: status %d, want 400: %s", body, got.status, got.body)
			}
		}
	})
	if strings.Contains(h.log.String(), secret) {
		t.Error("the log holds a refused value")
	}
}
