package bundles

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// How long a folder's tests may take, each and together.
const (
	testTimeout  = 2 * time.Second
	testsTimeout = 20 * time.Second
)

// runTests runs the folder's own tests over the defaults, the folder and their
// data, and returns how many passed. The defaults' tests are not run again:
// they hold for the defaults alone, and an operator's denial is meant to change
// what the defaults decide.
func runTests(ctx context.Context, modules, tests map[string]*ast.Module, data map[string]any) (int, error) {
	if len(tests) == 0 {
		return 0, nil
	}
	all := maps.Clone(modules)
	maps.Copy(all, tests)
	store := inmem.NewFromObjectWithOpts(copyObject(data), inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return 0, fmt.Errorf("run policy tests: %w", err)
	}
	defer store.Abort(ctx, txn)
	ctx, cancel := context.WithTimeout(ctx, testsTimeout)
	defer cancel()
	return collect(ctx, all, tests, store, txn, data)
}

func collect(ctx context.Context, all, tests map[string]*ast.Module, store storage.Store, txn storage.Transaction, data map[string]any) (int, error) {
	results, err := tester.NewRunner().
		SetCompiler(newCompiler(data).WithEnablePrintStatements(true)).
		SetModules(all).
		SetStore(store).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(true).
		SetTimeout(testTimeout).
		RunTests(ctx, txn)
	if err != nil {
		return 0, reject(StageCompile, findingsOf("", err))
	}
	passed := 0
	var findings []Finding
	for {
		select {
		case result, more := <-results:
			switch {
			case !more && ctx.Err() != nil:
				findings = append(findings, Finding{Text: "the tests did not end: " + ctx.Err().Error()})
				return passed, reject(StageTests, findings)
			case !more:
				return passed, reject(StageTests, findings)
			case result.Pass():
				passed++
			case result.Skip:
			default:
				findings = append(findings, failure(result))
			}
		case <-ctx.Done():
			go drain(results) // a builtin that does not heed the end holds its goroutine
			findings = append(findings, Finding{Text: "the tests did not end: " + ctx.Err().Error()})
			return passed, reject(StageTests, findings)
		}
	}
}

func drain(results <-chan *tester.Result) {
	for range results {
	}
}

func failure(r *tester.Result) Finding {
	name := strings.TrimPrefix(r.Package, "data.") + "." + r.Name
	why := "failed"
	switch {
	case r.Error != nil:
		why = r.Error.Error()
	case r.FailedAt != nil && r.FailedAt.Location != nil:
		why = fmt.Sprintf("failed at row %d", r.FailedAt.Location.Row)
	}
	f := at(r.Location, "%s: %s", name, why)
	if out := strings.TrimSpace(string(r.Output)); out != "" {
		f.Text += "\n\t" + strings.ReplaceAll(out, "\n", "\n\t")
	}
	return f
}
