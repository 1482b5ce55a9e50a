package crud_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// bindingAt is the address of a binding.
func bindingAt(namespace, principal string) string {
	return "/admin/v1/namespaces/" + namespace + "/binding?principal=" + url.QueryEscape(principal)
}

func (d *desk) account(name string) string { return "account:" + d.uid(name) }

func TestA_binding_is_granted_changed_and_revoked(t *testing.T) {
	d := newDesk(t)
	bob, path := d.account("bob"), bindingAt("lab", d.account("bob"))
	wire := func(role, expires string) map[string]any {
		b := map[string]any{"namespace": "lab", "principal": bob, "role": role}
		if expires != "" {
			b["expires"] = expires
		}
		return b
	}
	made := d.wants(201, "ann", "POST", "/admin/v1/namespaces/lab/bindings", text(map[string]any{"principal": bob, "role": "view"}))
	made.same(t, wire("view", ""))
	if got := made.Header.Get("Location"); got != path {
		t.Errorf("Location is %q, want %q", got, path)
	}
	if got := d.wants(409, "ann", "POST", "/admin/v1/namespaces/lab/bindings", text(map[string]any{"principal": bob, "role": "edit"})); got.code() != "exists" {
		t.Errorf("a second binding: %s", got.Text)
	}
	etag := d.wants(200, "bob", "GET", path, "").Header.Get("ETag")
	if etag != made.Header.Get("ETag") {
		t.Errorf("read with ETag %s, made with %s", etag, made.Header.Get("ETag"))
	}
	d.wants(200, "ada", "PUT", path, text(map[string]any{"role": "edit", "expires": "2037-01-31T19:00:00.9+01:00"})).same(t, wire("edit", "2037-01-31T18:00:00Z"))
	d.wants(412, "ada", "PUT", path, `{"role": "view"}`, "If-Match", etag)
	d.wants(412, "ada", "PUT", path, `{"role": "view"}`, "If-None-Match", "*")
	d.wants(412, "ada", "PATCH", path, `{"role": "view"}`, "If-Match", etag)
	d.wants(412, "ada", "DELETE", path, "", "If-Match", etag)
	d.wants(200, "ada", "PATCH", path, `{"role": "admin"}`).same(t, wire("admin", "2037-01-31T18:00:00Z"))
	d.wants(200, "ada", "PATCH", path, `{"expires": null}`).same(t, wire("admin", ""))
	d.wants(200, "ada", "PATCH", path, `{"expires": "2036-05-05T05:05:05Z"}`).same(t, wire("admin", "2036-05-05T05:05:05Z"))
	d.wants(200, "ada", "PUT", path, `{"role": "view"}`).same(t, wire("view", ""))
	revoked := d.wants(204, "ada", "DELETE", path, "")
	if revoked.Header.Get("Gatehouse-Revision") == "" {
		t.Error("a write has no revision")
	}
	d.wants(404, "ada", "DELETE", path, "")
	d.wants(404, "ada", "PATCH", path, `{"role": "view"}`)
	d.wants(201, "ada", "PUT", path, `{"role": "view"}`, "If-None-Match", "*")
}

func TestA_binding_counts_from_its_answer_on_and_no_longer_than_it_is_there(t *testing.T) {
	d := newDesk(t)
	path := bindingAt("lab", d.account("bob"))
	for range 20 {
		d.wants(404, "bob", "GET", "/admin/v1/namespaces/lab", "")
		d.wants(201, "ada", "PUT", path, `{"role": "view"}`)
		d.wants(200, "bob", "GET", "/admin/v1/namespaces/lab", "")
		d.wants(204, "ada", "DELETE", path, "")
	}
}

func TestPrincipals_of_bindings_are_taken_as_they_are(t *testing.T) {
	d := newDesk(t)
	for _, principal := range []string{
		"group:interns", "group:/corp/ml team", "group:a%2Fb+c", "group:Ünïcode?&#", "team:" + string(d.ml.ID),
	} {
		path := bindingAt("lab", principal)
		d.call("ada", "DELETE", path, "")
		d.wants(201, "ada", "POST", "/admin/v1/namespaces/lab/bindings", text(map[string]any{"principal": principal, "role": "view"}))
		if got := d.wants(200, "ada", "GET", path, "").member("principal"); got != principal {
			t.Errorf("%q is answered as %q", principal, got)
		}
		d.wants(204, "ada", "DELETE", path, "")
	}
}

func TestBindings_are_refused(t *testing.T) {
	d := newDesk(t)
	post := func(members map[string]any) string { return text(members) }
	past := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	for name, tc := range map[string]struct {
		who, method, path, body, code, field string
		status                               int
	}{
		"that have expired already":             {"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view", "expires": "` + past + `"}`, "invalid", "expires", 400},
		"that expired before there was time":    {"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view", "expires": "1900-01-01T00:00:00Z"}`, "invalid", "expires", 400},
		"with an expiry that is no time":        {"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view", "expires": "tomorrow"}`, "invalid", "expires", 400},
		"with an expiry that is a number":       {"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view", "expires": 4102444800}`, "invalid", "expires", 400},
		"patched into the past":                 {"ada", "PATCH", bindingAt("lab", d.account("vic")), `{"expires": "` + past + `"}`, "invalid", "expires", 400},
		"without a role":                        {"ada", "PUT", bindingAt("lab", "group:x"), `{}`, "invalid", "role", 400},
		"patched to no role":                    {"ada", "PATCH", bindingAt("lab", d.account("vic")), `{"role": null}`, "invalid", "role", 400},
		"of an account that is not there":       {"ada", "PUT", bindingAt("lab", "account:"+noUID), `{"role": "view"}`, "invalid", "principal", 400},
		"of a team that is not there":           {"ada", "POST", "/admin/v1/namespaces/lab/bindings", post(map[string]any{"principal": "team:" + noUID, "role": "view"}), "invalid", "principal", 400},
		"of an organisation":                    {"ada", "POST", "/admin/v1/namespaces/lab/bindings", post(map[string]any{"principal": "account:" + string(d.acme.ID), "role": "view"}), "invalid", "principal", 400},
		"of what is no principal":               {"ada", "PUT", bindingAt("lab", "ada"), `{"role": "view"}`, "invalid", "principal", 400},
		"of nobody":                             {"ada", "GET", "/admin/v1/namespaces/lab/binding", "", "invalid", "principal", 400},
		"of a group of control characters":      {"ada", "PUT", bindingAt("lab", "group:a\x00b"), `{"role": "view"}`, "invalid", "principal", 400},
		"with the principal in the body of PUT": {"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "view", "principal": "group:y"}`, "invalid", "principal", 400},
		"of two principals":                     {"ada", "DELETE", bindingAt("lab", d.account("vic")) + "&principal=group:x", "", "invalid", "principal", 400},
		"with a query that is cut":              {"ada", "DELETE", bindingAt("lab", d.account("vic")) + "&x=%2", "", "invalid", "query", 400},
		"with a query of two minds":             {"ada", "DELETE", bindingAt("lab", d.account("vic")) + ";principal=group:x", "", "invalid", "query", 400},
		"in a namespace that is not there":      {"root", "PUT", bindingAt("nowhere", "group:x"), `{"role": "view"}`, "not_found", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.wants(tc.status, tc.who, tc.method, tc.path, tc.body)
			if got.code() != tc.code || got.member("field") != tc.field {
				t.Errorf("code %q field %q, want %q %q: %s", got.code(), got.member("field"), tc.code, tc.field, got.Text)
			}
		})
	}
}

func TestWho_may_do_what_with_bindings(t *testing.T) {
	d := newDesk(t)
	vic, group := bindingAt("lab", d.account("vic")), bindingAt("lab", "group:x")
	const all = "/admin/v1/namespaces/lab/bindings"
	grant := text(map[string]any{"principal": d.account("bob"), "role": "view"})
	for _, tc := range []struct {
		who, method, path, body string
		status                  int
	}{
		// Who has no part in the namespace does not learn that it is there.
		{"bob", "GET", all, "", 404}, {"bob", "POST", all, grant, 404}, {"bob", "GET", vic, "", 404},
		{"bob", "PUT", vic, `{"role": "view"}`, 404}, {"bob", "PUT", group, `{"role": "view"}`, 404},
		{"bob", "PUT", bindingAt("lab", d.account("bob")), `{"role": "view"}`, 404},
		{"bob", "PATCH", vic, `{"role": "view"}`, 404}, {"bob", "DELETE", vic, "", 404},
		// Who has a part sees the others, and grants nothing.
		{"vic", "GET", all, "", 200}, {"vic", "POST", all, grant, 403}, {"vic", "GET", bindingAt("lab", d.account("ann")), "", 200},
		{"vic", "PUT", vic, `{"role": "admin"}`, 403}, {"vic", "PATCH", vic, `{"role": "admin"}`, 403},
		{"vic", "PATCH", vic, `{"expires": "2037-01-01T00:00:00Z"}`, 403},
		{"vic", "PUT", group, `{"role": "view"}`, 403}, {"vic", "DELETE", bindingAt("lab", d.account("ann")), "", 403},
		{"tom", "DELETE", bindingAt("lab", "team:"+string(d.ml.ID)), "", 403},
		{"mia", "POST", all, grant, 403},
		// What is granted to oneself is given back.
		{"vic", "DELETE", vic, "", 204}, {"vic", "GET", vic, "", 404}, {"vic", "GET", all, "", 404},
		{"ann", "PUT", vic, `{"role": "view"}`, 201}, {"ada", "DELETE", vic, "", 204}, {"root", "PUT", vic, `{"role": "view"}`, 201},
	} {
		d.wants(tc.status, tc.who, tc.method, tc.path, tc.body)
	}
}

func TestLists_of_bindings_hold_what_one_may_see(t *testing.T) {
	d := newDesk(t)
	d.Namespace("attic", d.people["ada"])
	d.Bind("attic", d.people["mia"], identity.View)
	ann, vic, mia, ml := d.account("ann"), d.account("vic"), d.account("mia"), "team:"+string(d.ml.ID)
	for _, tc := range []struct {
		who, path string
		want      []string // namespace/principal
	}{
		{"root", "/bindings", []string{"attic/" + mia, "lab/" + ann, "lab/" + vic, "lab/" + ml}},
		{"root", "/bindings?principal=" + ml, []string{"lab/" + ml}},
		{"root", "/bindings?role=view", []string{"attic/" + mia, "lab/" + vic}},
		{"vic", "/bindings", []string{"lab/" + vic}},
		{"vic", "/bindings?principal=" + vic, []string{"lab/" + vic}},
		{"mia", "/bindings", []string{"attic/" + mia, "lab/" + ml}},
		{"mia", "/bindings?principal=" + ml, []string{"lab/" + ml}},
		{"mia", "/bindings?role=edit", []string{"lab/" + ml}},
		{"bob", "/bindings", nil},
		{"vic", "/namespaces/lab/bindings", []string{"lab/" + ann, "lab/" + vic, "lab/" + ml}},
		{"ada", "/namespaces/lab/bindings?principal=" + ann, []string{"lab/" + ann}},
		{"ada", "/namespaces/lab/bindings?role=edit", []string{"lab/" + ml}},
	} {
		reply := d.wants(200, tc.who, "GET", "/admin/v1"+tc.path, "")
		var got []string
		for i, namespace := range reply.items(t, "namespace") {
			got = append(got, namespace+"/"+reply.items(t, "principal")[i])
		}
		slices.Sort(got)
		slices.Sort(tc.want)
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s lists %s: %v, want %v", tc.who, tc.path, got, tc.want)
		}
	}
	d.wants(403, "vic", "GET", "/admin/v1/bindings?principal="+ann, "")
	d.wants(403, "vic", "GET", "/admin/v1/bindings?principal="+ml, "")
	d.wants(400, "vic", "GET", "/admin/v1/bindings?principal=vic", "")
	d.wants(404, "root", "GET", "/admin/v1/namespaces/nowhere/bindings", "")
}

func TestCursors_of_bindings_are_not_shared(t *testing.T) {
	d := newDesk(t)
	cursor := d.wants(200, "root", "GET", "/admin/v1/bindings?limit=1", "").member("next")
	for _, path := range []string{"/bindings?cursor=", "/namespaces/lab/bindings?cursor="} {
		d.wants(400, "mia", "GET", "/admin/v1"+path+cursor, "")
	}
	var seen []string
	for path := "/admin/v1/namespaces/lab/bindings?limit=1"; path != ""; {
		page := d.wants(200, "vic", "GET", path, "")
		seen = append(seen, page.items(t, "principal")...)
		if path = page.member("next"); path != "" {
			path = "/admin/v1/namespaces/lab/bindings?limit=1&cursor=" + path
		}
	}
	if len(seen) != 3 || !slices.IsSorted(seen) {
		t.Errorf("the pages hold %v", seen)
	}
}

// Policy is asked about each role that a change touches, so that nobody takes away, or
// lowers, what they could not grant.
func TestK02_roles_that_are_taken_away_are_asked_about_too(t *testing.T) {
	const rule = `package custom.admin.chiefs

deny contains "only the platform's admins handle chiefs" if {
	input.resource.kind == "binding"
	input.resource.role == "chief"
	input.action in {"create", "update", "delete"}
	not data.identity.accounts[input.subject.id].roles.admin
}
`
	d := newDesk(t, admintest.Overlay(map[string]string{"custom/admin/chiefs/chiefs.rego": rule}))
	vic := bindingAt("lab", d.account("vic"))
	for _, tc := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"ada", "PUT", bindingAt("lab", "group:x"), `{"role": "chief"}`, 403},
		{"ada", "PATCH", vic, `{"role": "chief"}`, 403},
		{"ada", "PUT", vic, `{"role": "chief"}`, 403},
		{"root", "PUT", vic, `{"role": "chief"}`, 200},
		{"ada", "PUT", vic, `{"role": "view"}`, 403},
		{"ada", "PATCH", vic, `{"role": "view"}`, 403},
		{"ada", "PATCH", vic, `{"expires": "2037-01-01T00:00:00Z"}`, 403},
		{"ada", "DELETE", vic, "", 403},
		{"root", "PATCH", vic, `{"role": "view"}`, 200},
		{"ada", "DELETE", vic, "", 204},
	} {
		got := d.wants(tc.status, tc.who, tc.method, tc.path, tc.body)
		if tc.status == 403 && (got.code() != "custom_deny" || got.member("detail") != "only the platform's admins handle chiefs") {
			t.Errorf("%s %s: %s", tc.method, tc.path, got.Text)
		}
	}
}

func TestWhat_is_asked_about_bindings(t *testing.T) {
	d := newDesk(t)
	vic := d.account("vic")
	about := func(action, role string, fields ...string) map[string]any {
		r := map[string]any{"kind": "binding", "namespace": "lab", "principal": vic, "role": role}
		if len(fields) > 0 {
			changed := map[string]any{}
			for _, field := range fields {
				changed[field] = true
			}
			r["fields"] = changed
		}
		return map[string]any{"action": action, "resource": r}
	}
	// What is to be given says until when, in seconds; 0 is for ever.
	until := func(expires json.Number, asked map[string]any) map[string]any {
		asked["resource"].(map[string]any)["expires"] = expires
		return asked
	}
	for _, tc := range []struct {
		method, path, body string
		want               []map[string]any
	}{
		{"GET", bindingAt("lab", vic), "", []map[string]any{about("read", "view")}},
		{"PATCH", bindingAt("lab", vic), `{"role": "edit"}`, []map[string]any{
			about("read", "view"), about("update", "view", "role"), until("0", about("update", "edit", "role")),
		}},
		{"PUT", bindingAt("lab", vic), `{"role": "edit", "expires": "2037-01-01T00:00:00Z"}`, []map[string]any{
			about("read", "edit"), about("update", "edit", "expires"), until("2114380800", about("update", "edit", "expires")),
		}},
		{"PUT", bindingAt("lab", vic), `{"role": "edit", "expires": "2037-01-01T00:00:00Z"}`, []map[string]any{about("read", "edit")}},
		{"DELETE", bindingAt("lab", vic), "", []map[string]any{about("read", "edit"), about("delete", "edit")}},
		{"POST", "/admin/v1/namespaces/lab/bindings", text(map[string]any{"principal": vic, "role": "view"}), []map[string]any{until("0", about("create", "view"))}},
	} {
		d.questions.since()
		if got := d.call("ada", tc.method, tc.path, tc.body); got.Status >= 300 {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, got.Status, got.Text)
		}
		if got := d.questions.since(); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s %s %s asks\n%v, want\n%v", tc.method, strings.Split(tc.path, "?")[0], tc.body, got, tc.want)
		}
	}
}
