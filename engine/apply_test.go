package engine_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// told is a policy whose labels tell a document and the data revision.
const told = `decision := {"effect": "allow", "reason": "account", "labels": {
	"handle": object.get(object.get(data.identity.accounts, input, {}), "handle", "nobody"),
	"revision": sprintf("%d", [data.identity.meta.revision]),
}}`

func tell(handle, revision string) answer {
	return answer{engine.Allow, "account", map[string]string{"handle": handle, "revision": revision}}
}

func Test_applied_changes_are_what_the_next_decision_sees(t *testing.T) {
	e := ready(t, told, map[string]string{"accounts/u1": `{"handle":"ada"}`})
	steps := []struct {
		changes []engine.Change
		want    string
	}{
		{[]engine.Change{{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"countess"}`)}}, "countess"},
		{nil, "countess"}, // a revision without a change for us
		{[]engine.Change{{Collection: "accounts", Key: "u1"}}, "nobody"},
		{[]engine.Change{{Collection: "accounts", Key: "u1"}}, "nobody"}, // removing twice
		{[]engine.Change{{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"a"}`)}, {Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"b"}`)}}, "b"},
		{[]engine.Change{{Collection: "brand_new", Key: "k", Doc: []byte(`{}`)}}, "b"},
	}
	for i, step := range steps {
		revision := uint64(i + 2)
		if err := e.Apply(t.Context(), revision, step.changes); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, ask(t, e, engine.String("u1")), tell(step.want, fmt.Sprint(revision)))
	}
}

func Test_the_bytes_of_a_change_may_be_reused_by_who_delivered_them(t *testing.T) {
	e := ready(t, told, nil)
	doc := []byte(`{"handle":"ada"}`)
	if err := e.Apply(t.Context(), 2, []engine.Change{{Collection: "accounts", Key: "u1", Doc: doc}}); err != nil {
		t.Fatal(err)
	}
	copy(doc, `{"handle":"eve"}`)
	wantAnswer(t, ask(t, e, engine.String("u1")), tell("ada", "2"))
}

func Test_only_the_revision_that_follows_is_applied(t *testing.T) {
	e := ready(t, told, map[string]string{"accounts/u1": `{"handle":"ada"}`})
	change := []engine.Change{{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"eve"}`)}}
	for _, revision := range []uint64{0, 1, 3, 99} {
		if err := e.Apply(t.Context(), revision, change); !errors.Is(err, engine.ErrGap) {
			t.Errorf("apply %d onto 1: got %v, want ErrGap", revision, err)
		}
	}
	wantAnswer(t, ask(t, e, engine.String("u1")), tell("ada", "1"))
	if err := e.Apply(t.Context(), 2, change); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, e, engine.String("u1")), tell("eve", "2"))
}

func Test_changes_before_the_first_replace_are_not_taken(t *testing.T) {
	if err := engine.New(engine.Options{}).Apply(t.Context(), 1, nil); !errors.Is(err, engine.ErrNotReady) {
		t.Errorf("apply: got %v, want ErrNotReady", err)
	}
}

func Test_one_bad_change_among_many_leaves_everything_as_it_was(t *testing.T) {
	bad := map[string]engine.Change{
		"that is cut off":         {Collection: "accounts", Key: "u2", Doc: []byte(`{"handle":`)},
		"that is no object":       {Collection: "accounts", Key: "u2", Doc: []byte(`["ada"]`)},
		"that is empty":           {Collection: "accounts", Key: "u2", Doc: []byte{}},
		"of two documents":        {Collection: "accounts", Key: "u2", Doc: []byte(`{}{}`)},
		"without a key":           {Collection: "accounts", Doc: []byte(`{}`)},
		"without a collection":    {Key: "u2", Doc: []byte(`{}`)},
		"to the engine's own doc": {Collection: "meta", Key: "revision", Doc: []byte(`{}`)},
	}
	for name, change := range bad {
		t.Run("a document "+name, func(t *testing.T) {
			e := ready(t, told, map[string]string{"accounts/u1": `{"handle":"ada"}`})
			changes := []engine.Change{{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"eve"}`)}, change}
			if err := e.Apply(t.Context(), 2, changes); err == nil || errors.Is(err, engine.ErrGap) {
				t.Errorf("apply: got %v, want an error of its own", err)
			}
			wantAnswer(t, ask(t, e, engine.String("u1")), tell("ada", "1"))
			if err := e.Replace(t.Context(), 9, sequence(changes, nil)); err == nil {
				t.Error("replace: got no error")
			}
			wantAnswer(t, ask(t, e, engine.String("u1")), tell("ada", "1"))
		})
	}
}

func sequence(changes []engine.Change, last error) iter.Seq2[engine.Change, error] {
	return func(yield func(engine.Change, error) bool) {
		for _, c := range changes {
			if !yield(c, nil) {
				return
			}
		}
		if last != nil {
			yield(engine.Change{}, last)
		}
	}
}

func Test_replace_forgets_what_was_there_and_takes_any_revision(t *testing.T) {
	e := ready(t, told, map[string]string{"accounts/u1": `{"handle":"ada"}`, "accounts/u2": `{"handle":"eve"}`})
	for _, revision := range []uint64{50, 3} {
		if err := e.Replace(t.Context(), revision, documents(map[string]string{"accounts/u2": `{"handle":"vic"}`})); err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, ask(t, e, engine.String("u1")), tell("nobody", fmt.Sprint(revision)))
		wantAnswer(t, ask(t, e, engine.String("u2")), tell("vic", fmt.Sprint(revision)))
	}
	if err := e.Apply(t.Context(), 4, nil); err != nil {
		t.Errorf("apply after a replace to an earlier revision: got %v, want nil", err)
	}
}

func Test_a_replace_that_breaks_off_changes_nothing(t *testing.T) {
	e := ready(t, told, map[string]string{"accounts/u1": `{"handle":"ada"}`})
	broken := errors.New("the database went away")
	docs := []engine.Change{{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"eve"}`)}}
	if err := e.Replace(t.Context(), 2, sequence(docs, broken)); !errors.Is(err, broken) {
		t.Errorf("replace: got %v, want %v", err, broken)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Replace(ended, 2, sequence(docs, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("replace after its end: got %v, want context.Canceled", err)
	}
	wantAnswer(t, ask(t, e, engine.String("u1")), tell("ada", "1"))
}

func Test_a_collection_above_the_limit_is_read_by_key_only(t *testing.T) {
	docs := func(n int) iter.Seq2[engine.Change, error] {
		return func(yield func(engine.Change, error) bool) {
			for i := range n {
				if !yield(engine.Change{Collection: "accounts", Key: fmt.Sprintf("u%d", i), Doc: []byte(`{"handle":"ada"}`)}, nil) {
					return
				}
			}
		}
	}
	const counting = `decision := {"effect": "allow", "reason": "public", "labels": {"n": sprintf("%d", [count(data.identity.accounts)])}} if input == "all"
decision := {"effect": "allow", "reason": "public", "labels": {"n": data.identity.accounts[input].handle}} if input != "all"`
	e := ready(t, counting, nil)
	if err := e.Replace(t.Context(), 2, docs(10_000)); err != nil {
		t.Fatal(err)
	}
	slow := answer{engine.Allow, "public", map[string]string{"n": "10000"}}
	if got := ask(t, e, engine.String("all")); !got.equal(slow) && got.Reason != "timeout" {
		t.Errorf("at the limit: got %+v, want %+v", got, slow)
	}
	if err := e.Replace(t.Context(), 3, docs(10_001)); err != nil {
		t.Fatal(err)
	}
	d := e.Decide(t.Context(), question, engine.String("all"))
	wantAnswer(t, answerOf(d), answer{engine.Deny, "eval_error", nil})
	if d.Err == nil || !strings.Contains(d.Err.Error(), "10001 documents") {
		t.Errorf("error of the decision: got %v, want one that counts documents", d.Err)
	}
	wantAnswer(t, ask(t, e, engine.String("u10000")), answer{engine.Allow, "public", map[string]string{"n": "ada"}})
}
