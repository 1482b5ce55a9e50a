package bundles

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// derivedRoutes is the rule whose value the policies look for under
// data.gatehouse.derived.routes: the rows of both tables, prepared for matching.
const derivedRoutes = "data.gatehouse.lib.route.table"

// maxDerived bounds the prepared rows: those whose template begins with a
// parameter or is /** stand under every key.
const maxDerived = 100_000

// derive works out once per revision what would be worked out anew for every
// request. The policies say the same without it, only slower, so the stock opa
// and the tests of an operator, which may replace tables, do not need it.
func derive(ctx context.Context, compiler *ast.Compiler, data map[string]any) error {
	if n := derivedRows(data); n > maxDerived {
		return reject(StageRoutes, []Finding{{Text: fmt.Sprintf("the routes tables come to %d rows to try, more than %d: have fewer rows under the key %q", n, maxDerived, anyKey)}})
	}
	results, err := rego.New(
		rego.Query(derivedRoutes),
		rego.Compiler(compiler),
		rego.Store(inmem.NewFromObject(data)),
		rego.StrictBuiltinErrors(true),
	).Eval(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("prepare the routes tables: %w", ctx.Err())
	}
	if err != nil {
		return reject(StageRoutes, []Finding{{Text: "the routes tables cannot be prepared: " + err.Error()}})
	}
	gatehouse, ok := data["gatehouse"].(map[string]any)
	if len(results) == 1 && ok {
		gatehouse["derived"] = map[string]any{"routes": results[0].Expressions[0].Value}
	}
	return nil
}

// derivedRows is an upper bound of how many rows derive makes.
func derivedRows(data map[string]any) int {
	keys, rows, everywhere := 1, 0, 0
	for _, root := range []string{"gatehouse", customRoot} {
		value, _ := lookup(data, root, "routes")
		table, _ := value.(map[string]any)
		keys += len(table)
		for key, value := range table {
			list, _ := value.([]any)
			rows += len(list)
			if key == anyKey {
				everywhere += len(list)
			}
		}
	}
	return rows + keys*everywhere
}
