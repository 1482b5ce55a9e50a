package bundles

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

var templates = []string{
	"/", "/**", "/a", "/a/", "/a/**", "/a/b", "/a/b/**", "/a/{x}", "/a/{x}/**", "/a/{y}", "/a/{y}/b", "/a/b/{z}",
	"/{x}", "/{x}/**", "/{x}/b", "/{x}/b/**", "/{y}/{z}", "/{x}/{y}/**",
}

var requests = []string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "a/c", "a/c/b", "q", "q/", "q/b", "q/b/c", "q/r", "q/r/s"}

// The gate's idea of which row goes first has to be that of the policies: for
// every pair of templates, Rego must find one row for each request exactly when
// the gate sees no tie between the two.
func Test_ties_are_what_the_policies_cannot_decide_between(t *testing.T) {
	compiler := mustGate(t, sources(nil)).Compiler
	for i, a := range templates {
		for _, b := range templates[i+1:] {
			if want := undecided(t, compiler, a, b); tied(t, a, b) != want {
				t.Errorf("tie of %s and %s: got %v, want %v as in Rego", a, b, !want, want)
			}
		}
	}
}

func tableOf(paths ...string) map[string]any {
	table := map[string]any{}
	for _, path := range paths {
		key := keyOf(strings.Split(path[1:], "/"))
		rows, _ := table[key].([]any)
		table[key] = append(rows, map[string]any{"path": path, "application": path, "access": "account"})
	}
	return map[string]any{"custom": map[string]any{"routes": table}}
}

func tied(t *testing.T, a, b string) bool {
	t.Helper()
	var check tables
	rows := check.rows(tableOf(a, b), customRoot)
	if len(check.findings) > 0 {
		t.Fatal(check.findings)
	}
	check.ties(rows)
	return len(check.findings) > 0
}

// undecided asks the policies' own library about each request.
func undecided(t *testing.T, compiler *ast.Compiler, a, b string) bool {
	t.Helper()
	data := tableOf(a, b)
	data["gatehouse"] = map[string]any{"routes": map[string]any{}, "methods": map[string]any{"GET": "read", "WEBSOCKET": "connect"}}
	store := inmem.NewFromObject(data)
	query, err := rego.New(rego.Query("row := data.gatehouse.lib.route.row"), rego.Compiler(compiler), rego.Store(store)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conflict := false
	for _, request := range requests {
		path := []any{}
		if request != "" {
			for _, segment := range strings.Split(request, "/") {
				path = append(path, segment)
			}
		}
		input := map[string]any{"request": map[string]any{"path": path, "host": "hub.example.org", "method": "GET"}}
		if _, err := query.Eval(t.Context(), rego.EvalInput(input)); err != nil {
			conflict = true
		}
	}
	return conflict
}
