package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestJournal_line_says_who_what_before_after_and_from_where(t *testing.T) {
	at := time.Date(2031, 1, 31, 12, 0, 0, 250e6, time.UTC)
	for name, tc := range map[string]struct {
		before, after, want string
	}{
		"created": {
			"", `{"handle":"ada","roles":{},"state":"active"}`,
			`2031-01-31T12:00:00.250Z 12 account:01J 192.0.2.7 create accounts/01K: handle "ada", roles {}, state "active"`,
		},
		"changed": {
			`{"email":"a@x.org","handle":"ada","roles":{},"state":"active"}`, `{"handle":"ada","name":"Ada","roles":{"admin":true},"state":"disabled"}`,
			`2031-01-31T12:00:00.250Z 12 account:01J 192.0.2.7 update accounts/01K: no email (was "a@x.org"), name "Ada", roles.admin true, state "active" -> "disabled"`,
		},
		"changed deep inside": {
			`{"bindings":{"group:a":{"role":"view"},"group:b":{"role":"view"}},"n":[1]}`, `{"bindings":{"group:a":{"expires":7,"role":"edit"}},"n":[1,2]}`,
			`2031-01-31T12:00:00.250Z 12 account:01J 192.0.2.7 update accounts/01K: bindings.group:a.expires 7, bindings.group:a.role "view" -> "edit", no bindings.group:b (was {"role":"view"}), n [1] -> [1,2]`,
		},
		"removed": {
			`{"handle":"ada","state":"active"}`, "",
			`2031-01-31T12:00:00.250Z 12 account:01J 192.0.2.7 remove accounts/01K: handle "ada", state "active"`,
		},
		"with what a terminal would act upon": {
			"", `{"name":"` + "\u009b31m \u202e \u200b\U000e0041 é日" + `"}`,
			`2031-01-31T12:00:00.250Z 12 account:01J 192.0.2.7 create accounts/01K: name "\u009b31m \u202e \u200b\U000e0041 é日"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := identity.Entry{Revision: 12, At: at, Actor: "account:01J", Address: "192.0.2.7", Collection: "accounts", Key: "01K"}
			if tc.before != "" {
				e.Before = json.RawMessage(tc.before)
			}
			if tc.after != "" {
				e.After = json.RawMessage(tc.after)
			}
			if got := journalText(e); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	local := journalText(identity.Entry{Revision: 1, At: at, Actor: "cli:import", Collection: "identities", Key: "https://a|\x1b[2J\n"})
	if want := `2031-01-31T12:00:00.250Z 1 cli:import - create identities/https://a|\x1b[2J\n`; local != want {
		t.Errorf("got  %s\nwant %s", local, want)
	}
}

// keptHouse is one with a few writes by several people.
func keptHouse(t *testing.T) *house {
	t.Helper()
	h := emptyHouse(t, nil)
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts: [{handle: ada}]\nnamespaces: [{name: lab, owners: [{account: ada}]}, {name: den, owners: [{account: ada}]}]\n"))
	h.writes(t, "account:01J", "192.0.2.7", "lab", "one")
	h.writes(t, "account:01J", "2001:db8::7", "den", "two")
	h.writes(t, "bootstrap", "", "lab", "three")
	return h
}

// writes gives a namespace a label, as a surface of the server would.
func (h *house) writes(t *testing.T, actor identity.Actor, address, namespace, label string) {
	t.Helper()
	dir, err := identity.Open(t.Context(), identity.Options{Dir: h.data})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	_, err = dir.Write(t.Context(), actor, func(tx *identity.Tx) error {
		tx.From(address)
		n, err := tx.Namespace(identity.NamespaceName(namespace))
		if err != nil {
			return err
		}
		n.Labels = map[string]string{"label": label}
		return tx.PutNamespace(n)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// short are lines of the journal without time and documents.
func shortened(text string) []string {
	lines := []string{}
	for line := range strings.Lines(text) {
		found := regexp.MustCompile(`^\S+ (\d+ \S+ \S+ \S+ [a-z]+/?[a-z]*)`).FindStringSubmatch(line)
		if found == nil {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, found[1])
	}
	return lines
}

func TestJournal_shows_what_is_asked_for_oldest_first(t *testing.T) {
	t.Parallel()
	h := keptHouse(t)
	const first, one, two, three = "1 cli:import - create ", "2 account:01J 192.0.2.7 update namespaces/lab", "3 account:01J 2001:db8::7 update namespaces/den", "4 bootstrap - update namespaces/lab"
	for args, want := range map[string][]string{
		"":                                       {first + "accounts/", first + "generations/", first + "namespaces/lab", first + "namespaces/den", one, two, three},
		"--limit 0":                              {first + "accounts/", first + "generations/", first + "namespaces/lab", first + "namespaces/den", one, two, three},
		"--limit 2":                              {two, three},
		"--actor account:01J":                    {one, two},
		"--actor account:01J --limit 1":          {two},
		"--collection accounts":                  {first + "accounts/"},
		"--key lab":                              {first + "namespaces/lab", one, three},
		"--collection quotas --key lab":          {},
		"--since 1h --actor bootstrap":           {three},
		"--since 2d --actor bootstrap":           {three},
		"--since 2001-01-01T00:00:00Z --key den": {first + "namespaces/den", two},
		"--since 2999-01-01T00:00:00Z":           {},
	} {
		got := shortened(h.command(t, append([]string{"journal", "--data", h.data}, strings.Fields(args)...)...))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("journal %s:\ngot  %q\nwant %q", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"--format xml": `"xml" is neither text nor json`, "--limit -1": "below 0", "--since soon": `"soon" is neither an age`, "--since -1h": "neither an age", "all": "one argument too many",
	} {
		if err := h.beside(t, "", append([]string{"journal"}, strings.Fields(args)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("journal %s: got %v, want %q", args, err, want)
		}
	}
}

func TestJournal_as_json_is_one_whole_object_a_line(t *testing.T) {
	t.Parallel()
	h := keptHouse(t)
	var got map[string]any
	text := h.command(t, "journal", "--data", h.data, "--format", "json", "--actor", "account:01J", "--limit", "1")
	if err := json.Unmarshal([]byte(text), &got); err != nil || strings.Count(text, "\n") != 1 {
		t.Fatalf("%v in %q", err, text)
	}
	if at, err := time.Parse(time.RFC3339, got["at"].(string)); err != nil || time.Since(at) > time.Hour {
		t.Errorf("at is %v, %v", got["at"], err)
	}
	delete(got, "at")
	owners := got["after"].(map[string]any)["owners"]
	want := map[string]any{
		"revision": 3.0, "seq": 0.0, "actor": "account:01J", "address": "2001:db8::7", "collection": "namespaces", "key": "den",
		"before": map[string]any{"bindings": map[string]any{}, "labels": map[string]any{}, "owners": owners},
		"after":  map[string]any{"bindings": map[string]any{}, "labels": map[string]any{"label": "two"}, "owners": owners},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestJournal_follows_what_others_write(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]string{"after the latest": "1", "after all": "0"} {
		t.Run(name, func(t *testing.T) {
			h := keptHouse(t)
			ctx, stop := context.WithCancel(t.Context())
			args := []string{"journal", "--data", h.data, "--follow", "--actor", "account:01J", "--limit", limit}
			out, ended := &lockedBuffer{}, make(chan error, 1)
			go func() { ended <- run(ctx, args, h.getenv, strings.NewReader(""), out, out) }()
			waitFor(t, "what there is", func() bool { return strings.Contains(out.String(), "namespaces/den") })
			before := out.String()
			for n := range 3 {
				label := fmt.Sprintf("%s.%d", strings.ReplaceAll(name, " ", "-"), n)
				h.writes(t, "account:01J", "192.0.2.9", "lab", label)
				h.writes(t, "bootstrap", "", "den", label)
				soon(t, time.Second, "the change", func() bool { return strings.Contains(out.String(), `"`+label+`"`) })
			}
			stop()
			if err := <-ended; err != nil {
				t.Errorf("stopped, it ends with %v", err)
			}
			if got := strings.TrimPrefix(out.String(), before); strings.Count(got, "\n") != 3 {
				t.Errorf("%d lines for 3 changes:\n%s", strings.Count(got, "\n"), got)
			}
		})
	}
}
