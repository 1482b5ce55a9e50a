package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
)

var (
	errNoPolicy = fmt.Errorf("%w: no policy is active", ErrNotReady)
	errNoData   = fmt.Errorf("%w: the directory's data was not delivered yet", ErrNotReady)
)

// policy is one activated policy revision: its questions, prepared, and the
// data that came with it.
type policy struct {
	revision    string
	entrypoints map[string]evaluator
	data        ast.Object
}

// Activate makes a compiled policy the one that decides. Its questions are the
// rules whose metadata says `entrypoint: true`; each is prepared before
// anything changes, so that an error leaves the previous policy in place. data
// is everything under `data` but identity, which only the directory provides.
func (e *Engine) Activate(ctx context.Context, revision string, compiler *ast.Compiler, data map[string]any) error {
	p, err := newPolicy(ctx, revision, compiler, data)
	if err != nil {
		return fmt.Errorf("activate policy %q: %w", revision, err)
	}
	e.write.Lock()
	defer e.write.Unlock()
	e.swap(func(s *state) { s.policy = p })
	return nil
}

func newPolicy(ctx context.Context, revision string, compiler *ast.Compiler, data map[string]any) (*policy, error) {
	if revision == "" {
		return nil, errors.New("the revision is empty")
	}
	if compiler.Failed() {
		return nil, compiler.Errors
	}
	if _, taken := data[identityRoot]; taken {
		return nil, errors.New("policy data may not contain identity")
	}
	object, err := objectOf(data)
	if err != nil {
		return nil, err
	}
	p := &policy{revision: revision, entrypoints: map[string]evaluator{}, data: object}
	for _, ref := range entrypointRefs(compiler) {
		query, err := prepare(ctx, compiler, ref)
		if err != nil {
			return nil, fmt.Errorf("prepare %v: %w", ref, err)
		}
		p.entrypoints[entrypointName(ref)] = prepared{query}
	}
	if len(p.entrypoints) == 0 {
		return nil, errors.New("no rule is marked as an entrypoint")
	}
	return p, nil
}

// objectOf converts policy data once; evaluations then share it.
func objectOf(data map[string]any) (ast.Object, error) {
	value, err := ast.InterfaceToValue(maps.Clone(data))
	if err != nil {
		return nil, fmt.Errorf("policy data: %w", err)
	}
	if object, ok := value.(ast.Object); ok {
		return object, nil
	}
	return ast.NewObject(), nil
}

func entrypointRefs(compiler *ast.Compiler) []ast.Ref {
	annotations := compiler.GetAnnotationSet()
	if annotations == nil {
		return nil
	}
	var refs []ast.Ref
	for _, a := range annotations.Flatten() {
		if a.Annotations != nil && a.Annotations.Entrypoint {
			refs = append(refs, a.Path)
		}
	}
	return refs
}

// entrypointName is how callers name data.gatehouse.ingress.decision:
// gatehouse/ingress/decision. Names are only ever compared with this list,
// never turned into a query.
func entrypointName(ref ast.Ref) string {
	parts := make([]string, 0, len(ref))
	for _, term := range ref[1:] {
		if s, ok := term.Value.(ast.String); ok {
			parts = append(parts, string(s))
		}
	}
	return strings.Join(parts, "/")
}

func prepare(ctx context.Context, compiler *ast.Compiler, ref ast.Ref) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))),
		rego.Compiler(compiler),
		rego.Store(store{}),
		rego.Transaction(&transaction{}),
		rego.Target("rego"),
		rego.Metrics(metrics.NoOp()),
		rego.GenerateJSON(keepTerm),
	).PrepareForEval(ctx)
}

// keepTerm spares the conversion of a result to Go values: the decision is read
// from the term.
func keepTerm(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil }
