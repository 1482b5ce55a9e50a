package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine/internal/plan"
	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

const (
	ingressQuestion = "gatehouse/ingress/decision"
	adminQuestion   = "gatehouse/admin/decision"
)

// pair evaluates the default policies in both ways.
type pair struct {
	program, interpreter map[string]evaluator
	policy               *policy
	now                  time.Time
}

// overlay is what an operator may add: rules, data beside them, roles and routes.
var overlay = fstest.MapFS{
	"custom/ingress/hours/hours.rego": {Data: []byte(`package custom.ingress.hours

deny contains "no writing to research" if {
	input.request.method == "POST"
	"research" in input.request.path
}

deny contains sprintf("%s is closed", [name]) if some name in data.custom.hours.closed
`)},
	"custom/hours/data.json": {Data: []byte(`{"closed": []}`)},
	"custom/ingress/net/net.rego": {Data: []byte(`package custom.ingress.net

import data.gatehouse.lib.request

deny contains "from outside" if {
	input.request.client_ip
	not request.client_in("10.0.0.0/8")
}

allow contains "robots" if input.request.path == ["robots.txt"]
`)},
	"custom/roles/data.json": {Data: []byte(`{"runner": {"read": true, "execute": true}}`)},
}

func defaultPair(tb testing.TB) *pair {
	tb.Helper()
	return pairOf(tb, nil)
}

func pairOf(tb testing.TB, overlay fs.FS) *pair {
	tb.Helper()
	bundle, err := bundles.Gate(tb.Context(), bundles.Sources{
		Defaults: policies.FS, Schemas: schemas.FS, Overlay: overlay,
		Settings: map[string]any{"custom_allow": map[string]any{"ingress": overlay != nil}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	data, err := objectOf(bundle.Data)
	if err != nil {
		tb.Fatal(err)
	}
	p := &pair{
		program: map[string]evaluator{}, interpreter: map[string]evaluator{},
		policy: &policy{revision: "p1", data: data}, now: time.Unix(1_760_000_000, 0),
	}
	for _, ref := range entrypointRefs(bundle.Compiler) {
		program, err := newEvaluator(tb.Context(), bundle.Compiler, ref)
		if err != nil {
			tb.Fatal(err)
		}
		query, err := prepare(tb.Context(), bundle.Compiler, ref)
		if err != nil {
			tb.Fatal(err)
		}
		p.program[entrypointName(ref)], p.interpreter[entrypointName(ref)] = program, prepared{query}
	}
	return p
}

// sameOutcome evaluates a question in both ways and compares what was found.
func (p *pair) sameOutcome(tb testing.TB, data *snapshot.Snapshot, question string, input ast.Value) outcome {
	tb.Helper()
	run := func(by evaluator) (outcome, error) {
		txn := &transaction{state: state{policy: p.policy, data: data}}
		return by.eval(tb.Context(), txn, input, p.now, nil)
	}
	got, gotErr := run(p.program[question])
	want, wantErr := run(p.interpreter[question])
	// A program may look at more than the interpreter, whose index leaves rules out.
	varies := got.varies || !want.varies
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || fmt.Sprint(got.failed) != fmt.Sprint(want.failed) || !varies {
		tb.Errorf("%s of %v:\ngot  %+v, %v\nwant %+v, %v", question, input, got, gotErr, want, wantErr)
	}
	if (got.value == nil) != (want.value == nil) || got.value != nil && got.value.Compare(want.value) != 0 {
		tb.Errorf("%s of %v:\ngot  %v\nwant %v", question, input, got.value, want.value)
	}
	return got
}

type documents map[string]map[string]map[string]any

func (d documents) snapshot(tb testing.TB) *snapshot.Snapshot {
	tb.Helper()
	edit := new(snapshot.Snapshot).Edit(1)
	for collection, all := range d {
		for key, document := range all {
			raw, err := json.Marshal(document)
			if err != nil {
				tb.Fatal(err)
			}
			if err := edit.Put(snapshot.Change{Collection: collection, Key: key, Doc: raw}); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return edit.Done()
}

// decisionCase is what a case of testdata/decisions says about a question.
type decisionCase struct {
	Description string    `yaml:"description"`
	Directory   documents `yaml:"directory"`
	Subject     string    `yaml:"subject"`
	Request     struct {
		Method    string            `yaml:"method"`
		URL       string            `yaml:"url"`
		WebSocket bool              `yaml:"websocket"`
		Headers   map[string]string `yaml:"headers"`
		ClientIP  string            `yaml:"client_ip"`
	} `yaml:"request"`
	Want struct {
		Effect Effect `yaml:"effect"`
		Reason string `yaml:"reason"`
	} `yaml:"want"`
}

func decisionCases(tb testing.TB) []decisionCase {
	tb.Helper()
	files, err := filepath.Glob("../testdata/decisions/*.yaml")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no cases found: %v", err)
	}
	var all []decisionCase
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		var cases []decisionCase
		if err := yaml.Unmarshal(raw, &cases); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		all = append(all, cases...)
	}
	return all
}

func (c *decisionCase) input() ast.Value {
	_, rest, _ := strings.Cut(c.Request.URL, "://")
	host, path, _ := strings.Cut(rest, "/")
	kind := "account"
	if c.Subject == "anonymous" || c.Subject == "" {
		kind = "anonymous"
	}
	return inputOf(kind, c.Subject, c.Request.Method, host, strings.Split(path, "/"), c.Request.WebSocket, c.Request.ClientIP)
}

func inputOf(kind, id, method, host string, path []string, websocket bool, client string) ast.Value {
	segments := make([]Value, 0, len(path))
	for _, segment := range path {
		segments = append(segments, String(segment))
	}
	request := []Field{
		{"method", String(method)}, {"scheme", String("https")}, {"host", String(host)}, {"path", Array(segments...)},
		{"query", Object()}, {"websocket", Bool(websocket)}, {"headers", Object()},
	}
	if client != "" {
		request = append(request, Field{"client_ip", String(client)})
	}
	subject := []Field{{"id", String(id)}, {"kind", String(kind)}, {"groups", TrueSet([]string{"staff"})}, {"token", Object(Field{"kind", String("access")})}}
	return Object(Field{"subject", Object(subject...)}, Field{"request", Object(request...)}).value()
}

func Test_the_default_policies_are_evaluated_by_programs(t *testing.T) {
	for question, by := range defaultPair(t).program {
		if _, ok := by.(*compiled); !ok {
			t.Errorf("%s: got %T, want a program", question, by)
		}
	}
}

func Test_policies_with_rules_of_an_operator_are_evaluated_by_programs_that_decide_the_same(t *testing.T) {
	p, c := pairOf(t, overlay), decisionCases(t)[0]
	if _, ok := p.program[ingressQuestion].(*compiled); !ok {
		t.Fatalf("got %T, want a program", p.program[ingressQuestion])
	}
	data := c.Directory.snapshot(t)
	r := rand.New(rand.NewPCG(3, 4))
	reasons := map[string]int{}
	for range 2000 {
		found := p.sameOutcome(t, data, ingressQuestion, pick(&c, r))
		if v, err := readTerm(found.value); err == nil {
			reasons[v.reason]++
		}
	}
	if reasons["custom_deny"] == 0 {
		t.Errorf("reasons: got %v, want custom denials among them", reasons)
	}
}

func Test_no_ordinary_question_to_the_default_policies_is_left_to_the_interpreter(t *testing.T) {
	p := defaultPair(t)
	for _, c := range decisionCases(t) {
		txn := &transaction{state: state{policy: p.policy, data: c.Directory.snapshot(t)}}
		by := p.program[ingressQuestion].(*compiled)
		if _, err := by.program.Eval(t.Context(), txn.posed(c.input(), p.now, nil)); errors.Is(err, plan.ErrLeft) {
			t.Errorf("%s: got %v, want a decision", c.Description, err)
		}
	}
}

func Test_the_default_policies_decide_the_same_by_program_and_by_interpreter(t *testing.T) {
	p := defaultPair(t)
	for _, c := range decisionCases(t) {
		t.Run(c.Description, func(t *testing.T) {
			found := p.sameOutcome(t, c.Directory.snapshot(t), ingressQuestion, c.input())
			if found.value == nil {
				t.Errorf("got no value")
			}
		})
	}
}

// pick makes a question of the names that the cases know and of what is unusual.
func pick(c *decisionCase, r *rand.Rand) ast.Value {
	ids := slices.Concat(slices.Sorted(maps.Keys(c.Directory["accounts"])), []string{"", "01J9N0B0DY0000000000000000", "x"})
	names := slices.Concat(slices.Sorted(maps.Keys(c.Directory["namespaces"])), []string{"ada", "root", "nowhere"})
	segments := slices.Concat(names, []string{"", ".", "..", "a/b", "notebook", "user", "hub", "home", "api", "ml", "nb1", "login", "static", "oauth2", "services", "*", "{namespace}"})
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	var path []string
	for range r.IntN(6) {
		path = append(path, one(segments...))
	}
	if r.IntN(2) == 0 {
		path = append([]string{"notebook", one(names...)}, path...)
	}
	asked := inputOf(one("account", "account", "account", "anonymous", "external", "other"), one(ids...),
		one("GET", "POST", "DELETE", "PUT", "WEBSOCKET", "FOO"), one("app.test", "other.test", ""), path,
		r.IntN(4) == 0, one("", "10.0.0.1", "not an address"))
	scopes := ast.NewObject()
	for range r.IntN(3) {
		scope := one("ingress", "ingress:read", "directory", "namespace:"+one(names...), "namespace:read", "what")
		scopes.Insert(ast.StringTerm(scope), ast.BooleanTerm(true))
	}
	narrowed, _ := asked.(ast.Object).Merge(ast.NewObject(ast.Item(ast.StringTerm("subject"), ast.ObjectTerm(
		ast.Item(ast.StringTerm("token"), ast.ObjectTerm(ast.Item(ast.StringTerm("scopes"), ast.NewTerm(scopes))))))))
	return narrowed
}

func Test_random_questions_to_the_default_policies_are_decided_the_same_by_program_and_by_interpreter(t *testing.T) {
	p, c := defaultPair(t), decisionCases(t)[0]
	data := c.Directory.snapshot(t)
	r := rand.New(rand.NewPCG(1, 2))
	values := map[string]int{}
	for range 2000 {
		if found := p.sameOutcome(t, data, ingressQuestion, pick(&c, r)); found.value != nil {
			values[found.value.String()]++
		}
	}
	if len(values) < 50 {
		t.Errorf("decisions: got %d different ones, want at least 50", len(values))
	}
}

func FuzzDefaultPolicies(f *testing.F) {
	p, c := defaultPair(f), decisionCases(f)[0]
	data := c.Directory.snapshot(f)
	f.Add("account", "01J9ADA0000000000000000000", "GET", "app.test", "notebook/research/nb1/lab", false, "10.0.0.1")
	f.Add("anonymous", "", "POST", "", "hub/../home", true, "x")
	f.Fuzz(func(t *testing.T, kind, id, method, host, path string, websocket bool, client string) {
		p.sameOutcome(t, data, ingressQuestion, inputOf(kind, id, method, host, strings.Split(path, "/"), websocket, client))
	})
}

// What the program leaves is decided by the interpreter; a program that leaves all it
// is asked is asked only now and then, until it answers again.
func Test_a_program_that_leaves_questions_is_asked_less(t *testing.T) {
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"t.rego": `package t

decision := to_number(input.n) if input.n

default decision := "none"
`}, ast.CompileOpts{})
	if err != nil {
		t.Fatal(err)
	}
	by, err := newEvaluator(t.Context(), compiler, ast.MustParseRef("data.t.decision"))
	if err != nil {
		t.Fatal(err)
	}
	program := by.(*compiled)
	ask := func(input string) outcome {
		found, err := program.eval(t.Context(), &transaction{state: state{policy: &policy{data: ast.NewObject()}}}, ast.MustParseTerm(input).Value, time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for range 2 * retry {
		if found := ask(`{"n": "x"}`); found.failed == nil || found.value.String() != `"none"` {
			t.Fatalf("got %+v, want the default and the builtin's error", found)
		}
	}
	if got := program.left.Load(); got < manyLeft || got > manyLeft+2 {
		t.Errorf("left: got %d, want %d and hardly more", got, manyLeft)
	}
	for range retry {
		if found := ask(`{"n": "1"}`); found.failed != nil || found.value.String() != "1" {
			t.Fatalf("got %+v, want 1", found)
		}
	}
	if got := program.left.Load(); got != 0 {
		t.Errorf("left: got %d, want 0 after an answer", got)
	}
}

func BenchmarkEvaluate_default_policies(b *testing.B) {
	p := defaultPair(b)
	first := decisionCases(b)[0]
	data := first.Directory.snapshot(b)
	path := []string{"notebook", "research", "nb1", "api", "contents"}
	for name, input := range map[string]ast.Value{
		"owner":     inputOf("account", "01J9ADA0000000000000000000", "GET", "app.test", path, false, ""),
		"binding":   inputOf("account", "01J9V1C0000000000000000000", "GET", "app.test", path, false, ""),
		"team":      inputOf("account", "01J9EVE0000000000000000000", "GET", "app.test", path, false, ""),
		"denied":    inputOf("account", "01J9B0B0000000000000000000", "GET", "app.test", path, false, ""),
		"anonymous": inputOf("anonymous", "", "GET", "app.test", path, false, ""),
	} {
		for kind, by := range map[string]evaluator{"program": p.program[ingressQuestion], "interpreter": p.interpreter[ingressQuestion]} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					txn := begin(&state{policy: p.policy, data: data})
					if _, err := by.eval(b.Context(), txn, input, p.now, nil); err != nil {
						b.Fatal(err)
					}
					txn.end()
				}
			})
		}
	}
}
