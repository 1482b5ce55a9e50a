package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/open-policy-agent/opa/v1/ast"
)

// world is a directory, a policy and a clock, which steps change and ask, with
// engines side by side that must always answer alike.
type world struct {
	tb       testing.TB
	choose   func(n int) int // of 0 to n-1
	clock    *time.Time
	engines  map[string]*engine.Engine
	policies []string // names of the corpus
	policy   string
	turn     int
	revision uint64
	held     map[string]string // documents, by collection/key
	activate int
	inputs   []engine.Value // of before, which are asked again

	remembered map[string]int // decisions, by policy
	asked      map[string]int
}

// recent is how many inputs are asked again.
const recent = 20

const reference = "interpreted, nothing remembered"

func newWorld(tb testing.TB, policies []string, choose func(n int) int) *world {
	clock := time.Unix(1_000_000_000, 0)
	off := engine.MemoOptions{Off: true}
	// The deadline is not what is tested, and two cores may be very busy.
	options := func(m engine.MemoOptions) engine.Options {
		return engine.Options{Memo: m, Deadline: time.Minute, Now: func() time.Time { return clock }}
	}
	w := &world{
		tb: tb, choose: choose, clock: &clock, policies: policies,
		engines: map[string]*engine.Engine{
			"remembering":        engine.New(options(engine.MemoOptions{})),
			"remembering little": engine.New(options(engine.MemoOptions{Entries: 20, Bytes: 16 << 10})),
			"planned":            engine.New(options(off)),
			reference:            engine.NewInterpreting(options(off)),
		},
		held:       map[string]string{},
		remembered: map[string]int{}, asked: map[string]int{},
	}
	w.swap()
	w.replace(true)
	return w
}

func (w *world) step() {
	switch n := w.choose(1000); {
	case n < 10:
		w.swap()
	case n < 13:
		w.replace(n == 10)
	case n < 25:
		*w.clock = time.Unix(int64(900_000_000+50_000_000*w.choose(9)), 0)
	case n < 180:
		w.apply()
	default:
		w.ask()
	}
}

func pick[T any](w *world, from ...T) T { return from[w.choose(len(from))] }

func (w *world) each(what string, do func(*engine.Engine) error) {
	w.tb.Helper()
	for name, e := range w.engines {
		if err := do(e); err != nil {
			w.tb.Fatalf("%s, %s: %v", what, name, err)
		}
	}
}

func (w *world) swap() {
	if w.choose(4) != 0 { // else the same again
		w.turn++
	}
	w.policy = w.policies[w.turn%len(w.policies)]
	w.activate++
	data := map[string]any{"table": map[string]any{"open": w.choose(2) == 0}}
	compiler := corpusCompiler(w.tb, w.policy)
	w.each("activate "+w.policy, func(e *engine.Engine) error {
		return e.Activate(w.tb.Context(), fmt.Sprint("p", w.activate), compiler, data)
	})
}

// apply writes a revision of a few documents.
func (w *world) apply() {
	w.revision++
	changes := make([]engine.Change, w.choose(4))
	for i := range changes {
		changes[i] = w.change()
		w.hold(changes[i])
	}
	w.each("apply", func(e *engine.Engine) error { return e.Apply(w.tb.Context(), w.revision, changes) })
}

// replace delivers everything anew: the same documents, or some others.
func (w *world) replace(other bool) {
	w.revision += uint64(w.choose(2))
	for range 12 {
		if other {
			w.hold(w.change())
		}
	}
	w.each("replace", func(e *engine.Engine) error { return e.Replace(w.tb.Context(), w.revision, documents(w.held)) })
}

func (w *world) hold(c engine.Change) {
	if name := c.Collection + "/" + c.Key; c.Doc == nil {
		delete(w.held, name)
	} else {
		w.held[name] = string(c.Doc)
	}
}

// change is one of few documents of few contents, so that contents come back.
func (w *world) change() engine.Change {
	user := func() string { return pick(w, "u0", "u1", "u2", "u3", "1") }
	c := engine.Change{Collection: pick(w, "accounts", "accounts", "namespaces", "namespaces", "teams")}
	var doc any
	switch c.Collection {
	case "accounts":
		c.Key = user()
		doc = map[string]any{
			"handle": pick(w, "ada", "eve"), "state": pick(w, "active", "disabled"),
			"roles": pick(w, map[string]any{}, map[string]any{"admin": true}), "teams": pick(w, map[string]any{}, map[string]any{"t1": "member"}),
		}
	case "namespaces":
		c.Key = pick(w, "n0", "n1", "u1")
		binding := map[string]any{"role": pick(w, "view", "edit")}
		if w.choose(3) == 0 {
			binding["expires"] = pick(w, 1_000_000_000, 1_100_000_000)
		}
		doc = map[string]any{
			"owners":   map[string]any{"account:" + user(): true},
			"labels":   pick(w, map[string]any{}, map[string]any{"large": strings.Repeat("x", 5000)}),
			"bindings": pick(w, map[string]any{}, map[string]any{"account:" + user(): binding}),
		}
	case "teams":
		c.Key, doc = pick(w, "t1", "t2"), map[string]any{"name": pick(w, "red", "blue")}
	}
	if w.choose(4) == 0 {
		return c // removed
	}
	text, err := json.Marshal(doc)
	if err != nil {
		w.tb.Fatal(err)
	}
	c.Doc = text
	return c
}

func (w *world) ask() {
	entrypoint := question
	if w.policy == "is asked in two ways" {
		entrypoint = pick(w, question, "gate/second")
	}
	var input engine.Value
	if again := w.choose(2 * recent); again < len(w.inputs) {
		input = w.inputs[again]
	} else {
		input = w.input()
		w.inputs = append(w.inputs[max(0, len(w.inputs)-recent+1):], input)
	}
	want := answerOf(w.engines[reference].Decide(context.Background(), entrypoint, input))
	for name, e := range w.engines {
		d := e.Decide(context.Background(), entrypoint, input)
		if got := answerOf(d); !got.equal(want) {
			w.tb.Fatalf("policy %q, revision %d, engine %q, remembered %v, input %v:\ngot  %+v (%v)\nwant %+v", w.policy, w.revision, name, d.Remembered, input, got, d.Err, want)
		}
		if name == "remembering" {
			w.asked[w.policy]++
			if d.Remembered {
				w.remembered[w.policy]++
			}
		}
	}
}

// input is mostly what a surface asks, and sometimes anything.
func (w *world) input() engine.Value {
	if w.choose(50) == 0 {
		return w.anything(2)
	}
	var fields []engine.Field
	add := func(key string, v engine.Value) {
		if w.choose(20) != 0 {
			fields = append(fields, engine.Field{Key: key, Value: v})
		}
	}
	add("subject", w.subject())
	add("request", w.request())
	add("key", engine.String(pick(w, "teams", "accounts", "meta", "path", "method", "u1", "t1")))
	if w.choose(30) == 0 { // a key given twice
		add("subject", w.anything(2))
	}
	return engine.Object(fields...)
}

func (w *world) subject() engine.Value {
	if w.choose(30) == 0 {
		return w.anything(1)
	}
	id := engine.String(pick(w, "u0", "u1", "u2", "u3", "ghost", "1", ""))
	if w.choose(20) == 0 {
		id = w.anything(1)
	}
	return engine.Object(
		engine.Field{Key: "id", Value: id},
		engine.Field{Key: "kind", Value: engine.String(pick(w, "account", "anonymous"))},
		engine.Field{Key: "groups", Value: engine.TrueSet(pick(w, nil, []string{"staff"}, []string{"guests", "staff"}))},
	)
}

func (w *world) request() engine.Value {
	segments := []engine.Value{engine.String(pick(w, "a", "b")), engine.String(pick(w, "n0", "n1", "u1", "ghost"))}
	if w.choose(20) == 0 {
		segments = append(segments, w.anything(0))
	}
	return engine.Object(
		engine.Field{Key: "method", Value: engine.String(pick(w, "GET", "PUT", "DELETE"))},
		engine.Field{Key: "path", Value: engine.Array(segments...)},
	)
}

// anything is a value of any type.
func (w *world) anything(depth int) engine.Value {
	kinds := 8
	if depth == 0 {
		kinds = 5
	}
	name := func() string { return pick(w, "id", "u1", "subject", "path", "1", "") }
	switch w.choose(kinds) {
	case 0:
		return engine.Value{}
	case 1:
		return engine.Bool(w.choose(2) == 0)
	case 2:
		return engine.Int(int64(w.choose(3)))
	case 3:
		return engine.String(name())
	case 4:
		return engine.TrueSet(pick(w, nil, []string{"u1"}, []string{"u1", "id"}))
	case 5:
		values := make([]engine.Value, w.choose(3))
		for i := range values {
			values[i] = w.anything(depth - 1)
		}
		return engine.Array(values...)
	default:
		fields := make([]engine.Field, w.choose(4))
		for i := range fields {
			fields[i] = engine.Field{Key: name(), Value: w.anything(depth - 1)}
		}
		return engine.Object(fields...)
	}
}

var corpusNames = slices.Sorted(maps.Keys(corpus))

var corpusCompilers = map[string]func() *ast.Compiler{}

func init() {
	for name, rules := range corpus {
		corpusCompilers[name] = sync.OnceValue(func() *ast.Compiler {
			c := ast.NewCompiler()
			modules := map[string]*ast.Module{}
			for file, source := range map[string]string{"gate.rego": "package gate\n\n" + entry(rules) + "\n" + answerRule, "custom.rego": custom} {
				modules[file] = ast.MustParseModuleWithOpts(source, ast.ParserOptions{ProcessAnnotation: true})
			}
			c.Compile(modules)
			return c
		})
	}
}

func corpusCompiler(tb testing.TB, name string) *ast.Compiler {
	tb.Helper()
	c := corpusCompilers[name]()
	if c.Failed() {
		tb.Fatalf("policy %q: %v", name, c.Errors)
	}
	return c
}
