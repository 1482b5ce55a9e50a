package bundles

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A random pair of tables and random requests: the row that the policies find
// with prepared tables, the one that they find without, and the one that the
// gate's own ranks say must be the same.
func Test_a_request_falls_under_the_row_of_highest_rank_whether_tables_are_prepared_or_not(t *testing.T) {
	bundle := mustGate(t, sources(nil))
	random := rand.New(rand.NewPCG(1, 2))
	found := map[string]int{}
	for range 30 {
		data := randomTables(random, bundle.Data)
		stock := rowQuery(t, bundle.Compiler, data)
		if err := derive(t.Context(), bundle.Compiler, data); err != nil {
			t.Fatal(err)
		}
		prepared := rowQuery(t, bundle.Compiler, data)
		for range 60 {
			path, host := randomRequest(random)
			want := rowByRank(t, data, path, host)
			found[kindOf(want)]++
			if got := applicationOf(t, prepared, path, host); got != want {
				t.Fatalf("prepared: row of %q at %s is %s, want %s; tables %v", path, host, got, want, data)
			}
			if got := applicationOf(t, stock, path, host); got != want {
				t.Fatalf("stock: row of %q at %s is %s, want %s; tables %v", path, host, got, want, data)
			}
		}
	}
	for _, kind := range []string{"row", "none", "tie"} {
		if found[kind] < 40 {
			t.Errorf("%d requests of the kind %q, want at least 40: do the tables still vary?", found[kind], kind)
		}
	}
}

func Test_derived_tables_are_part_of_the_data_that_decides_alone(t *testing.T) {
	bundle := mustGate(t, sources(nil))
	derived, ok := lookup(bundle.Data, "gatehouse", "derived", "routes", "notebook")
	if rows, isList := derived.([]any); !ok || !isList || len(rows) != 1 {
		t.Errorf("rows of notebook are %v, want one", derived)
	}
	overlay := fstest.MapFS{"custom/ingress/own_test.rego": {Data: []byte(`package custom.ingress.own_test

import data.gatehouse.lib.route

test_tables_can_be_replaced if {
	row := {"path": "/mine/**", "application": "mine", "access": "account"}
	found := route.row with input as {"request": {"path": ["mine"], "host": "h"}} with data.custom.routes as {"mine": [row]}
	found == row
}
`)}}
	if got := mustGate(t, sources(overlay)).Report.Tests; got != 1 {
		t.Errorf("ran %d tests, want 1", got)
	}
}

func Test_tables_that_multiply_are_refused(t *testing.T) {
	table := map[string]any{}
	for i := range 400 {
		table[fmt.Sprint("k", i)] = []any{}
	}
	for _, tc := range []struct {
		everywhere int
		refused    bool
	}{{200, false}, {300, true}} {
		table[anyKey] = make([]any, tc.everywhere)
		data := map[string]any{customRoot: map[string]any{"routes": table}}
		err := derive(t.Context(), ast.NewCompiler(), data)
		if _, refused := errors.AsType[*RejectedError](err); refused != tc.refused {
			t.Errorf("%d rows under 401 keys: got error %v, want a refusal: %v", tc.everywhere, err, tc.refused)
		}
	}
}

func kindOf(application string) string {
	if application == "none" || application == "tie" {
		return application
	}
	return "row"
}

// randomTables is the shipped data with other tables; each row's application is
// its place.
func randomTables(random *rand.Rand, shipped map[string]any) map[string]any {
	gatehouse := map[string]any{"methods": shipped["gatehouse"].(map[string]any)["methods"]}
	data := map[string]any{"gatehouse": gatehouse, "custom": map[string]any{}}
	gatehouse["routes"] = randomTable(random, "default")
	if random.IntN(4) > 0 {
		data["custom"] = map[string]any{"routes": randomTable(random, "custom")}
	}
	return data
}

func randomTable(random *rand.Rand, name string) map[string]any {
	table := map[string]any{"**": []any{}}
	for i := range random.IntN(8) {
		path := randomTemplate(random)
		row := map[string]any{"path": path, "application": fmt.Sprintf("%s %d", name, i), "access": "account"}
		if random.IntN(3) == 0 {
			row["host"] = pick(random, "h", "g")
		}
		key := keyOf(strings.Split(path[1:], "/"))
		rows, _ := table[key].([]any)
		table[key] = append(rows, row)
	}
	return table
}

func randomTemplate(random *rand.Rand) string {
	var segments []string
	for i := range random.IntN(4) {
		segments = append(segments, pick(random, "a", "b", fmt.Sprintf("{x%d}", i)))
	}
	if random.IntN(2) == 0 {
		segments = append(segments, "**")
	} else if len(segments) == 0 || random.IntN(4) == 0 {
		segments = append(segments, "")
	}
	return "/" + strings.Join(segments, "/")
}

func randomRequest(random *rand.Rand) (path []string, host string) {
	path = []string{}
	for range random.IntN(5) {
		path = append(path, pick(random, "a", "a", "b", "c", "", "a/b", "{x0}"))
	}
	return path, pick(random, "h", "k")
}

func pick(random *rand.Rand, words ...string) string { return words[random.IntN(len(words))] }

// rowByRank is "none" where no row fits, "tie" where two share the highest rank.
func rowByRank(t *testing.T, data map[string]any, path []string, host string) string {
	t.Helper()
	var check tables
	rows := slices.Concat(check.rows(data, "gatehouse"), check.rows(data, customRoot))
	if len(check.findings) > 0 {
		t.Fatal(check.findings)
	}
	rows = slices.DeleteFunc(rows, func(r route) bool { return !fits(r, path, host) })
	if len(rows) == 0 {
		return "none"
	}
	slices.SortFunc(rows, func(a, b route) int { return b.rank().compare(a.rank()) })
	if len(rows) > 1 && rows[0].rank() == rows[1].rank() {
		return "tie"
	}
	return rows[0].fields["application"].(string)
}

func fits(r route, path []string, host string) bool {
	if len(path) == 0 {
		path = []string{""}
	}
	template, open := openEnd(r.segments)
	if r.host != "" && r.host != host || len(path) < len(template) || len(path) > len(template) && !open {
		return false
	}
	for i, segment := range template {
		if isParameter(segment) && path[i] == "" || !isParameter(segment) && path[i] != segment {
			return false
		}
	}
	return true
}

func rowQuery(t *testing.T, compiler *ast.Compiler, data map[string]any) rego.PreparedEvalQuery {
	t.Helper()
	query, err := rego.New(
		rego.Query("data.gatehouse.lib.route.row.application"),
		rego.Compiler(compiler),
		rego.Store(inmem.NewFromObject(maps.Clone(data))),
	).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return query
}

func applicationOf(t *testing.T, query rego.PreparedEvalQuery, path []string, host string) string {
	t.Helper()
	segments := make([]any, len(path))
	for i, segment := range path {
		segments[i] = segment
	}
	input := map[string]any{"request": map[string]any{"path": segments, "host": host, "method": "GET"}}
	results, err := query.Eval(context.Background(), rego.EvalInput(input))
	var failure *topdown.Error
	switch {
	case errors.As(err, &failure) && failure.Code == topdown.ConflictErr:
		return "tie"
	case err != nil:
		t.Fatal(err)
	case len(results) == 0:
		return "none"
	}
	return results[0].Expressions[0].Value.(string)
}
