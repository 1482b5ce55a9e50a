package engine_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
)

func object(pairs ...any) engine.Value {
	var fields []engine.Field
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, engine.Field{Key: pairs[i].(string), Value: pairs[i+1].(engine.Value)})
	}
	return engine.Object(fields...)
}

func Test_a_decision_is_remembered_until_what_it_was_made_from_changes(t *testing.T) {
	const rules = `decision := {"effect": "allow", "reason": "seen", "labels": {"x": json.marshal(seen)}}
seen := data.identity.accounts[input.id].handle if input.how == "document"
seen := "nobody" if { input.how == "absent"; not data.identity.accounts.ghost }
seen := {k | some k, _ in data.identity.teams} if input.how == "collection"
seen := data.identity.meta.revision if input.how == "revision"
seen := "no such collection" if { input.how == "existence"; not data.identity.grants }`
	doc := func(name, doc string) engine.Change {
		collection, key, _ := strings.Cut(name, "/")
		if doc == "" {
			return engine.Change{Collection: collection, Key: key}
		}
		return engine.Change{Collection: collection, Key: key, Doc: []byte(doc)}
	}
	tests := map[string]struct {
		how    string
		change []engine.Change
		keeps  bool
	}{
		"another document":                {"document", []engine.Change{doc("accounts/u2", `{"handle":"eve"}`)}, true},
		"the document, to what it was":    {"document", []engine.Change{doc("accounts/u1", `{"handle":"ada"}`)}, true},
		"the document":                    {"document", []engine.Change{doc("accounts/u1", `{"handle":"eve"}`)}, false},
		"a member that was not read":      {"document", []engine.Change{doc("accounts/u1", `{"handle":"ada","x":1}`)}, false},
		"the document, which is gone":     {"document", []engine.Change{doc("accounts/u1", "")}, false},
		"the document, and back":          {"document", []engine.Change{doc("accounts/u1", ""), doc("accounts/u1", `{"handle":"ada"}`)}, false},
		"what was absent":                 {"absent", []engine.Change{doc("accounts/ghost", `{}`)}, false},
		"something beside what is absent": {"absent", []engine.Change{doc("accounts/u1", "")}, true},
		"a document of the collection":    {"collection", []engine.Change{doc("teams/t1", `{"name":"blue"}`)}, false},
		"one more of the collection":      {"collection", []engine.Change{doc("teams/t2", `{}`)}, false},
		"another collection":              {"collection", []engine.Change{doc("accounts/u1", "")}, true},
		"nothing but the revision":        {"revision", nil, false},
		"a collection, which comes up":    {"existence", []engine.Change{doc("grants/g", `{}`)}, false},
		"what another collection holds":   {"existence", []engine.Change{doc("teams/t2", `{}`)}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			docs := map[string]string{"accounts/u1": `{"handle":"ada"}`, "teams/t1": `{"name":"red"}`}
			e := ready(t, rules, docs)
			input := object("id", engine.String("u1"), "how", engine.String(test.how))
			first := e.Decide(t.Context(), question, input)
			again := e.Decide(t.Context(), question, input)
			if first.Remembered || !again.Remembered || !answerOf(first).equal(answerOf(again)) || first.ID == again.ID {
				t.Fatalf("two decisions:\nfirst  %+v\nsecond %+v", first, again)
			}
			if err := e.Apply(t.Context(), 2, test.change); err != nil {
				t.Fatal(err)
			}
			after := e.Decide(t.Context(), question, input)
			if after.Remembered != test.keeps || after.DataRevision != 2 {
				t.Errorf("after the change: got %+v, want remembered %v and revision 2", after, test.keeps)
			}
			wantAnswer(t, answerOf(after), answerOf(e.Frozen().Decide(t.Context(), question, input)))
		})
	}
}

func Test_data_that_is_delivered_anew_and_the_same_keeps_what_is_remembered(t *testing.T) {
	docs := map[string]string{"accounts/u1": `{"handle":"ada"}`, "accounts/u2": `{"handle":"eve"}`}
	e := ready(t, `decision := {"effect": "allow", "reason": data.identity.accounts[input].handle}`, docs)
	for _, id := range []string{"u1", "u2"} {
		e.Decide(t.Context(), question, engine.String(id))
	}
	docs["accounts/u2"] = `{"handle":"bob"}`
	if err := e.Replace(t.Context(), 9, documents(docs)); err != nil {
		t.Fatal(err)
	}
	same, other := e.Decide(t.Context(), question, engine.String("u1")), e.Decide(t.Context(), question, engine.String("u2"))
	if !same.Remembered || other.Remembered || other.Reason != "bob" {
		t.Errorf("decisions: got %+v and %+v, want the first remembered and the second by bob", same, other)
	}
}

func Test_a_new_policy_starts_without_memories(t *testing.T) {
	e := ready(t, allowAll, nil)
	e.Decide(t.Context(), question, engine.Value{})
	if err := e.Activate(t.Context(), "p2", compile(t, entry(allowAll)), nil); err != nil {
		t.Fatal(err)
	}
	if d := e.Decide(t.Context(), question, engine.Value{}); d.Remembered {
		t.Errorf("decision of the new policy: got %+v, want it made", d)
	}
	if got, want := e.Stats().Misses, uint64(2); got != want {
		t.Errorf("misses: got %d, want %d", got, want)
	}
}

func Test_what_may_not_be_remembered_is_made_anew_each_time(t *testing.T) {
	const allowed = `{"effect": "allow", "reason": "public"}`
	huge := engine.String(strings.Repeat("x", 9000))
	tests := map[string]struct {
		rules string
		input engine.Value
	}{
		"what read the clock":           {`decision := ` + allowed + ` if time.now_ns() > 0`, engine.Value{}},
		"what read it in vain":          {`decision := ` + allowed + ` if not time.now_ns() == 0`, engine.Value{}},
		"what may read a hidden clock":  {"decision := " + allowed + " if not no\nno if crypto.x509.parse_and_verify_certificates(input)[0]", engine.String("x")},
		"a deny after a builtin failed": {"decision := {\"effect\": \"deny\", \"reason\": \"no\"} if not no\nno if to_number(input) > 1", engine.String("x")},
		"an allow that one spoiled":     {"decision := " + allowed + " if not no\nno if to_number(input) > 1", engine.String("x")},
		"what is undefined":             {`decision := ` + allowed + ` if input.x`, engine.Value{}},
		"a wrong shape":                 {`decision := input`, engine.Value{}},
		"a conflict":                    {"decision := " + allowed + "\ndecision := {\"effect\": \"deny\", \"reason\": \"no\"}", engine.Value{}},
		"an error":                      {`decision := ` + allowed + ` if data.identity`, engine.Value{}},
		"what was asked of other data":  {"decision := " + allowed + " if { x == 1 with data.table.open as 1 }\nx := data.table.open", engine.Value{}},
		"what is asked at length":       {`decision := ` + allowed + ` if input != "x"`, huge},
		"what reads many documents":     {`decision := ` + allowed + ` if count([1 | some i in numbers.range(1, 65); not data.identity.accounts[sprintf("%d", [i])]]) == 65`, engine.Value{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := ready(t, test.rules, map[string]string{"accounts/u1": "{}"})
			first := e.Decide(t.Context(), question, test.input)
			again := e.Decide(t.Context(), question, test.input)
			if first.Remembered || again.Remembered || !answerOf(first).equal(answerOf(again)) {
				t.Errorf("two decisions: got %+v and %+v, want both made and alike", first, again)
			}
			if got, want := e.Stats(), (engine.Stats{Skipped: 2}); got != want {
				t.Errorf("memo: got %+v, want %+v", got, want)
			}
		})
	}
}

func Test_as_many_documents_as_may_be_read_are_remembered(t *testing.T) {
	e := ready(t, `decision := {"effect": "allow", "reason": "public"} if count([1 | some i in numbers.range(1, 64); not data.identity.accounts[sprintf("%d", [i])]]) == 64`, map[string]string{"accounts/u1": "{}"})
	e.Decide(t.Context(), question, engine.Value{})
	if d := e.Decide(t.Context(), question, engine.Value{}); !d.Remembered {
		t.Errorf("decision: got %+v, want it remembered", d)
	}
	if err := e.Apply(t.Context(), 2, []engine.Change{{Collection: "accounts", Key: "64", Doc: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "undefined", nil})
}

func Test_nothing_is_remembered_where_the_memo_is_off(t *testing.T) {
	e := readyWith(t, engine.Options{Memo: engine.MemoOptions{Off: true}}, allowAll, nil)
	for range 3 {
		if d := e.Decide(t.Context(), question, engine.Value{}); d.Remembered {
			t.Errorf("decision: got %+v, want it made", d)
		}
	}
	if got, want := e.Stats(), (engine.Stats{Skipped: 3}); got != want {
		t.Errorf("memo: got %+v, want %+v", got, want)
	}
}

// A question may be made in the same memory as the one before.
func Test_the_memory_of_a_question_may_be_used_again(t *testing.T) {
	e := ready(t, `decision := {"effect": "allow", "reason": input.x, "labels": {"y": input.y[0]}}`, nil)
	fields, list := make([]engine.Field, 2), make([]engine.Value, 1)
	for _, word := range []string{"a", "b", "a"} {
		list[0] = engine.String(word)
		fields[0] = engine.Field{Key: "x", Value: engine.String(word)}
		fields[1] = engine.Field{Key: "y", Value: engine.Array(list...)}
		wantAnswer(t, ask(t, e, engine.Object(fields...)), answer{engine.Allow, word, map[string]string{"y": word}})
	}
	if got := e.Stats(); got.Hits != 1 || got.Misses != 2 {
		t.Errorf("memo: got %+v, want one hit and two misses", got)
	}
}

func Test_the_memo_keeps_to_its_bounds(t *testing.T) {
	const rules = `decision := {"effect": "allow", "reason": "public", "labels": {"x": input}}`
	tests := map[string]struct {
		memo    engine.MemoOptions
		size    int
		entries uint64
	}{
		"entries": {engine.MemoOptions{Entries: 100, Bytes: 64 << 20}, 10, 100},
		"bytes":   {engine.MemoOptions{Entries: 1_000_000, Bytes: 1 << 20}, 1000, 1 << 20 / 2000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := readyWith(t, engine.Options{Memo: test.memo}, rules, nil)
			for i := range 5000 {
				e.Decide(t.Context(), question, engine.String(fmt.Sprintf("%0*d", test.size, i)))
			}
			// The library evicts on a goroutine of its own.
			deadline := time.Now().Add(5 * time.Second)
			for {
				s := e.Stats()
				if s.Entries <= test.entries && s.Entries > 0 && int64(s.Bytes) <= test.memo.Bytes {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("memo: got %+v, want at most %d entries and %d bytes", s, test.entries, test.memo.Bytes)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// What an entry says it weighs is what the memory it takes.
func Test_the_memo_weighs_what_it_takes(t *testing.T) {
	const rules = `decision := {"effect": "allow", "reason": "public", "labels": {"x": input.id, "verb": "read", "namespace": "research", "application": "notebook"}} if not data.identity.accounts[input.id]`
	e := readyWith(t, engine.Options{Memo: engine.MemoOptions{Entries: 1 << 20, Bytes: 64 << 20}}, rules, map[string]string{"accounts/u1": "{}"})
	const entries = 20_000
	ids := make([]engine.Value, entries)
	for i := range ids {
		ids[i] = object("id", engine.String(fmt.Sprintf("01JAAAAAAAAAAAAAAAAAA%05d", i)))
	}
	before := heap()
	for _, id := range ids {
		e.Decide(t.Context(), question, id)
	}
	took := heap() - before
	runtime.KeepAlive(ids)
	s := e.Stats()
	if s.Entries != entries {
		t.Fatalf("entries: got %d, want %d", s.Entries, entries)
	}
	if ratio := float64(s.Bytes) / float64(took); ratio < 0.8 || ratio > 1.3 {
		t.Errorf("weight: got %d bytes an entry, took %d", s.Bytes/entries, took/entries)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
