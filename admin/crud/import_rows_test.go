package crud_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// heapPeak watches by how much the heap is larger than at the beginning.
func heapPeak() (peak *int64, stop func()) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	begin, ended, done := int64(stats.HeapAlloc), make(chan struct{}), make(chan struct{})
	peak = new(int64)
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
			runtime.ReadMemStats(&stats)
			*peak = max(*peak, int64(stats.HeapAlloc)-begin)
		}
	}()
	return peak, func() { close(ended); <-done }
}

func TestImport_tells_of_every_line_that_is_wrong_and_writes_nothing(t *testing.T) {
	h := newImportHouse(t, crud.ImportLimits{Names: 40})
	good := `{"accounts":[{"handle":"kim"}]}` + "\n"
	known := "the known ones are id, handle, kind, state, email, user_id, name, roles, identities"
	rows := []struct{ name, body, want string }{
		{"no JSON", good + "accounts: []\n", `{"line":2,"error":"is not one JSON object: invalid character 'a' looking for beginning of value"}`},
		{"another value", good + "[1]\n", `{"line":2,"error":"a line must be one JSON object, as in {\"accounts\": [{\"handle\": \"ada\"}]}"}`},
		{"two values", good + "{} {}\n", `{"line":2,"error":"is not one JSON object: invalid character '{' after top-level value"}`},
		{"half an object", good + `{"accounts":[` + "\n", `{"line":2,"error":"the JSON does not end on this line: write each object on one line, as jq -c does"}`},
		{"no UTF-8", good + "{\"accounts\":[{\"handle\":\"\xff\"}]}\n", `{"line":2,"error":"is not UTF-8 text"}`},
		{"a long line", good + `{"accounts":[{"handle":"` + strings.Repeat("x", 1<<20) + `"}]}`, `{"line":2,"error":"this line is over 1 MiB: write each entry on a line of its own"}`},
		{"an unknown key", `{"acounts":[]}`, `{"line":1,"field":"acounts","error":"unknown key \"acounts\" in a Gatehouse document: the known ones are accounts, organisations, namespaces, bindings"}`},
		{"one deeper", `{"accounts":[{"handle":"a"},{"handle":"b","nick":"c"}]}`, `{"line":1,"field":"accounts[1].nick","error":"unknown key \"nick\" in an account: ` + known + `"}`},
		{"another case", `{"accounts":[{"Handle":"a","email":"a@corp.test"}]}`, `{"line":1,"field":"accounts[0].Handle","error":"unknown key \"Handle\" in an account: ` + known + `"}`},
		{"a key twice", `{"accounts":[{"handle":"a","handle":"b"}]}`, `{"line":1,"field":"accounts[0].handle","error":"key \"handle\" stands twice in an account, first at body:1:15: keep one"}`},
		{"a wrong type", `{"namespaces":[{"name":"n","owners":{"account":"ada"}}]}`, `{"line":1,"field":"namespaces[0].owners","error":"owners of a namespace must be a list (lines that begin with -), not a mapping"}`},
		{"a number", `{"namespaces":[{"name":"n","labels":{"a":1}}]}`, `{"line":1,"field":"namespaces[0].labels.a","error":"a of labels of a namespace must be a text, not the number 1: put it in quotes, as in \"1\""}`},
		{"nothing", `{"accounts":[{"handle":null,"email":"a@corp.test"}]}`, `{"line":1,"field":"accounts[0].handle","error":"handle of an account is empty: leave the key out, or write \"\""}`},
		{"a missing key", `{"bindings":[{"namespace":"lab","account":"bob"}]}`, `{"line":1,"field":"bindings[0]","error":"a binding needs the key role"}`},
		{"nobody", `{"bindings":[{"namespace":"lab","role":"view"}]}`, `{"line":1,"field":"bindings[0]","error":"a binding must name exactly one of account, user_id, team, group"}`},
		{"no time", `{"bindings":[{"namespace":"lab","account":"bob","role":"view","expires":"soon"}]}`, `{"line":1,"field":"bindings[0].expires","error":"expires of a binding must be a time as in 2027-01-31T18:00:00Z, not the text \"soon\""}`},
		{"a password", `{"accounts":[{"handle":"a","password":"hunter2hunter2"}]}`, `{"line":1,"field":"accounts[0].password","error":"unknown key \"password\" in an account: ` + known + `"}`},
		{"an account twice", good + "\n" + `{"accounts":[{"handle":"eve"},{"handle":"KIM"}]}`, `{"line":3,"field":"accounts[1]","error":"the account with handle \"kim\" was given before, at body:1:14: keep one of the two"}`},
		{"a namespace twice", strings.Repeat(`{"namespaces":[{"name":"n","owners":[{"account":"ada"}]}]}`+"\n", 2), `{"line":2,"field":"namespaces[0]","error":"the namespace \"n\" was given before, at body:1:16: keep one of the two"}`},
		{
			"a binding twice", `{"bindings":[{"namespace":"lab","account":"bob","role":"view"}]}` + "\n" + `{"bindings":[{"namespace":"lab","account":"bob","role":"edit"}]}`,
			`{"line":2,"field":"bindings[0]","error":"bob is bound in namespace lab twice, first at body:1:14: keep one of the two"}`,
		},
		{"a handle that is none", good + `{"accounts":[{"handle":"z..z"}]}`, `{"line":2,"field":"handle","error":"create account z..z: handle must be 1 to 63 of a-z, 0-9, '.', '_' and '-', begin and end with a letter or digit, and not hold '..'"}`},
		{"a namespace that is nowhere", good + `{"bindings":[{"namespace":"x","account":"bob","role":"view"}]}`, `{"line":2,"error":"namespace \"x\" is neither in the files nor in the directory: import its Profile (or an entry of namespaces) too"}`},
		{"an owner who is nobody", good + `{"namespaces":[{"name":"n","owners":[{"account":"zed"}]}]}`, `{"line":2,"error":"no account has the handle \"zed\": add it under accounts, or name the person by e-mail"}`},
		{"too many names", crowd(50), `{"line":41,"error":"more than 40 names up to this line: split the import"}`},
	}
	raw, before := h.signedIn("root"), h.Directory.Revision()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := h.sendFrom(t, raw, "", strings.NewReader(row.body))
			told := strings.Split(got.told(), "\n")
			if got.status != http.StatusOK || len(told) != 2 || told[0] != row.want || !strings.HasPrefix(told[1], `{"failed":{"code":"invalid","why":"1 problem: nothing was changed.","written":0,`) {
				t.Errorf("status %d\n%s\nwant\n%s", got.status, got.told(), row.want)
			}
			if now := h.Directory.Revision(); now != before {
				t.Errorf("the directory is at revision %d, want %d", now, before)
			}
		})
	}
	t.Run("all of them, up to fifty", func(t *testing.T) {
		got := h.sendFrom(t, raw, "", strings.NewReader(strings.Repeat("x\n"+`{"accounts":[{}]}`+"\n", 40)))
		told := strings.Split(got.told(), "\n")
		if len(told) != 51 || !strings.HasPrefix(told[49], `{"line":50,"field":"accounts[0]",`) || !strings.HasPrefix(told[50], `{"failed":{"code":"invalid","why":"50 problems: nothing was changed.`) {
			t.Errorf("%d lines:\n%s", len(told), got.told())
		}
	})
}

// endless is a body whose length nobody knows.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestImport_refuses_what_it_will_not_read(t *testing.T) {
	h := newImportHouse(t, crud.ImportLimits{Body: 3 << 20, Idle: 300 * time.Millisecond})
	root := h.signedIn("root")
	narrow := h.tokenOf("root", token.AccessOptions{TTL: time.Hour, Kind: token.KindPersonal, Scopes: []string{"directory:read"}})
	problem := func(status int, code, rest string) string {
		return fmt.Sprintf(`%d {"type":"about:blank","title":%s,"status":%d,%s"code":%q}`, status, strings.Split(rest, "|")[0], status, strings.Split(rest, "|")[1], code)
	}
	one := func() io.Reader { return strings.NewReader(`{"accounts":[{"handle":"kim"}]}`) }
	for _, c := range []struct {
		name, raw, query string
		body             io.Reader
		headers          []string
		want             string
	}{
		{"nobody", "", "", one(), nil, problem(401, "not_signed_in", `"Sign in first."|`)},
		{"somebody", h.signedIn("bob"), "", one(), nil, problem(403, "not_granted", `"You may not do that."|`)},
		{"an owner of an organisation", h.signedIn("olga"), "?dry_run=true", one(), nil, problem(403, "not_granted", `"You may not do that."|`)},
		{"an admin with a narrow token", narrow, "", one(), nil, problem(403, "scope_missing", `"You may not do that."|`)},
		{"somebody, before the body is read", h.signedIn("bob"), "", endless{}, nil, problem(403, "not_granted", `"You may not do that."|`)},
		{"another type", root, "", one(), []string{"Content-Type", "application/json"}, problem(415, "malformed_body", `"The body was refused."|"detail":"Content-Type must be application/x-ndjson",`)},
		{"another charset", root, "", one(), []string{"Content-Type", "application/x-ndjson; charset=latin1"}, problem(415, "malformed_body", `"The body was refused."|"detail":"Content-Type must be application/x-ndjson",`)},
		{"something packed", root, "", one(), []string{"Content-Encoding", "gzip"}, problem(415, "malformed_body", `"The body was refused."|"detail":"Content-Encoding is not supported",`)},
		{"more than the limit", root, "", strings.NewReader(strings.Repeat("\n", 3<<20+1)), []string{"Expect", "100-continue"}, problem(413, "too_large", `"The body is too large."|`)},
		{"more than the limit, unannounced", root, "", endless{}, nil, problem(413, "too_large", `"The body is too large."|`)},
		{"an unknown parameter", root, "?dryrun=true", one(), nil, `400 {"type":"about:blank","title":"The request was refused.","status":400,"detail":"unknown query parameter","code":"invalid","field":"dryrun","errors":[{"field":"dryrun","detail":"unknown query parameter"}]}`},
		{"a broken parameter", root, "?dry_run=maybe", one(), nil, `400 {"type":"about:blank","title":"The request was refused.","status":400,"detail":"invalid boolean","code":"invalid","field":"dry_run","errors":[{"field":"dry_run","detail":"invalid boolean"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.Directory.Revision()
			got := h.sendFrom(t, c.raw, c.query, c.body, c.headers...)
			if text := fmt.Sprint(got.status, " ", got.told()); text != c.want || got.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
			if now := h.Directory.Revision(); now != before {
				t.Errorf("the directory is at revision %d, want %d", now, before)
			}
		})
	}
	t.Run("a second one at the same time", func(t *testing.T) {
		read, write := io.Pipe()
		first := make(chan imported, 1)
		go func() { first <- h.sendFrom(t, root, "", read, "Expect", "100-continue") }()
		_, _ = io.WriteString(write, `{"accounts":[{"handle":"kim"}]}`+"\n") // until the server asks for it
		stop := make(chan struct{})
		go func() {
			defer func() { _ = write.Close() }()
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					_, _ = io.WriteString(write, "\n")
				}
			}
		}()
		var got imported
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && got.status != http.StatusConflict; {
			got = h.sendFrom(t, root, "?dry_run=true", one())
		}
		close(stop)
		if want := problem(409, "import_running", `"Another import is running."|"detail":"Wait until it has ended, then send this one again.",`); fmt.Sprint(got.status, " ", got.told()) != want {
			t.Errorf("got %d %s, want %s", got.status, got.told(), want)
		}
		if got := <-first; !strings.HasPrefix(got.last(), `{"done":{"created":1,`) {
			t.Errorf("the first ended with %s", got.last())
		}
	})
	t.Run("a body that does not go on", func(t *testing.T) {
		read, write := io.Pipe()
		defer func() { _ = write.Close() }()
		go func() { _, _ = io.WriteString(write, "{\"accounts\":[{\"handle\":\"zed\"}]}\n") }()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		response, err := h.begin(ctx, root, "", read)
		if err == nil {
			defer func() { _ = response.Body.Close() }()
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("status %d, want 400", response.StatusCode)
			}
		}
		if ctx.Err() != nil {
			t.Error("it was waited for")
		}
		h.free(t)
	})
}
