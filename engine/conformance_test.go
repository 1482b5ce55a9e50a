package engine

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/gatehouse-authz/gatehouse/engine/internal/plan"
)

// OPA's own cases, evaluated over our store by OPA's interpreter, and by a program
// made of the same query. They are what the language means: a store that reads a path
// differently from OPA's shows up here, and so does a program that gives another
// answer than the interpreter, or one where that fails. Each runs with its data as a
// policy's own and, where its references can be rewritten to that, in a snapshot.
func Test_the_store_and_the_programs_pass_the_Rego_conformance_cases_of_the_linked_OPA(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatalf("where is the module: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "v1/test/cases/testdata/v1")
	ran := 0
	left, held, notHeld, heldLeft := byHow{}, byHow{}, byHow{}, byHow{}
	for _, c := range cases.MustLoad(dir).Sorted().Cases {
		if len(c.Env) > 0 || strings.Contains(strings.Join(c.Modules, ""), "test.sleep") {
			continue // about OPA's process, and with a builtin that only its own tests have
		}
		ran++
		t.Run(c.Note, func(t *testing.T) {
			example := exampleOf(t, c)
			inSnapshot, how, why := example.held(t)
			example.evaluate(t, left)
			if why != "" {
				notHeld[why]++
				return
			}
			held[how]++
			t.Run("held by a snapshot", func(t *testing.T) { inSnapshot.evaluate(t, heldLeft) })
		})
	}
	t.Logf("cases: %d", ran)
	if ran < 2000 {
		t.Errorf("cases: got %d, want at least 2000", ran)
	}
	if total := left.log(t, "of them left to the interpreter"); total > ran/2 {
		t.Errorf("left to the interpreter: got %d of %d cases, want at most half", total, ran)
	}
	if total := held.log(t, "of them also run with their data in a snapshot"); total < leastHeld {
		t.Errorf("run with their data in a snapshot: got %d, want at least %d", total, leastHeld)
	}
	heldLeft.log(t, "of these left to the interpreter")
	notHeld.log(t, "not run with their data in a snapshot")
}

// example is a case, ready to be evaluated.
type example struct {
	cases.TestCase
	modules  map[string]*ast.Module // as they were parsed
	options  ast.ParserOptions
	body     ast.Body
	data     ast.Object
	compiler *ast.Compiler
	txn      *transaction
	input    *ast.Term
}

func exampleOf(t *testing.T, c cases.TestCase) *example {
	e := &example{TestCase: c, modules: map[string]*ast.Module{}, data: ast.NewObject()}
	if c.ExperimentalKeywords {
		e.options.Capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	}
	compiled := map[string]*ast.Module{}
	for i, text := range c.Modules {
		name := fmt.Sprintf("test-%d.rego", i)
		module, err := ast.ParseModuleWithOpts(name, text, e.options)
		if err != nil {
			t.Fatal(err)
		}
		e.modules[name], compiled[name] = module, module.Copy()
	}
	e.compiler = compileExample(t, compiled, e.options)
	e.body = ast.MustParseBody(c.Query)
	if c.Data != nil {
		text := util.MustMarshalJSON(*c.Data)
		wantCompact(t, text)
		e.data = ast.MustInterfaceToValue(util.MustUnmarshalJSON(text)).(ast.Object)
	}
	e.txn = &transaction{state: state{policy: &policy{data: e.data}}}
	switch {
	case c.InputTerm != nil:
		e.input = ast.MustParseTerm(*c.InputTerm)
	case c.Input != nil:
		wantCompact(t, util.MustMarshalJSON(*c.Input))
		e.input = ast.NewTerm(ast.MustInterfaceToValue(*c.Input))
	}
	return e
}

func compileExample(t *testing.T, modules map[string]*ast.Module, options ast.ParserOptions) *ast.Compiler {
	compiler := ast.NewCompiler().WithCapabilities(options.Capabilities)
	if compiler.Compile(modules); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	return compiler
}

// evaluate counts in left why the program left the case to the interpreter.
func (e *example) evaluate(t *testing.T, left byHow) {
	t.Helper()
	e.interpret(t)
	if why := e.program(t); why != "" {
		left[why]++
	}
}

func (e *example) interpret(t *testing.T) {
	results, err := e.ask(t, true)
	if errors.Is(err, errWholeIdentity) { // as prepared.eval does it
		results, err = e.ask(t, false)
	}
	wantOutcome(t, e.TestCase, results, err)
}

func (e *example) ask(t *testing.T, indexed bool) (topdown.QueryResultSet, error) {
	t.Helper()
	query, err := e.compiler.QueryCompiler().Compile(e.body.Copy())
	if err != nil {
		t.Fatal(err)
	}
	q := topdown.NewQuery(query).
		WithCompiler(e.compiler).
		WithStore(store{}).
		WithTransaction(e.txn).
		WithStrictBuiltinErrors(e.StrictError).
		WithIndexing(indexed)
	if e.input != nil {
		q = q.WithInput(e.input)
	}
	return q.Run(t.Context())
}

// program tells why the case is left to the interpreter, "" if it is not.
func (e *example) program(t *testing.T) string {
	program, err := plan.Compile(t.Context(), plan.Query{
		Compiler:    e.compiler,
		Body:        e.body.Copy(),
		Root:        identityRoot,
		Store:       store{},
		Transaction: e.txn,
		Bindings:    true,
	})
	if errors.Is(err, plan.ErrUnsupported) {
		return firstWords(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	q := e.txn.posed(nil, time.Now(), nil)
	if e.input != nil {
		q.Input = e.input.Value
	}
	found, err := program.Eval(t.Context(), q)
	if errors.Is(err, plan.ErrLeft) {
		return firstWords(err)
	}
	if e.WantError != nil || e.WantErrorCode != nil {
		t.Errorf("program: got %v, %v, want it to be left to the interpreter", found.Results, err)
	}
	wantOutcome(t, e.TestCase, bindingsOf(found.Results), err)
	return ""
}

// bindingsOf takes off the variables that OPA gave to expressions without one.
func bindingsOf(results []*ast.Term) topdown.QueryResultSet {
	var all topdown.QueryResultSet
	for _, result := range results {
		bindings := topdown.QueryResult{}
		result.Value.(ast.Object).Foreach(func(name, value *ast.Term) {
			if v := string(name.Value.(ast.String)); !strings.HasPrefix(v, "^") {
				bindings[ast.Var(v)] = value
			}
		})
		all = append(all, bindings)
	}
	return all
}

// firstWords groups reasons.
func firstWords(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	words := strings.Fields(line)
	return strings.Join(words[:min(len(words), 9)], " ")
}

func wantOutcome(t *testing.T, c cases.TestCase, results topdown.QueryResultSet, err error) {
	t.Helper()
	if c.WantError != nil && (err == nil || !strings.Contains(err.Error(), *c.WantError)) {
		t.Errorf("error: got %v, want one with %q", err, *c.WantError)
	}
	if c.WantErrorCode != nil {
		if e := new(topdown.Error); !errors.As(err, &e) || e.Code != *c.WantErrorCode {
			t.Errorf("error: got %v, want code %s", err, *c.WantErrorCode)
		}
	}
	if err != nil {
		if c.WantError == nil && c.WantErrorCode == nil {
			t.Errorf("error: got %v, want none", err)
		}
		return
	}
	if c.WantResult == nil {
		return
	}
	want, got := ast.NewSet(), ast.NewSet()
	for _, bindings := range *c.WantResult {
		want.Add(ast.NewTerm(ast.MustInterfaceToValue(bindings)))
	}
	for _, bindings := range results {
		got.Add(ast.NewTerm(plain(t, c, bindings)))
	}
	if got.Compare(want) != 0 {
		t.Errorf("result:\ngot  %v\nwant %v", got, want)
	}
}

// plain converts bindings as OPA's own runner of the cases does.
func plain(t *testing.T, c cases.TestCase, bindings topdown.QueryResult) ast.Value {
	t.Helper()
	object := map[string]any{}
	for name, term := range bindings {
		if c.IgnoreGeneratedVars && strings.HasPrefix(string(name), "__localq") {
			continue
		}
		value, err := ast.JSON(term.Value)
		if err != nil {
			t.Fatal(err)
		}
		if c.SortBindings {
			slices.SortFunc(value.([]any), util.Compare)
		}
		object[string(name)] = value
	}
	return ast.MustInterfaceToValue(object)
}
