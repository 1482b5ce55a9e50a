package crud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestImport_makes_the_directory_hold_what_the_lines_say(t *testing.T) {
	h := newImportHouse(t, crud.ImportLimits{})
	body := `{"accounts":[{"handle":"kim","email":"kim@corp.test"}]}

{"namespaces":[{"name":"den","owners":[{"account":"kim"}]}]}
  {"bindings":[{"namespace":"den","account":"bob","role":"view"},{"namespace":"lab","account":"new@corp.test","role":"edit"}]}
{"apiVersion":"kubeflow.org/v1","kind":"Profile","metadata":{"name":"kf"},"spec":{"owner":{"kind":"User","name":"kim@corp.test"}}}
{"namespaces":[{"name":"lab"}]}
{"bindings":[{"namespace":"lab","account":"vic","role":"veiw"}]}`
	before := h.Directory.Revision()
	got := h.send(t, "root", "", body, "X-Forwarded-For", "203.0.113.9")
	want := fmt.Sprintf(`{"line":1,"op":"create","what":"account kim"}
{"line":5,"op":"update","what":"account kim: user_id kim@corp.test"}
{"line":3,"op":"create","what":"namespace den: owner kim"}
{"line":5,"op":"create","what":"namespace kf: owner kim@corp.test"}
{"line":4,"op":"create","what":"view in namespace den: bob"}
{"line":4,"op":"create","what":"account new@corp.test, invited"}
{"line":4,"op":"create","what":"edit in namespace lab: new@corp.test"}
{"line":7,"op":"update","what":"veiw in namespace lab: vic (was view)"}
{"line":7,"note":"role \"veiw\" is none of view, edit and admin: it grants nothing unless a policy table names it"}
{"done":{"created":6,"updated":2,"removed":0,"unchanged":1,"revision":%d}}`, before+2) // the token is recorded too
	if got.status != http.StatusOK || inAnyOrder(got.told()) != inAnyOrder(want) {
		t.Errorf("status %d\n%s\nwant\n%s", got.status, got.told(), want)
	}
	if first := `{"progress":{"read":6,"written":0,"of":7}}`; got.lines[0] != first {
		t.Errorf("the first line is %s, want %s", got.lines[0], first)
	}
	if kind, revision := got.header.Get("Content-Type"), got.trailer.Get("Gatehouse-Revision"); kind != "application/x-ndjson" || revision != strconv.FormatUint(before+2, 10) {
		t.Errorf("type %q, trailer %q, want application/x-ndjson and %d", kind, revision, before+2)
	}
	entries, err := h.Directory.Journal(t.Context(), before+1, 100)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d rows in the journal: %v", len(entries), err)
	}
	for _, e := range entries {
		if want := identity.Actor("account:" + h.text("{root}")); e.Actor != want || e.Address != "203.0.113.9" {
			t.Errorf("the journal has %s from %q, want %s from 203.0.113.9", e.Actor, e.Address, want)
		}
	}
	t.Run("and changes nothing a second time", func(t *testing.T) {
		got := h.send(t, "root", "", body)
		if want := fmt.Sprintf(`{"done":{"created":0,"updated":0,"removed":0,"unchanged":6,"revision":%d}}`, before+3); got.last() != want {
			t.Errorf("%s\nwant\n%s", got.told(), want)
		}
	})
	t.Run("of which there may be none", func(t *testing.T) {
		got := h.send(t, "root", "", " \n\n")
		if !strings.HasPrefix(got.told(), `{"done":{"created":0,"updated":0,"removed":0,"unchanged":0,`) {
			t.Errorf("got %s", got.told())
		}
	})
}

func TestImport_that_only_tries_writes_nothing(t *testing.T) {
	for name, batch := range map[string]int{"in one transaction": 1000, "on a copy, where it is large": 10} {
		t.Run(name, func(t *testing.T) {
			h := newImportHouse(t, crud.ImportLimits{Batch: batch})
			before, raw := h.exported(t), h.signedIn("root")
			maps.DeleteFunc(before, func(key, _ string) bool { return strings.HasPrefix(key, "tokens ") })
			got := h.sendFrom(t, raw, "?dry_run=true", strings.NewReader(crowd(20)))
			if want := fmt.Sprintf(`{"done":{"created":60,"updated":0,"removed":0,"unchanged":0,"dry_run":true,"revision":%d}}`, h.Directory.Revision()); got.last() != want {
				t.Errorf("got %s\nwant %s", got.last(), want)
			}
			if n := strings.Count(got.told(), `"op":"create"`); n != 60 {
				t.Errorf("%d steps are told of, want 60", n)
			}
			after := h.exported(t)
			maps.DeleteFunc(after, func(key, _ string) bool { return strings.HasPrefix(key, "tokens ") })
			if !maps.Equal(before, after) {
				t.Error("a dry run changed the directory")
			}
		})
	}
	t.Run("and says what is wrong", func(t *testing.T) {
		h := newImportHouse(t, crud.ImportLimits{})
		got := h.send(t, "root", "?dry_run=true", `{"bindings":[{"namespace":"elsewhere","account":"bob","role":"view"}]}`)
		want := `{"line":1,"error":"namespace \"elsewhere\" is neither in the files nor in the directory: import its Profile (or an entry of namespaces) too"}
{"failed":{"code":"invalid","why":"1 problem: nothing was changed.","written":0,"of":1,"next":"Mend it and try again."}}`
		if got.told() != want {
			t.Errorf("got\n%s\nwant\n%s", got.told(), want)
		}
	})
}

func TestImport_decides_the_next_request(t *testing.T) {
	h := newImportHouse(t, crud.ImportLimits{})
	for round := range 20 {
		name := "room-" + strconv.Itoa(round)
		ask := func() int {
			return h.Ask(admintest.Nginx, "GET", "https://app.example.org/notebook/"+name+"/x", admintest.Header{Name: "Authorization", Value: "Bearer " + h.signedIn("bob")}).Status
		}
		if got := ask(); got != http.StatusForbidden {
			t.Fatalf("before the import of %s: status %d, want 403", name, got)
		}
		h.send(t, "root", "", `{"namespaces":[{"name":"`+name+`","owners":[{"account":"ada"}],"bindings":[{"account":"bob","role":"view"}]}]}`)
		if got := ask(); got != http.StatusOK {
			t.Fatalf("after the import of %s: status %d, want 200", name, got)
		}
	}
}

func TestImport_whose_caller_goes_away_leaves_whole_transactions(t *testing.T) {
	const batch, people = 30, 300
	h := newImportHouse(t, crud.ImportLimits{Batch: batch})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	response, err := h.begin(ctx, h.signedIn("root"), "", strings.NewReader(crowd(people)))
	if err != nil {
		t.Fatal(err)
	}
	if !follow(bufio.NewScanner(response.Body), somethingWritten) {
		t.Fatal("the answer ended before anything was written")
	}
	leave()
	_ = response.Body.Close()
	h.free(t)
	accounts, namespaces, bindings := h.crowded(t)
	if entries := accounts + namespaces + bindings; entries == 0 || entries >= 3*people || entries%batch != 0 {
		t.Errorf("%d accounts, %d namespaces and %d bindings are there, want some, not all, and whole transactions of %d", accounts, namespaces, bindings, batch)
	}
	if replayed, exported := h.replayed(t), h.exported(t); !maps.Equal(replayed, exported) {
		t.Errorf("the journal tells of %d documents, the rows make %d others", len(replayed), len(exported))
	}
	if log := h.log.Entries(t, "import failed"); len(log) != 1 || log[0]["code"] != "stopped" {
		t.Errorf("the log says %v, want one import that was stopped", log)
	}
	t.Run("and the next one does the rest", func(t *testing.T) {
		there := accounts + namespaces + bindings
		got := h.send(t, "root", "", crowd(people))
		want := fmt.Sprintf(`{"done":{"created":%d,"updated":0,"removed":0,"unchanged":`, 3*people-there)
		if !strings.HasPrefix(got.last(), want) {
			t.Errorf("got %s, want it to begin with %s", got.last(), want)
		}
	})
}

func TestImport_stops_when_its_caller_may_not_import_any_more(t *testing.T) {
	for name, c := range map[string]struct {
		code string
		lose func(h importHouse, tx *identity.Tx) error
	}{
		"the role is gone": {"not_granted", func(h importHouse, tx *identity.Tx) error { return tx.RevokePlatformRole(h.id("root"), "admin") }},
		"the tokens are":   {"revoked_token", func(h importHouse, tx *identity.Tx) error { return tx.RevokeAccountTokens(h.id("root")) }},
		"the account is disabled": {"account_disabled", func(h importHouse, tx *identity.Tx) error {
			a, err := tx.Account(h.id("root"))
			if err != nil {
				return err
			}
			a.State = identity.Disabled
			return tx.UpdateAccount(a)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newImportHouse(t, crud.ImportLimits{Batch: 20})
			response, err := h.begin(t.Context(), h.signedIn("root"), "", strings.NewReader(crowd(400)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewScanner(response.Body)
			if !follow(lines, somethingWritten) {
				t.Fatal("the answer ended before anything was written")
			}
			h.Write(func(tx *identity.Tx) error { return c.lose(h, tx) })
			var last struct {
				Failed struct {
					Code        string
					Why, Next   string
					Written, Of int
				}
			}
			follow(lines, func(line string) bool {
				return strings.HasPrefix(line, `{"failed"`) && json.Unmarshal([]byte(line), &last) == nil
			})
			f := last.Failed
			accounts, namespaces, bindings := h.crowded(t)
			if f.Code != c.code || f.Written == 0 || f.Written >= f.Of || f.Of != 1200 || f.Written != accounts+namespaces+bindings ||
				!strings.Contains(f.Why, " of 1200 entries are written (up to revision ") || f.Next != "Import again, which goes on from there." {
				t.Errorf("it ended with %+v, want %s; %d entries are there", f, c.code, accounts+namespaces+bindings)
			}
		})
	}
}

func TestImport_whose_caller_does_not_read_keeps_nobody_from_writing(t *testing.T) {
	h := newImportHouse(t, crud.ImportLimits{Batch: 400, Patience: 2 * time.Second})
	var body strings.Builder
	labels := make([]string, 200)
	for i := range labels {
		labels[i] = fmt.Sprintf(`"label-%d":"%s"`, i, strings.Repeat("x", 40))
	}
	for i := range 2000 { // each makes a line of ten thousand bytes in the answer
		fmt.Fprintf(&body, `{"namespaces":[{"name":"ns-%d","owners":[{"account":"ada"}],"labels":{%s}}]}`+"\n", i, strings.Join(labels, ","))
	}
	start := h.Directory.Revision()
	h.stuck(t, h.signedIn("root"), body.String())
	for end := time.Now().Add(time.Minute); h.Directory.Revision() < start+2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the import wrote nothing")
		}
	}
	var longest time.Duration
	for i, end := 0, time.Now().Add(time.Second); time.Now().Before(end); i++ {
		began := time.Now()
		h.Person("someone-" + strconv.Itoa(i))
		longest = max(longest, time.Since(began))
	}
	if longest > 2*time.Second {
		t.Errorf("somebody waited %v to write", longest)
	}
	h.free(t)
	if log := h.log.Entries(t, "import failed"); len(log) != 1 || log[0]["of"] != 2000.0 || log[0]["entries"] == 2000.0 {
		t.Errorf("the log says %v, want one import that did not come to its end", log)
	}
}

func TestImport_keeps_little_of_a_large_body_in_memory(t *testing.T) {
	size := 200 << 20
	if testing.Short() {
		size = 90 << 20
	}
	h := newImportHouse(t, crud.ImportLimits{})
	raw := h.signedIn("root")
	read, write := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(write, 1<<20)
		filler := strings.Repeat("x", 63)
		for i, n := 0, 0; n < size; i++ {
			written, _ := fmt.Fprintf(out, `{"namespaces":[{"name":"ns-%d","owners":[{"account":"ada"}],"labels":{"a":%[2]q,"b":%[2]q,"c":%[2]q,"d":%[2]q,"e":%[2]q,"f":%[2]q,"g":%[2]q,"h":%[2]q,"i":%[2]q,"j":%[2]q,"k":%[2]q,"l":%[2]q}}]}`+"\n", i, filler)
			n += written
		}
		_, _ = out.WriteString("{\"accounts\":[{}]}\n") // so that nothing is written
		_ = out.Flush()
		_ = write.Close()
	}()
	peak, stop := heapPeak()
	got := h.sendFrom(t, raw, "", read)
	stop()
	if !strings.Contains(got.told(), `"error":"an account needs a handle, an email or a user_id"`) {
		t.Errorf("got %.300s", got.told())
	}
	if most := int64(160 << 20); *peak > most {
		t.Errorf("the heap grew by %d MiB for a body of %d MiB, want at most %d", *peak>>20, size>>20, most>>20)
	}
}

// inAnyOrder makes reports comparable that tell the same: what belongs to different
// things is written in no order that callers could rely on.
func inAnyOrder(lines string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(lines, "\n")), "\n")
}
