package policies_test

import (
	"context"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const benchIdentity = `{
	"accounts": {
		"A": {"handle": "ada", "kind": "person", "state": "active", "roles": {}, "teams": {"T": "member", "U": "member"}, "organisations": {"O": "member"}},
		"B": {"handle": "bob", "kind": "person", "state": "active", "roles": {}, "teams": {}, "organisations": {}}
	},
	"namespaces": {"lab": {"owners": {"account:C": true}, "labels": {}, "bindings": {"team:U": {"role": "view"}, "account:B": {"role": "edit"}}}}
}`

// BenchmarkIngress_decision measures what the shipped policies cost by
// themselves, on OPA's own store, with everything prepared that can be: the
// routes tables too, as the server does.
func BenchmarkIngress_decision(b *testing.B) {
	for name, tc := range map[string]struct{ subject, path string }{
		"bound":             {`{"id": "B", "kind": "account", "groups": {}}`, `["notebook", "lab", "nb", "api", "contents"]`},
		"bound by a team":   {`{"id": "A", "kind": "account", "groups": {}}`, `["notebook", "lab", "nb", "api", "contents"]`},
		"own server":        {`{"id": "A", "kind": "account", "groups": {}}`, `["user", "ada", "lab", "api"]`},
		"one of many rows":  {`{"id": "A", "kind": "account", "groups": {}}`, `["hub", "home"]`},
		"anonymous, public": {`{"id": "", "kind": "anonymous", "groups": {}}`, `["hub", "static", "a.js"]`},
	} {
		input := ast.MustParseTerm(`{"subject": ` + tc.subject + `, "request": {"method": "GET", "scheme": "https", "host": "h", "path": ` + tc.path + `, "query": {}, "websocket": false, "headers": {}}}`)
		b.Run(name, func(b *testing.B) { benchDecision(b, input.Value) })
	}
}

func benchDecision(b *testing.B, input ast.Value) {
	ctx := context.Background()
	modules, data := load(b)
	for name := range modules {
		if strings.HasSuffix(name, "_test.rego") {
			delete(modules, name)
		}
	}
	data["identity"] = decode(b, "identity", []byte(benchIdentity))
	compiler := ast.NewCompiler()
	if compiler.Compile(modules); compiler.Failed() {
		b.Fatal(compiler.Errors)
	}
	prepareRoutes(b, compiler, data)
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Abort(ctx, txn)
	query, err := rego.New(rego.Query("decision = data.gatehouse.ingress.decision"), rego.Compiler(compiler), rego.Store(store), rego.Transaction(txn)).PrepareForEval(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		results, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTransaction(txn), rego.EvalMetrics(metrics.NoOp()), rego.EvalExternalCancel(topdown.NewCancel()))
		if err != nil || len(results) != 1 {
			b.Fatal(results, err)
		}
	}
}

func prepareRoutes(b *testing.B, compiler *ast.Compiler, data map[string]any) {
	results, err := rego.New(rego.Query("data.gatehouse.lib.route.table"), rego.Compiler(compiler), rego.Store(inmem.NewFromObject(data))).Eval(b.Context())
	if err != nil || len(results) != 1 {
		b.Fatal(results, err)
	}
	data["gatehouse"].(map[string]any)["derived"] = map[string]any{"routes": results[0].Expressions[0].Value}
}
