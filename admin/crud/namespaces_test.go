package crud_test

import (
	"net/http"
	"testing"
	"time"
)

const (
	lab  = `{"name":"lab","owners":["account:{ada}"],"labels":{}}`
	attc = `{"name":"attic","owners":["account:{bob}"],"labels":{"stage":"old"},"quota":{"hard":{"cpu":"4"}}}`
)

func TestNamespaces_are_made_read_changed_and_removed(t *testing.T) {
	h := newHouse(t)
	h.run(t, []exchange{
		{name: "nobody reads one", ask: "GET /namespaces/lab", status: 401, want: signIn, header: []string{"WWW-Authenticate", `Bearer realm="gatehouse"`}},
		{name: "who has no part in it does not see it", as: "bob", ask: "GET /namespaces/lab", status: 404, want: notThere},
		{name: "nor whether there is one", as: "bob", ask: "GET /namespaces/none", status: 404, want: notThere},
		{name: "a narrowed token reads what it is for", as: "robot", ask: "GET /namespaces/lab", status: 200, want: lab},
		{name: "and changes nothing, whatever its account may do", as: "robot", ask: "DELETE /namespaces/lab", status: 403, want: narrowed},
		{name: "nor may it make anything", as: "robot", ask: "POST /namespaces", body: attc, status: 403, want: narrowed},
		{name: "who is bound in it reads it", as: "vic", ask: "GET /namespaces/lab", status: 200, want: lab, header: []string{"ETag", "*"}},
		{name: "its owner makes no other", as: "ada", ask: "POST /namespaces", body: attc, status: 403, want: denied},
		{name: "nor by PUT, and is not told whether it is there", as: "ada", ask: "PUT /namespaces/attic", body: `{"owners":["account:{ada}"]}`, status: 404, want: notThere},
		{name: "an admin makes one", as: "root", ask: "POST /namespaces", body: attc, status: 201, want: attc,
			header: []string{"Location", "/admin/v1/namespaces/attic", "ETag", "*", "Gatehouse-Revision", "*"}},
		{name: "only once", as: "root", ask: "POST /namespaces", body: attc, status: 409, want: taken},
		{name: "nor where none must be", as: "root", ask: "PUT /namespaces/attic", body: `{"owners":["account:{bob}"]}`, with: []string{"If-None-Match", "*"}, status: 412, want: isThere},
		{name: "nor where one must be", as: "root", ask: "PUT /namespaces/cellar", body: `{"owners":["account:{bob}"]}`, with: []string{"If-Match", `"x"`}, status: 412, want: nothing},
		{name: "saying it again is harmless", as: "root", ask: "PUT /namespaces/attic", body: `{"quota":{"hard":{"cpu":"4"}},"labels":{"stage":"old"},"owners":["account:{bob}"]}`, status: 200, want: attc},
		{name: "replacing it unseen is not", as: "root", ask: "PUT /namespaces/attic", body: `{"owners":["account:{bob}"]}`, status: 428, want: unread},
		{name: "nor over another version", as: "root", ask: "PUT /namespaces/attic", body: `{"owners":["account:{bob}"]}`, with: []string{"If-Match", `"x"`}, status: 412, want: stale},
		{name: "its owner sets labels", as: "bob", ask: "PATCH /namespaces/attic", body: `{"labels":{"stage":null,"kind":"dry"}}`, status: 200,
			want: `{"name":"attic","owners":["account:{bob}"],"labels":{"kind":"dry"},"quota":{"hard":{"cpu":"4"}}}`},
		{name: "and no quota", as: "bob", ask: "PATCH /namespaces/attic", body: `{"quota":null}`, status: 403, want: denied},
		{name: "gives it away, and is still answered", as: "bob", ask: "PATCH /namespaces/attic", body: `{"owners":["account:{vic}"]}`, status: 200,
			want: `{"name":"attic","owners":["account:{vic}"],"labels":{"kind":"dry"},"quota":{"hard":{"cpu":"4"}}}`},
		{name: "and then sees it no more", as: "bob", ask: "GET /namespaces/attic", status: 404, want: notThere},
		{name: "an admin of one does not remove it", as: "ann", ask: "DELETE /namespaces/lab", status: 403, want: denied},
		{name: "nor does its owner an older version", as: "vic", ask: "DELETE /namespaces/attic", with: []string{"If-Match", `"x"`}, status: 412, want: stale},
		{name: "its owner does", as: "vic", ask: "DELETE /namespaces/attic", status: 204, header: []string{"Gatehouse-Revision", "*"}},
		{name: "and it is gone", as: "root", ask: "GET /namespaces/attic", status: 404, want: notThere},
	})
	if etag := h.etag("root", "/namespaces/lab"); etag != h.etag("vic", "/namespaces/lab") {
		t.Errorf("one document has two validators, one is %s", etag)
	}
}

func TestNamespaces_are_listed_as_far_as_one_may_see_them(t *testing.T) {
	h := newHouse(t)
	for _, body := range []string{attc, `{"name":"cellar","owners":["team:{ml}"],"labels":{"stage":"old"}}`} {
		if got := h.as("root", http.MethodPost, "/namespaces", body); got.status != http.StatusCreated {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
	}
	cellar := `{"name":"cellar","owners":["team:{ml}"],"labels":{"stage":"old"}}`
	h.run(t, []exchange{
		{name: "an admin sees all", as: "root", ask: "GET /namespaces", status: 200, want: `{"items":[` + attc + `,` + cellar + `,` + lab + `]}`},
		{name: "others their own", as: "vic", ask: "GET /namespaces", status: 200, want: `{"items":[` + lab + `]}`},
		{name: "through a team too", as: "nia", ask: "GET /namespaces?member=me", status: 200, want: `{"items":[` + cellar + `]}`},
		{name: "not another's", as: "vic", ask: "GET /namespaces?member={bob}", status: 403, want: denied},
		{name: "by label", as: "root", ask: "GET /namespaces?label=stage%3Dold&prefix=c", status: 200, want: `{"items":[` + cellar + `]}`},
		{name: "by label alone", as: "root", ask: "GET /namespaces?label=stage", status: 200, want: `{"items":[` + attc + `,` + cellar + `]}`},
		{name: "by owner", as: "root", ask: "GET /namespaces?owner=account:{bob}", status: 200, want: `{"items":[` + attc + `]}`},
		{name: "of somebody who is not there", as: "root", ask: "GET /namespaces?member={nobody}", status: 404, want: notThere},
	})
	t.Run("K05", func(t *testing.T) {
		first := h.as("root", http.MethodGet, "/namespaces?limit=2", "")
		next, _ := first.json(t)["next"].(string)
		if next == "" {
			t.Fatalf("there is no next page: %s", first.body)
		}
		changed := next[:len(next)-4] + "AAAA"
		h.run(t, []exchange{
			{name: "the cursor leads on", as: "root", ask: "GET /namespaces?limit=2&cursor=" + next, status: 200, want: `{"items":[` + lab + `]}`},
			{name: "not with another filter", as: "root", ask: "GET /namespaces?prefix=l&cursor=" + next, status: 400, want: badCursor},
			{name: "nor changed", as: "root", ask: "GET /namespaces?cursor=" + changed, status: 400, want: badCursor},
			{name: "nor made up", as: "root", ask: "GET /namespaces?cursor=lab'%20OR%201=1--", status: 400, want: badCursor},
		})
	})
	h.pass(2 * time.Hour)
	if got := h.do(h.signedIn("root"), http.MethodGet, "/namespaces", ""); got.status != http.StatusOK {
		t.Errorf("two hours later: status %d", got.status)
	}
}
