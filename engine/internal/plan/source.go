package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
)

// target is the name under which OPA knows this package as a way to evaluate.
const target = "gatehouse"

// OPA keeps its plugins in a map that is not guarded against those who read it, so
// ours is there before anybody prepares a query.
func init() { rego.RegisterPlugin(target, plugin{}) }

// planned is where the plugin puts the plan of a query that is being prepared.
type planned struct{}

// plugin is registered with OPA for one thing: OPA plans queries only for targets
// that it does not know itself, and hands them the plan.
type plugin struct{}

// IsTarget implements rego.TargetPlugin.
func (plugin) IsTarget(name string) bool { return name == target }

// PrepareForEval implements rego.TargetPlugin.
func (plugin) PrepareForEval(ctx context.Context, policy *ir.Policy, _ ...rego.PrepareOption) (rego.TargetPluginEval, error) {
	if place, ok := ctx.Value(planned{}).(**ir.Policy); ok {
		*place = policy
	}
	return plugin{}, nil
}

// Eval implements rego.TargetPluginEval.
func (plugin) Eval(context.Context, *rego.EvalContext, ast.Value) (ast.Value, error) {
	return nil, errors.New("plans are not evaluated through the rego package")
}

// policyOf has OPA plan the query.
func policyOf(ctx context.Context, compiler *ast.Compiler, query ast.Body, store storage.Store, txn storage.Transaction) (policy *ir.Policy, err error) {
	defer func() {
		if r := recover(); r != nil {
			policy, err = nil, fmt.Errorf("%w: panic: %v", ErrUnsupported, r)
		}
	}()
	// Preparing for a plugin changes a setting of the compiler, which others use.
	own := *compiler
	_, err = rego.New(
		rego.ParsedQuery(query),
		rego.Compiler(&own),
		rego.Store(store),
		rego.Transaction(txn),
		rego.Target(target),
		rego.Metrics(metrics.NoOp()),
	).PrepareForEval(context.WithValue(ctx, planned{}, &policy))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if policy == nil {
		return nil, fmt.Errorf("%w: no plan was made", ErrUnsupported)
	}
	return policy, nil
}
