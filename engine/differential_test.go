package engine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// writer writes random policies. Rules refer only to rules before them and variables
// are declared before they are used, so that most of what it writes compiles.
type writer struct {
	*rand.Rand
	rules     []string // references to values
	functions []string
	vars      []string
	named     int
	last      bool // all rules are written
}

// all is a package with rules; looking at it as a whole is for the last rule.
func (w *writer) all(name string) string {
	if w.last {
		return name
	}
	return "data.mix"
}

func (w *writer) one(of ...string) string { return of[w.IntN(len(of))] }

func (w *writer) fresh() string {
	w.named++
	return "v" + strconv.Itoa(w.named)
}

func (w *writer) scalar() string {
	return w.one(`"a"`, `"b"`, `"c"`, `"1"`, `0`, `1`, `2`, `1.0`, `true`, `false`, `null`)
}

// term is an expression that has a value.
func (w *writer) term(depth int) string {
	if len(w.vars) > 0 && w.IntN(3) == 0 {
		return w.one(w.vars...)
	}
	if depth <= 0 {
		return w.one(w.scalar(), "input.a", "input.b", "input.list[0]")
	}
	t := func() string { return w.term(depth - 1) }
	switch w.IntN(20) {
	case 0, 1:
		return w.scalar()
	case 2, 3:
		return w.one("input.a", "input.b", "input.o.x", "input.list", "input.o", "input.absent")
	case 4:
		return fmt.Sprintf("input.o[%s]", t())
	case 5:
		return fmt.Sprintf("input.list[%s]", t())
	case 6:
		return fmt.Sprintf("data.base.%s[%s]", w.one("o", "list", "deep.x"), t())
	case 7:
		return fmt.Sprintf("data.identity.docs[%s]%s", t(), w.one("", ".f", ".list[0]", ".o.x"))
	case 8, 9, 10:
		if len(w.rules) > 0 {
			rule := w.one(w.rules...)
			return w.one(rule, rule, w.untyped(rule)+"."+w.one("a", "b"), w.untyped(rule)+"["+t()+"]", rule+"["+t()+"]")
		}
		return w.scalar()
	case 11, 12:
		if len(w.functions) > 0 {
			return fmt.Sprintf("%s(%s)", w.one(w.functions...), t())
		}
		return w.scalar()
	case 13:
		return fmt.Sprintf("[%s, %s]", t(), t())
	case 14:
		return fmt.Sprintf("{%s: %s, %s: %s}", w.one(`"a"`, t()), t(), w.one(`"b"`, t()), t())
	case 15:
		return fmt.Sprintf("{%s, %s}", t(), t())
	case 16:
		return w.comprehension(depth - 1)
	default:
		return w.builtin(t)
	}
}

// untyped hides the type of a term, mostly: the compiler refuses what it knows to fail.
func (w *writer) untyped(term string) string {
	if w.IntN(8) == 0 {
		return term
	}
	return fmt.Sprintf("object.get({}, 0, %s)", term)
}

func (w *writer) builtin(of func() string) string {
	t := func() string { return w.untyped(of()) }
	switch w.IntN(9) {
	case 0:
		return fmt.Sprintf("count(%s)", t())
	case 1:
		return fmt.Sprintf("to_number(%s)", t())
	case 2:
		return fmt.Sprintf("object.get(%s, %s, %s)", t(), t(), t())
	case 3:
		return fmt.Sprintf("object.keys(%s)", t())
	case 4:
		return fmt.Sprintf("upper(%s)", t())
	case 5:
		return fmt.Sprintf("%s + %s", t(), t())
	case 6:
		return fmt.Sprintf("object.union(%s, %s)", t(), t())
	case 7:
		return fmt.Sprintf("array.concat(%s, %s)", t(), t())
	default:
		return w.one("time.now_ns() > 1", fmt.Sprintf("sprintf(\"%%v\", [%s])", t()))
	}
}

func (w *writer) comprehension(depth int) string {
	before := len(w.vars)
	body := w.body(depth, 1+w.IntN(2))
	head := w.term(depth)
	key := w.term(0)
	w.vars = w.vars[:before]
	switch w.IntN(3) {
	case 0:
		return fmt.Sprintf("[%s | %s]", head, body)
	case 1:
		return fmt.Sprintf("{%s | %s}", head, body)
	default:
		return fmt.Sprintf("{%s: %s | %s}", key, head, body)
	}
}

func (w *writer) collection(depth int) string {
	return w.one("input.list", "input.o", "data.base.o", "data.base.list", "data.base", "[1, 2, \"a\"]", `{"a", "b"}`, w.all("data.t"), w.untyped(w.term(depth)), w.untyped(w.term(depth)))
}

// body is a query of n expressions; its variables stay in scope.
func (w *writer) body(depth, n int) string {
	var all []string
	for range n {
		all = append(all, w.expression(depth))
	}
	return strings.Join(all, "; ")
}

func (w *writer) expression(depth int) string {
	t := func() string { return w.term(depth - 1) }
	switch w.IntN(16) {
	case 0, 1, 2:
		value, v := t(), w.fresh()
		w.vars = append(w.vars, v)
		return fmt.Sprintf("%s := %s; %s == %s", v, w.untyped(value), v, v)
	case 3, 4:
		from, v := w.collection(depth-1), w.fresh()
		w.vars = append(w.vars, v)
		return fmt.Sprintf("some %s in %s; %s == %s", v, from, v, v)
	case 5:
		from, k, v := w.collection(depth-1), w.fresh(), w.fresh()
		w.vars = append(w.vars, k, v)
		return fmt.Sprintf("some %s, %s in %s; %s != [%s]", k, v, from, k, v)
	case 6:
		return fmt.Sprintf("%s %s %s", w.untyped(t()), w.one("==", "!=", "<", ">=", "in"), w.untyped(t()))
	case 7, 8:
		return "not " + w.one(t(), fmt.Sprintf("%s == %s", w.untyped(t()), t()))
	case 9:
		if depth > 0 {
			before, from, v := len(w.vars), w.collection(depth-1), w.fresh()
			w.vars = append(w.vars, v)
			body := w.body(depth-1, 1)
			w.vars = w.vars[:before]
			return fmt.Sprintf("every %s in %s { %s; %s == %s }", v, w.untyped(from), body, v, v)
		}
	case 10:
		from, i, v := w.one("input.list", "data.base.o", w.all("data.t"), w.one(append([]string{"data.mix.sub"}, w.rules...)...), "data.base.deep", "data.identity.docs.a", "data.mix"), w.fresh(), w.fresh()
		w.vars = append(w.vars, i, v)
		return fmt.Sprintf("some %s; %s := %s[%s]; %s != [%s]", i, v, from, i, i, v)
	case 11:
		from, v, x := t(), w.fresh(), w.fresh()
		w.vars = append(w.vars, v, x)
		return fmt.Sprintf("%[1]s_ := %[3]s; [%[1]s, %[2]s] = %[1]s_", v, x, w.untyped(from))
	case 12:
		v := w.fresh()
		unified := fmt.Sprintf(`%[1]s_ := object.get({}, 0, {"a": %[2]s, "b": %[3]s}); {"a": %[1]s, "b": %[4]s} = %[1]s_`, v, t(), t(), t())
		w.vars = append(w.vars, v)
		return unified
	case 13:
		return fmt.Sprintf("%s[%s]", w.all("data.t"), w.one(append([]string{`"p0"`, `"p1"`}, w.vars...)...))
	}
	return t()
}

// rule writes one definition of a name, or several.
func (w *writer) rule(n int) string {
	name := "p" + strconv.Itoa(n)
	body := func() string { return w.body(2, 1+w.IntN(3)) }
	scoped := func(format func() string) string {
		w.vars = nil
		return format()
	}
	var out []string
	kind := w.IntN(7)
	for range 1 + w.IntN(3) {
		switch kind {
		case 0, 1:
			out = append(out, scoped(func() string { b := body(); return fmt.Sprintf("%s := %s if { %s }", name, w.term(1), b) }))
			if w.IntN(3) == 0 {
				out[len(out)-1] += scoped(func() string { b := body(); return fmt.Sprintf(" else := %s if { %s }", w.term(1), b) })
			}
		case 2:
			out = append(out, scoped(func() string { return fmt.Sprintf("%s if { %s }", name, body()) }))
		case 3:
			out = append(out, scoped(func() string { b := body(); return fmt.Sprintf("%s contains %s if { %s }", name, w.term(1), b) }))
		case 4:
			out = append(out, scoped(func() string {
				b := body()
				return fmt.Sprintf("%s[%s] := %s if { %s }", name, w.term(0), w.term(1), b)
			}))
		default:
			w.vars = []string{"x"}
			b := body()
			out = append(out, fmt.Sprintf("%s(%s) := %s if { %s }", name, w.one("x", "x", "x"), w.term(1), b))
		}
	}
	if kind <= 2 && w.IntN(3) == 0 {
		out = append(out, fmt.Sprintf("default %s := %s", name, w.scalar()))
	}
	if kind > 4 {
		w.functions = append(w.functions, "data.t."+name)
	} else {
		w.rules = append(w.rules, "data.t."+name)
	}
	return strings.Join(out, "\n")
}

// policy is a module that ends with an entry point.
func (w *writer) policy() string {
	out := []string{"package t"}
	for n := range 2 + w.IntN(4) {
		out = append(out, w.rule(n))
	}
	return strings.Join(out, "\n\n")
}

// question is a module with the entry point.
func (w *writer) question() string {
	w.vars, w.last = nil, true
	body := w.body(2, 1+w.IntN(3))
	return fmt.Sprintf("package top\n\ndecision := %s if { %s }", w.term(2), body)
}

const mixed = `package mix.sub

q := 1 if input.a

r contains x if some x in input.list
`

// randomInputs are values under the names that the policies look at.
func (w *writer) value(depth int) any {
	switch n := w.IntN(9); {
	case n == 0 && depth > 0:
		return []any{w.value(depth - 1), w.value(depth - 1)}
	case n == 1 && depth > 0:
		return map[string]any{w.one("a", "b", "x", "1"): w.value(depth - 1), w.one("a", "b", "x"): w.value(depth - 1)}
	case n < 5:
		return w.one("a", "b", "c", "1", "x")
	case n < 7:
		return json.Number(w.one("0", "1", "2", "1.0", "10"))
	case n == 7:
		return w.IntN(2) == 0
	}
	return nil
}

func (w *writer) input() map[string]any {
	return map[string]any{
		"a": w.value(1), "b": w.value(1),
		"list": []any{w.value(1), w.value(1), w.value(1)},
		"o":    map[string]any{"x": w.value(1), "a": w.value(1)},
	}
}

func (w *writer) data() map[string]any {
	return map[string]any{
		"base": map[string]any{
			"o": map[string]any{"a": w.value(1), "b": w.value(1), "1": w.value(1)}, "list": []any{w.value(1), w.value(1)},
			"deep": map[string]any{"x": map[string]any{"a": w.value(1)}, "y": w.value(1)},
		},
		"t":   map[string]any{"extra": w.value(1)},
		"mix": map[string]any{"other": w.value(1), "sub": map[string]any{"base": w.value(1)}},
	}
}

// differ writes a policy and compares what program and interpreter find in it. It
// tells whether there was a program.
func differ(t *testing.T, w *writer) (ran bool) {
	rules, question := w.policy(), w.question()
	text := rules + "\n\n" + question
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"t.rego": rules, "top.rego": question, "mix.rego": mixed}, ast.CompileOpts{})
	if err != nil {
		return false
	}
	ref := ast.MustParseRef("data.top.decision")
	program, err := newEvaluator(t.Context(), compiler, ref)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	query, err := prepare(t.Context(), compiler, ref)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	data, err := objectOf(w.data())
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{
		program: map[string]evaluator{"q": program}, interpreter: map[string]evaluator{"q": prepared{query}},
		policy: &policy{revision: "p1", data: data}, now: time.Unix(1_760_000_000, 0),
	}
	docs := documents{"docs": {"a": {"f": w.value(1), "list": []any{w.value(1)}}, "1": {"f": w.value(0), "o": map[string]any{"x": 1}}}}
	if w.IntN(2) == 0 { // large documents are read by member
		docs["docs"]["a"]["pad"] = strings.Repeat("x", 5000)
	}
	for range 3 {
		input := ast.MustInterfaceToValue(w.input())
		if p.sameOutcome(t, docs.snapshot(t), "q", input); t.Failed() {
			t.Fatalf("policy:\n%s\ndata: %v", text, data)
		}
	}
	_, ran = program.(*compiled)
	return ran
}

func Test_random_policies_decide_the_same_by_program_and_by_interpreter(t *testing.T) {
	rounds, seed := 600, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("GATEHOUSE_PROPERTY_STEPS")); err == nil {
		rounds, seed = max(n/50, 100), uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	ran := 0
	for i := range rounds {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
		if differ(t, w) {
			ran++
		}
	}
	t.Logf("%d of %d policies were programs", ran, rounds)
	if ran < rounds/10 {
		t.Errorf("programs: got %d of %d policies, want a tenth", ran, rounds)
	}
}

func FuzzPolicies(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { differ(t, &writer{Rand: rand.New(rand.NewPCG(a, b))}) })
}
