package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// Every policy revision carries its own name, and every data revision writes
// its number into three documents of two collections at once. Decisions made
// while both change must name one of each, throughout.
func Test_a_decision_under_load_is_made_from_one_policy_and_one_data_revision(t *testing.T) {
	const policies, revisions, readers = 20, 300, 3
	e := engine.New(engine.Options{Deadline: 10 * time.Second})
	rules := func(n int) string {
		return fmt.Sprintf(`decision := {"effect": "allow", "reason": "public", "labels": {
	"policy": "p%d",
	"table": data.table.policy,
	"first": data.identity.accounts.u1.handle,
	"meta": sprintf("%%d", [data.identity.meta.revision]),
	"second": data.identity.accounts.u2.handle,
	"third": data.identity.teams.t1.handle,
}}`, n)
	}
	changes := func(revision int) []engine.Change {
		doc := []byte(fmt.Sprintf(`{"handle":"%d"}`, revision))
		return []engine.Change{{Collection: "accounts", Key: "u1", Doc: doc}, {Collection: "teams", Key: "t1", Doc: doc}, {Collection: "accounts", Key: "u2", Doc: doc}}
	}
	activate := func(n int) {
		data := map[string]any{"table": map[string]any{"policy": fmt.Sprintf("p%d", n)}}
		if err := e.Activate(t.Context(), fmt.Sprintf("p%d", n), compile(t, entry(rules(n))), data); err != nil {
			t.Error(err)
		}
	}
	activate(0)
	if err := e.Replace(t.Context(), 1, sequence(changes(1), nil)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var writers, asking sync.WaitGroup
	writers.Go(func() {
		for n := range policies {
			activate(n)
		}
	})
	writers.Go(func() {
		for revision := 2; revision <= revisions; revision++ {
			err := e.Apply(t.Context(), uint64(revision), changes(revision))
			if revision%50 == 0 {
				err = e.Replace(t.Context(), uint64(revision), sequence(changes(revision), nil))
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	for range readers {
		asking.Go(func() {
			for {
				d := e.Decide(t.Context(), question, engine.Value{})
				data := fmt.Sprint(d.DataRevision)
				wantAnswer(t, answerOf(d), answer{engine.Allow, "public", map[string]string{
					"policy": d.PolicyRevision, "table": d.PolicyRevision,
					"first": data, "second": data, "third": data, "meta": data,
				}})
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	asking.Wait()
	policy, data := e.Revisions()
	if policy != fmt.Sprintf("p%d", policies-1) || data != revisions {
		t.Errorf("revisions at the end: got %q and %d, want p%d and %d", policy, data, policies-1, revisions)
	}
}
