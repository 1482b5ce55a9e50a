package crud_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// Nobody grants, changes or takes away by managing a namespace what they do not hold in it
// themselves. vic is a warden here, who manages and does nothing else.
func TestK02_nobody_rises_by_what_they_manage(t *testing.T) {
	h := newHouse(t, admintest.Overlay(map[string]string{"custom/roles/data.json": `{
		"warden": {"read": true, "manage": true},
		"chief": {"read": true, "write": true, "connect": true, "manage": true, "launch": true}
	}`}, "ingress", "admin"))
	at := func(principal string) string { return "/namespaces/lab/binding?principal=" + principal }
	const all, robot = "POST /namespaces/lab/bindings", "account:{robot}"
	for _, step := range []struct {
		as, ask, body string
		want          string // "" = it is done
	}{
		{"root", "PUT " + at("account:{vic}"), `{"role":"warden"}`, ""},
		// A warden handles what a warden holds.
		{"vic", all, `{"principal":"account:{bob}","role":"view"}`, ""},
		{"vic", "PATCH " + at("account:{bob}"), `{"role":"warden"}`, ""},
		{"vic", "PATCH " + at("account:{bob}"), `{"role":"edit"}`, "role_exceeds_own"},
		{"vic", "PUT " + at("account:{bob}"), `{"role":"admin"}`, "role_exceeds_own"},
		{"vic", "DELETE " + at("account:{bob}"), "", ""},
		{"vic", all, `{"principal":"account:{bob}","role":"edit"}`, "role_exceeds_own"},
		{"vic", "PUT " + at("group:x"), `{"role":"admin"}`, "role_exceeds_own"},
		// Neither raised by their own hand,
		{"vic", "PUT " + at("account:{vic}"), `{"role":"admin"}`, "role_exceeds_own"},
		{"vic", "PATCH " + at("account:{vic}"), `{"role":"edit"}`, "role_exceeds_own"},
		// nor are those lowered who hold more.
		{"vic", "PATCH " + at(robot), `{"role":"view"}`, "role_exceeds_own"},
		{"vic", "PUT " + at(robot), `{"role":"view"}`, "role_exceeds_own"},
		{"vic", "PATCH " + at(robot), `{"expires":"2037-01-01T00:00:00Z"}`, "role_exceeds_own"},
		{"vic", "DELETE " + at(robot), "", "role_exceeds_own"},
		{"vic", "DELETE " + at("account:{ann}"), "", "role_exceeds_own"},
		{"vic", "PATCH /namespaces/lab", `{"owners":["account:{vic}"]}`, "not_granted"},
		// An admin and an owner hold all but what the operator added.
		{"ann", all, `{"principal":"account:{bob}","role":"chief"}`, "role_exceeds_own"},
		{"ada", all, `{"principal":"account:{bob}","role":"chief"}`, "role_exceeds_own"},
		{"ada", all, `{"principal":"account:{bob}","role":"boss"}`, "unknown_role"},
		{"ada", "PUT " + at("account:{ada}"), `{"role":"chief"}`, "role_exceeds_own"},
		{"root", all, `{"principal":"account:{bob}","role":"chief"}`, ""},
		{"ada", "PATCH " + at("account:{bob}"), `{"role":"view"}`, "role_exceeds_own"},
		{"ann", "DELETE " + at("account:{bob}"), "", "role_exceeds_own"},
		{"ada", "DELETE " + at("account:{bob}"), "", ""},
		// Whose own part ends gives nothing that outlasts it, least of all to themselves.
		{"root", "PUT " + at("account:{ann}"), `{"role":"admin","expires":"2090-01-01T00:00:00Z"}`, ""},
		{"ann", all, `{"principal":"account:{bob}","role":"view"}`, "role_exceeds_own"},
		{"ann", all, `{"principal":"account:{bob}","role":"view","expires":"2090-01-01T00:00:01Z"}`, "role_exceeds_own"},
		{"ann", all, `{"principal":"account:{bob}","role":"view","expires":"2090-01-01T00:00:00Z"}`, ""},
		{"ann", "PATCH " + at("account:{bob}"), `{"expires":null}`, "role_exceeds_own"},
		{"ann", "PATCH " + at("account:{ann}"), `{"expires":null}`, "role_exceeds_own"},
		{"ann", "PUT " + at("account:{ann}"), `{"role":"admin"}`, "role_exceeds_own"},
		{"ann", "PATCH " + at("account:{bob}"), `{"expires":"2089-01-01T00:00:00Z"}`, ""},
		// Who is in a team or an organisation does not come to own it, nor does an owner of a part.
		{"nia", "PUT /teams/{ml}/members/me", `{"role":"owner"}`, "not_granted"},
		{"tom", "PUT /organisations/{acme}/members/me", `{"role":"owner"}`, "not_granted"},
		{"tom", "PUT /organisations/{acme}/members/{olga}", `{"role":"member"}`, "not_granted"},
		{"olga", "PATCH /organisations/{acme}", `{"state":"disabled"}`, "not_granted"},
		{"olga", "PUT /accounts/me/roles/admin", "", "not_granted"},
		{"bob", "PATCH /accounts/me", `{"state":"active","email":"root@corp.test"}`, "not_granted"},
		{"bob", "PUT /accounts/me/identities/corp", `{"subject":"root"}`, "not_granted"},
	} {
		method, path, _ := strings.Cut(step.ask, " ")
		before := h.revision()
		raw := h.signedIn(step.as) // which is a write
		got := h.do(raw, method, path, step.body)
		code := ""
		if got.status >= 300 {
			code, _ = got.json(t)["code"].(string)
		}
		if moved := h.revision() - before - 1; code != step.want || moved > 0 != (step.want == "") || step.want != "" && got.status != 403 {
			t.Errorf("%s %s by %s: %d %q, want %q, and the revision moved by %d: %s", step.ask, step.body, step.as, got.status, code, step.want, moved, got.body)
		}
	}
}
