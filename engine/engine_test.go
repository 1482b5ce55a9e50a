package engine_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/open-policy-agent/opa/v1/ast"
)

// question is the entry point that the policies of these tests have.
const question = "gate/decision"

// noon is the clock of these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// compile makes a compiler of package gate, whose decision is marked as the
// entry point.
func compile(tb testing.TB, rules string) *ast.Compiler {
	tb.Helper()
	return compileModules(tb, map[string]string{"gate.rego": "package gate\n\n" + rules})
}

func compileModules(tb testing.TB, sources map[string]string) *ast.Compiler {
	tb.Helper()
	modules := map[string]*ast.Module{}
	for name, source := range sources {
		m, err := ast.ParseModuleWithOpts(name, source, ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			tb.Fatal(err)
		}
		modules[name] = m
	}
	c := ast.NewCompiler()
	if c.Compile(modules); c.Failed() {
		tb.Fatal(c.Errors)
	}
	return c
}

// entry puts the mark of an entry point in front of rules named decision.
func entry(rules string) string {
	return "# METADATA\n# scope: document\n# entrypoint: true\n" + rules
}

func documents(docs map[string]string) iter.Seq2[engine.Change, error] {
	return func(yield func(engine.Change, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(docs)) {
			collection, key, _ := strings.Cut(name, "/")
			if !yield(engine.Change{Collection: collection, Key: key, Doc: []byte(docs[name])}, nil) {
				return
			}
		}
	}
}

// ready returns an engine with the policy and, at revision 1, the documents.
func ready(tb testing.TB, rules string, docs map[string]string) *engine.Engine {
	tb.Helper()
	return readyWith(tb, engine.Options{Collections: []string{"accounts"}}, rules, docs)
}

func readyWith(tb testing.TB, o engine.Options, rules string, docs map[string]string) *engine.Engine {
	tb.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	e := engine.New(o)
	ctx := context.Background()
	if err := e.Activate(ctx, "p1", compile(tb, entry(rules)), map[string]any{"table": map[string]any{"open": true}}); err != nil {
		tb.Fatal(err)
	}
	if err := e.Replace(ctx, 1, documents(docs)); err != nil {
		tb.Fatal(err)
	}
	return e
}

// answer is the part of a decision that tests compare whole.
type answer struct {
	Effect engine.Effect
	Reason string
	Labels map[string]string
}

func ask(tb testing.TB, e *engine.Engine, input engine.Value) answer {
	tb.Helper()
	return answerOf(e.Decide(tb.Context(), question, input))
}

func answerOf(d engine.Decision) answer { return answer{d.Effect, d.Reason, d.Labels} }

func (a answer) equal(b answer) bool {
	return a.Effect == b.Effect && a.Reason == b.Reason && maps.Equal(a.Labels, b.Labels)
}

func wantAnswer(tb testing.TB, got, want answer) {
	tb.Helper()
	if !got.equal(want) {
		tb.Errorf("decision:\ngot  %+v\nwant %+v", got, want)
	}
}

const allowAll = `decision := {"effect": "allow", "reason": "public"}`

func Test_an_engine_denies_until_it_has_both_policy_and_data(t *testing.T) {
	ctx := t.Context()
	e := engine.New(engine.Options{})
	wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "no_policy", nil})
	if err := e.Ready(); !errors.Is(err, engine.ErrNotReady) {
		t.Errorf("ready without anything: got %v, want ErrNotReady", err)
	}

	if err := e.Activate(ctx, "p1", compile(t, entry(allowAll)), nil); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "no_data", nil})
	if err := e.Ready(); !errors.Is(err, engine.ErrNotReady) {
		t.Errorf("ready without data: got %v, want ErrNotReady", err)
	}

	if err := e.Replace(ctx, 7, documents(nil)); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Allow, "public", nil})
	if err := e.Ready(); err != nil {
		t.Errorf("ready with both: got %v, want nil", err)
	}
	policy, data := e.Revisions()
	if policy != "p1" || data != 7 {
		t.Errorf("revisions: got %q and %d, want p1 and 7", policy, data)
	}
}

func Test_data_without_a_policy_is_not_ready_either(t *testing.T) {
	e := engine.New(engine.Options{})
	if err := e.Replace(t.Context(), 1, documents(nil)); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "no_policy", nil})
}

func Test_a_decision_is_attributed_and_observed(t *testing.T) {
	var seen []engine.Decision
	e := readyWith(t, engine.Options{Observe: func(entrypoint string, d *engine.Decision) {
		if entrypoint != question {
			t.Errorf("observed entry point: got %q, want %q", entrypoint, question)
		}
		seen = append(seen, *d)
	}}, allowAll, nil)
	first := e.Decide(t.Context(), question, engine.Value{})
	second := e.Decide(t.Context(), question, engine.Value{})
	if first.ID == second.ID || len(first.ID) != 26 {
		t.Errorf("ids: got %q and %q, want two ULIDs", first.ID, second.ID)
	}
	if first.PolicyRevision != "p1" || first.DataRevision != 1 || first.Took <= 0 {
		t.Errorf("attribution: got %q, %d, %v, want p1, 1 and a duration", first.PolicyRevision, first.DataRevision, first.Took)
	}
	if len(seen) != 2 || seen[0].ID != first.ID || seen[1].ID != second.ID {
		t.Errorf("observed: got %v, want both decisions in order", seen)
	}
}

func Test_activation_refuses_what_could_never_answer_and_keeps_what_is_active(t *testing.T) {
	failed := ast.NewCompiler()
	failed.Compile(map[string]*ast.Module{"x": ast.MustParseModule("package x\np := q")})
	good := compile(t, entry(allowAll))
	tests := map[string]struct {
		revision string
		compiler *ast.Compiler
		data     map[string]any
	}{
		"without an entry point":      {"p2", compile(t, allowAll), nil},
		"that did not compile":        {"p2", failed, nil},
		"without a revision":          {"", good, nil},
		"with data that hides people": {"p2", good, map[string]any{"identity": map[string]any{}}},
		"with data that is not JSON":  {"p2", good, map[string]any{"x": func() {}}},
	}
	for name, test := range tests {
		t.Run("a policy "+name, func(t *testing.T) {
			e := ready(t, allowAll, nil)
			if err := e.Activate(t.Context(), test.revision, test.compiler, test.data); err == nil {
				t.Error("activate: got no error")
			}
			if policy, _ := e.Revisions(); policy != "p1" {
				t.Errorf("active policy: got %q, want p1", policy)
			}
			wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Allow, "public", nil})
		})
	}
}
