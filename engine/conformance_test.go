package engine

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// OPA's own cases, evaluated over our store. They are what the language means:
// a store that reads a path differently from OPA's shows up here.
func Test_the_store_passes_the_Rego_conformance_cases_of_the_linked_OPA(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatalf("where is the module: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "v1/test/cases/testdata/v1")
	ran := 0
	for _, c := range cases.MustLoad(dir).Sorted().Cases {
		if len(c.Env) > 0 || strings.Contains(strings.Join(c.Modules, ""), "test.sleep") {
			continue // about OPA's process, and with a builtin that only its own tests have
		}
		ran++
		t.Run(c.Note, func(t *testing.T) { conforms(t, c) })
	}
	if ran < 2000 {
		t.Errorf("cases: got %d, want at least 2000", ran)
	}
}

func conforms(t *testing.T, c cases.TestCase) {
	modules := map[string]string{}
	for i, module := range c.Modules {
		modules[fmt.Sprintf("test-%d.rego", i)] = module
	}
	options := ast.ParserOptions{}
	if c.ExperimentalKeywords {
		options.Capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	}
	compiler := ast.MustCompileModulesWithOpts(modules, ast.CompileOpts{ParserOptions: options})
	query, err := compiler.QueryCompiler().Compile(ast.MustParseBody(c.Query))
	if err != nil {
		t.Fatal(err)
	}
	data := ast.NewObject()
	if c.Data != nil {
		data = ast.MustInterfaceToValue(util.MustUnmarshalJSON(util.MustMarshalJSON(*c.Data))).(ast.Object)
	}
	q := topdown.NewQuery(query).
		WithCompiler(compiler).
		WithStore(store{}).
		WithTransaction(&transaction{state: state{policy: &policy{data: data}}}).
		WithStrictBuiltinErrors(c.StrictError)
	switch {
	case c.InputTerm != nil:
		q = q.WithInput(ast.MustParseTerm(*c.InputTerm))
	case c.Input != nil:
		q = q.WithInput(ast.NewTerm(ast.MustInterfaceToValue(*c.Input)))
	}
	results, err := q.Run(t.Context())
	wantOutcome(t, c, results, err)
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
