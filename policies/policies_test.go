package policies_test

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// coverageFloor is in percent of the lines of what decides.
const coverageFloor = 95

// matrix is the file with most tests by far. They are the same questions as others, in
// every combination, and so need not be traced for coverage.
const matrix = "gatehouse/admin/matrix_run_test.rego"

func TestPolicies_pass_their_own_tests_and_cover_what_decides(t *testing.T) {
	modules, data := load(t)
	delete(modules, matrix)
	coverage := cover.New()
	if passed := runTests(t, tester.NewRunner().SetCoverageQueryTracer(coverage), modules, data); passed < 90 {
		t.Errorf("ran %d tests, want at least 90: are they still found?", passed)
	}
	checkCoverage(t, coverage.Report(modules))
}

func TestPolicies_answer_every_caller_as_their_matrix_says(t *testing.T) {
	modules, data := load(t)
	if passed := runTests(t, tester.NewRunner().Filter("test_K01"), modules, data); passed < 10 {
		t.Errorf("ran %d tests, want at least 10: are they still found?", passed)
	}
}

// runTests gives the number of tests that passed, and reports the others.
func runTests(t *testing.T, runner *tester.Runner, modules map[string]*ast.Module, data map[string]any) (passed int) {
	t.Helper()
	ctx := context.Background()
	store := inmem.NewFromObject(data)
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(ctx, txn)
	results, err := runner.SetCompiler(ast.NewCompiler()).SetModules(maps.Clone(modules)).SetStore(store).SetTimeout(time.Minute).RunTests(ctx, txn)
	if err != nil {
		t.Fatal(err)
	}
	for result := range results {
		if !result.Pass() {
			t.Errorf("%s", result)
			continue
		}
		passed++
	}
	return passed
}

func checkCoverage(t *testing.T, report cover.Report) {
	t.Helper()
	covered, all := 0, 0
	for name, file := range report.Files {
		if strings.HasSuffix(name, "_test.rego") || file.CoveredLines+file.NotCoveredLines == 0 {
			continue
		}
		covered += file.CoveredLines
		all += file.CoveredLines + file.NotCoveredLines
		for _, r := range file.NotCovered {
			t.Logf("%s:%d-%d is not covered", name, r.Start.Row, r.End.Row)
		}
	}
	if all == 0 || 100*covered < coverageFloor*all {
		t.Errorf("tests cover %d of %d lines, want at least %d%%", covered, all, coverageFloor)
	}
}

func TestPolicies_are_formatted(t *testing.T) {
	for name, source := range files(t, policies.FS, ".rego") {
		formatted, err := format.SourceWithOpts(name, source, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Errorf("format %s: %v", name, err)
		} else if !bytes.Equal(source, formatted) {
			t.Errorf("%s is not as opa fmt writes it", name)
		}
	}
}

func TestPolicies_lie_in_the_folder_of_their_package(t *testing.T) {
	for name := range files(t, policies.FS, ".rego") {
		module := parse(t, name, nil)
		got := strings.TrimPrefix(module.Package.Path.String(), "data.")
		want := strings.ReplaceAll(path.Dir(name), "/", ".")
		if strings.HasSuffix(name, "_test.rego") {
			want += "_test"
		}
		if got != want {
			t.Errorf("%s is package %s, want %s", name, got, want)
		}
	}
}

func TestPolicies_that_authors_import_are_short(t *testing.T) {
	for name, source := range files(t, policies.FS, ".rego") {
		lines := bytes.Count(source, []byte("\n"))
		if strings.HasPrefix(name, "gatehouse/lib/") && !strings.HasSuffix(name, "_test.rego") && lines >= 40 {
			t.Errorf("%s has %d lines, want fewer than 40", name, lines)
		}
	}
}

func TestPolicies_have_an_entry_point_for_each_question(t *testing.T) {
	compiler := check(t, nil)
	var got []string
	for _, a := range compiler.GetAnnotationSet().Flatten() {
		if a.Annotations.Entrypoint {
			got = append(got, a.Path.String())
		}
	}
	want := []string{"data.gatehouse.admin.decision", "data.gatehouse.ingress.decision"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("entry points are %v, want %v", got, want)
	}
}

func TestPolicies_pass_the_strict_check_with_their_schemas(t *testing.T) {
	if c := check(t, nil); c.Failed() {
		t.Error(c.Errors)
	}
}

func TestPolicies_refuse_misspelt_fields(t *testing.T) {
	for name, tc := range map[string]struct{ pkg, rule, want string }{
		"in the request":             {"custom.ingress.own", `deny contains "x" if input.request.pth[0] == "a"`, "undefined ref: input.request.pth"},
		"in the subject":             {"custom.ingress.own", `deny contains "x" if input.subject.grops.a`, "undefined ref: input.subject.grops"},
		"in the token":               {"custom.ingress.own", `deny contains "x" if input.subject.token.jit == ""`, "undefined ref: input.subject.token.jit"},
		"in the other question's":    {"custom.admin.own", `deny contains "x" if input.request.path[0] == "a"`, "undefined ref: input.request"},
		"in the resource":            {"custom.admin.own", `deny contains "x" if input.resource.kin == "account"`, "undefined ref: input.resource.kin"},
		"in an account":              {"custom.ingress.own", `deny contains "x" if data.identity.accounts[input.subject.id].hanlde == "a"`, "hanlde"},
		"in a namespace":             {"custom.ingress.own", `deny contains "x" if data.identity.namespaces.lab.owner["account:a"]`, "undefined ref: data.identity.namespaces.lab.owner"},
		"in a binding":               {"custom.ingress.own", `deny contains "x" if data.identity.namespaces.lab.bindings["team:a"].rol == "view"`, "rol"},
		"in a team":                  {"custom.ingress.own", `deny contains "x" if data.identity.teams.a.organization == "b"`, "organization"},
		"in a reason of the library": {"custom.ingress.own", `deny contains "x" if data.gatehouse.lib.result.effects.no_rout == "deny"`, "no_rout"},
	} {
		t.Run(name, func(t *testing.T) {
			c := check(t, map[string]string{"own.rego": "package " + tc.pkg + "\n\n" + tc.rule + "\n"})
			if got := c.Errors.Error(); !strings.Contains(got, tc.want) {
				t.Errorf("errors are %q, want one with %q", got, tc.want)
			}
		})
	}
}

func TestPolicies_take_well_spelt_fields(t *testing.T) {
	c := check(t, map[string]string{"own.rego": `package custom.ingress.own

import data.gatehouse.lib.request
import data.gatehouse.lib.subject

deny contains "x" if {
	input.request.client_ip == "10.0.0.1"
	input.request.headers["x-a"] == "b"
	input.request.query.q[0] == "c"
	input.subject.groups.staff
	subject.account.email == "a@x.org"
	data.identity.namespaces[request.namespace].bindings[sprintf("account:%s", [input.subject.id])].expires > 0
	data.identity.meta.revision > 0
}
`})
	if c.Failed() {
		t.Error(c.Errors)
	}
}

// check compiles what decides, and extra modules, as an author's check does:
// strictly, with the schemas and the stubs of the identity documents.
func check(t *testing.T, extra map[string]string) *ast.Compiler {
	t.Helper()
	modules := map[string]*ast.Module{}
	for name, source := range files(t, policies.FS, ".rego") {
		if !strings.HasSuffix(name, "_test.rego") {
			modules[name] = parse(t, name, source)
		}
	}
	for name, source := range files(t, schemas.FS, ".rego") {
		modules["schemas/"+name] = parse(t, name, source)
	}
	for name, source := range extra {
		modules[name] = parse(t, name, []byte(source))
	}
	set := ast.NewSchemaSet()
	for name, source := range files(t, schemas.FS, ".json") {
		set.Put(ast.Ref{ast.SchemaRootDocument, ast.StringTerm(strings.TrimSuffix(name, ".json"))}, decode(t, name, source))
	}
	c := ast.NewCompiler().WithStrict(true).WithSchemas(set).WithUseTypeCheckAnnotations(true)
	c.Compile(modules)
	return c
}

// load returns all modules, tests too, and the tables as one document.
func load(t testing.TB) (map[string]*ast.Module, map[string]any) {
	t.Helper()
	modules, data := map[string]*ast.Module{}, map[string]any{}
	for name, source := range files(t, policies.FS, ".rego") {
		modules[name] = parse(t, name, source)
	}
	for name, source := range files(t, policies.FS, ".json") {
		node := data
		for _, key := range strings.Split(path.Dir(path.Dir(name)), "/") {
			child, ok := node[key].(map[string]any)
			if !ok {
				child = map[string]any{}
				node[key] = child
			}
			node = child
		}
		node[path.Base(path.Dir(name))] = decode(t, name, source)
	}
	return modules, data
}

func files(t testing.TB, fsys fs.FS, ext string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ext {
			return err
		}
		found[name], err = fs.ReadFile(fsys, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no %s files", ext)
	}
	return found
}

func parse(t testing.TB, name string, source []byte) *ast.Module {
	t.Helper()
	if source == nil {
		source = files(t, policies.FS, ".rego")[name]
	}
	module, err := ast.ParseModuleWithOpts(name, string(source), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	return module
}

func decode(t testing.TB, name string, source []byte) any {
	t.Helper()
	var value any
	if err := util.UnmarshalJSON(source, &value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}
