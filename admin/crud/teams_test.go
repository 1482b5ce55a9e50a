package crud_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// body compares a whole answer.
func (r reply) same(t *testing.T, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(r.Text), &got); err != nil {
		t.Fatalf("%d %s: %v", r.Status, r.Text, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the answer is\n%v, want\n%v", got, want)
	}
}

func TestA_team_is_made_read_renamed_and_removed(t *testing.T) {
	d := newDesk(t)
	acme := string(d.acme.ID)
	made := d.wants(201, "olga", "POST", "/admin/v1/teams", text(map[string]any{"organisation": acme, "handle": "Ops"}))
	uid := made.member("uid")
	made.same(t, map[string]any{"uid": uid, "organisation": acme, "handle": "ops", "name": ""})
	path := "/admin/v1/teams/" + uid
	if got := made.Header.Get("Location"); got != path {
		t.Errorf("Location is %q, want %q", got, path)
	}
	if made.Header.Get("Gatehouse-Revision") == "" {
		t.Error("a write has no revision")
	}
	read := d.wants(200, "nia", "GET", path, "")
	if read.Text != made.Text || read.Header.Get("ETag") != made.Header.Get("ETag") {
		t.Errorf("read as %s %s, made as %s %s", read.Text, read.Header.Get("ETag"), made.Text, made.Header.Get("ETag"))
	}
	etag := read.Header.Get("ETag")
	renamed := d.wants(200, "olga", "PATCH", path, `{"name": "Operations"}`, "Content-Type", "application/merge-patch+json", "If-Match", etag)
	renamed.same(t, map[string]any{"uid": uid, "organisation": acme, "handle": "ops", "name": "Operations"})
	d.wants(412, "olga", "PATCH", path, `{"name": "Other"}`, "If-Match", etag)
	d.wants(412, "olga", "DELETE", path, "", "If-Match", etag)
	d.wants(200, "olga", "PATCH", path, `{"name": null}`).same(t, map[string]any{"uid": uid, "organisation": acme, "handle": "ops", "name": ""})
	gone := d.wants(204, "olga", "DELETE", path, "")
	if gone.Text != "" || gone.Header.Get("Gatehouse-Revision") == "" {
		t.Errorf("removed with %q and revision %q", gone.Text, gone.Header.Get("Gatehouse-Revision"))
	}
	d.wants(404, "root", "GET", path, "")
}

func TestPutting_a_team(t *testing.T) {
	d := newDesk(t)
	acme, path := string(d.acme.ID), "/admin/v1/teams/"+string(d.ml.ID)
	team := func(handle, name string) string {
		return text(map[string]any{"organisation": acme, "handle": handle, "name": name})
	}
	etag := d.wants(200, "tom", "GET", path, "").Header.Get("ETag")
	t.Run("what is there already changes nothing", func(t *testing.T) {
		d.wants(200, "tom", "PUT", path, team("ml", "Machine learning"))
	})
	t.Run("another needs the version that was read", func(t *testing.T) {
		if got := d.wants(428, "tom", "PUT", path, team("ml", "ML")); got.member("field") != "If-Match" {
			t.Errorf("the field is %q", got.member("field"))
		}
		d.wants(412, "tom", "PUT", path, team("ml", "ML"), "If-Match", `"another"`)
		d.wants(412, "tom", "PUT", path, team("ml", "ML"), "If-None-Match", "*")
		d.wants(200, "tom", "PUT", path, team("ml", "ML"), "If-Match", etag)
	})
	t.Run("a uid that nobody had makes one", func(t *testing.T) {
		d.wants(201, "olga", "PUT", "/admin/v1/teams/"+noUID, team("data", "Data"), "If-None-Match", "*")
		d.wants(200, "olga", "PUT", "/admin/v1/teams/"+noUID, team("data", "Data"))
	})
	t.Run("handle and organisation never change", func(t *testing.T) {
		other := text(map[string]any{"organisation": d.uid("bob"), "handle": "ml", "name": "ML"})
		for field, body := range map[string]string{"handle": team("mlx", "ML"), "organisation": other} {
			for _, who := range []string{"tom", "root"} {
				if got := d.wants(400, who, "PUT", path, body, "If-Match", "*"); got.member("field") != field {
					t.Errorf("the field is %q, want %s", got.member("field"), field)
				}
			}
		}
	})
}

func TestTeams_are_refused(t *testing.T) {
	d := newDesk(t)
	acme := string(d.acme.ID)
	for name, tc := range map[string]struct {
		who, body, code, field string
		status                 int
	}{
		"without an organisation":               {"olga", `{"handle": "ops"}`, "invalid", "organisation", 400},
		"of an organisation that is not there":  {"root", text(map[string]any{"organisation": noUID, "handle": "ops"}), "invalid", "organisation", 400},
		"of a person":                           {"root", text(map[string]any{"organisation": d.uid("bob"), "handle": "ops"}), "invalid", "organisation", 400},
		"with a handle of control characters":   {"olga", text(map[string]any{"organisation": acme, "handle": "o\u0000ps"}), "invalid", "handle", 400},
		"with a handle that is taken":           {"olga", text(map[string]any{"organisation": acme, "handle": "ML"}), "exists", "", 409},
		"with a name of invisible characters":   {"olga", text(map[string]any{"organisation": acme, "handle": "ops", "name": "Op\u200bs"}), "invalid", "name", 400},
		"with a member that nobody knows":       {"olga", text(map[string]any{"organisation": acme, "handle": "ops", "uid": noUID}), "invalid", "uid", 400},
		"with a member in the wrong case":       {"olga", text(map[string]any{"organisation": acme, "Handle": "ops"}), "invalid", "", 400},
		"with a member given twice":             {"olga", `{"organisation": "` + acme + `", "handle": "a", "handle": "b"}`, "malformed_body", "handle", 400},
		"with a member of the wrong type":       {"olga", text(map[string]any{"organisation": acme, "handle": 7}), "invalid", "handle", 400},
		"to who owns only a team":               {"tom", text(map[string]any{"organisation": acme, "handle": "ops"}), "not_granted", "", 403},
		"to who has no part in anything":        {"bob", text(map[string]any{"organisation": acme, "handle": "ops"}), "not_granted", "", 403},
		"to who would learn that nobody has it": {"bob", text(map[string]any{"organisation": noUID, "handle": "ops"}), "not_granted", "", 403},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.wants(tc.status, tc.who, "POST", "/admin/v1/teams", tc.body)
			if got.code() != tc.code || tc.field != "" && got.member("field") != tc.field {
				t.Errorf("code %q field %q, want %q %q: %s", got.code(), got.member("field"), tc.code, tc.field, got.Text)
			}
			if got.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("a problem is sent as %s", got.Header.Get("Content-Type"))
			}
		})
	}
}

func TestTeams_that_one_may_not_see_are_not_there(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/admin/v1/teams/" + string(d.ml.ID), "/admin/v1/teams/" + noUID} {
		for method, body := range map[string]string{
			"GET": "", "PATCH": `{"name": "x"}`, "DELETE": "",
			"PUT": text(map[string]any{"organisation": string(d.acme.ID), "handle": "ml", "name": "x"}),
		} {
			if got := d.wants(404, "bob", method, path, body); got.code() != "not_found" {
				t.Errorf("%s %s: the code is %q", method, path, got.code())
			}
			for member, body := range map[string]string{"": "", "/" + d.uid("mia"): ""} {
				d.wants(404, "bob", "GET", path+"/members"+member, body)
			}
			d.wants(404, "bob", "PUT", path+"/members/"+d.uid("mia"), `{"role": "owner"}`)
			d.wants(404, "bob", "DELETE", path+"/members/"+d.uid("mia"), "")
		}
	}
	d.wants(403, "nia", "PATCH", "/admin/v1/teams/"+string(d.ml.ID), `{"name": "x"}`)
	d.wants(403, "tom", "DELETE", "/admin/v1/teams/"+string(d.ml.ID), "")
}

func TestLists_of_teams_hold_what_one_may_see(t *testing.T) {
	d := newDesk(t)
	acme := string(d.acme.ID)
	d.wants(201, "olga", "POST", "/admin/v1/teams", text(map[string]any{"organisation": acme, "handle": "ops"}))
	for _, tc := range []struct {
		who, query string
		want       []string
	}{
		{"root", "", []string{"ml", "ops"}},
		{"root", "?member=" + d.uid("mia"), []string{"ml"}},
		{"root", "?organisation=" + noUID, []string{}},
		{"olga", "?organisation=" + acme, []string{"ml", "ops"}},
		{"nia", "?organisation=" + acme, []string{"ml", "ops"}},
		{"nia", "?organisation=" + acme + "&member=" + d.uid("mia"), []string{"ml"}},
		{"nia", "?organisation=" + acme + "&handle=OPS", []string{"ops"}},
		{"nia", "", []string{}},
		{"mia", "", []string{"ml"}},
		{"mia", "?member=me", []string{"ml"}},
		{"mia", "?member=" + d.uid("mia"), []string{"ml"}},
		{"bob", "", []string{}},
		{"bob", "?organisation=" + acme, []string{}},
	} {
		got := d.wants(200, tc.who, "GET", "/admin/v1/teams"+tc.query, "").items(t, "handle")
		if slices.Sort(got); !slices.Equal(got, tc.want) {
			t.Errorf("%s lists %s: %v, want %v", tc.who, tc.query, got, tc.want)
		}
	}
	d.wants(403, "bob", "GET", "/admin/v1/teams?member="+d.uid("mia"), "")
}

func TestLists_go_on_where_their_cursor_says(t *testing.T) {
	d := newDesk(t)
	acme := string(d.acme.ID)
	for _, handle := range []string{"a", "b", "c", "d"} {
		d.wants(201, "olga", "POST", "/admin/v1/teams", text(map[string]any{"organisation": acme, "handle": handle}))
	}
	first := d.wants(200, "olga", "GET", "/admin/v1/teams?limit=2&organisation="+acme, "")
	seen, next := first.items(t, "handle"), first.member("next")
	for next != "" {
		page := d.wants(200, "olga", "GET", "/admin/v1/teams?limit=2&organisation="+acme+"&cursor="+next, "")
		seen, next = append(seen, page.items(t, "handle")...), page.member("next")
	}
	slices.Sort(seen)
	if want := []string{"a", "b", "c", "d", "ml"}; !slices.Equal(seen, want) {
		t.Errorf("the pages hold %v, want %v", seen, want)
	}
	cursor := first.member("next")
	for name, query := range map[string]string{
		"K05 a forged cursor":     "organisation=" + acme + "&cursor=" + strings.Repeat("A", len(cursor)),
		"K05 a cursor of SQL":     "organisation=" + acme + "&cursor=%27%20OR%201=1%20--",
		"a cut cursor":            "organisation=" + acme + "&cursor=" + cursor[:len(cursor)-2],
		"the cursor of another":   "cursor=" + cursor,
		"a cursor that is no one": "organisation=" + acme + "&cursor=!",
	} {
		if got := d.wants(400, "root", "GET", "/admin/v1/teams?"+query, ""); got.member("field") != "cursor" {
			t.Errorf("%s: %s", name, got.Text)
		}
	}
	d.wants(400, "root", "GET", "/admin/v1/teams?limit=0", "")
	d.wants(400, "root", "GET", "/admin/v1/teams?limit=1001", "")
	d.wants(400, "root", "GET", "/admin/v1/teams?organization="+acme, "")
}

func TestMembers_of_a_team(t *testing.T) {
	d := newDesk(t)
	path := "/admin/v1/teams/" + string(d.ml.ID) + "/members"
	nia := path + "/" + d.uid("nia")
	want := map[string]any{"uid": d.uid("nia"), "handle": "nia", "name": "nia", "kind": "person", "state": "active", "role": "member"}

	made := d.wants(201, "tom", "PUT", nia, `{"role": "member"}`)
	made.same(t, want)
	if got := made.Header.Get("Location"); got != nia {
		t.Errorf("Location is %q, want %q", got, nia)
	}
	d.wants(200, "tom", "PUT", nia, `{"role": "member"}`)
	d.wants(412, "tom", "PUT", nia, `{"role": "member"}`, "If-None-Match", "*")
	d.wants(200, "nia", "GET", path+"/me", "").same(t, want)
	d.wants(403, "nia", "PUT", nia, `{"role": "owner"}`)
	d.wants(403, "mia", "DELETE", nia, "")
	want["role"] = "owner"
	d.wants(200, "olga", "PUT", nia, `{"role": "owner"}`, "If-Match", made.Header.Get("ETag")).same(t, want)
	d.wants(412, "olga", "PUT", nia, `{"role": "member"}`, "If-Match", made.Header.Get("ETag"))

	if got := d.wants(200, "nia", "GET", path, "").items(t, "handle"); !reflect.DeepEqual(got, inOrder(d, "tom", "mia", "nia")) {
		t.Errorf("the members are %v", got)
	}
	d.wants(204, "nia", "DELETE", path+"/me", "")
	d.wants(404, "tom", "GET", nia, "")
	d.wants(404, "tom", "DELETE", nia, "")
	d.wants(404, "tom", "PUT", path+"/"+noUID, `{"role": "member"}`)
	d.wants(400, "tom", "PUT", nia, `{"role": "king"}`)
	d.wants(400, "tom", "PUT", nia, `{}`)
	d.wants(http.StatusUnauthorized, "", "GET", path, "")
}

// inOrder are names in the order of their uids.
func inOrder(d *desk, names ...string) []string {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(d.uid(a), d.uid(b)) })
	return names
}
