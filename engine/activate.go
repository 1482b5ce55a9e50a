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
	revision  string
	questions map[string]*question
	data      ast.Object
	memo      *memo // nil where nothing is remembered
}

// question is one entry point of a policy.
type question struct {
	by evaluator
	// number tells the questions of a policy apart in the memo.
	number uint64
	// input is what the policy can read of what it is asked about. It is shown
	// nothing else, so that what is left out of the memo's keys cannot matter.
	input field
	// remembered says that answers may be given again while nothing has changed.
	remembered bool
}

// Activate makes a compiled policy the one that decides. Its questions are the
// rules whose metadata says `entrypoint: true`; each is prepared before
// anything changes, so that an error leaves the previous policy in place. data
// is everything under `data` but identity, which only the directory provides.
func (e *Engine) Activate(ctx context.Context, revision string, compiler *ast.Compiler, data map[string]any) error {
	p, err := e.newPolicy(ctx, revision, compiler, data)
	if err != nil {
		return fmt.Errorf("activate policy %q: %w", revision, err)
	}
	e.write.Lock()
	defer e.write.Unlock()
	e.swap(func(s *state) { s.policy = p })
	return nil
}

func (e *Engine) newPolicy(ctx context.Context, revision string, compiler *ast.Compiler, data map[string]any) (*policy, error) {
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
	p := &policy{revision: revision, questions: map[string]*question{}, data: object, memo: newMemo(e.memo)}
	for number, ref := range entrypointRefs(compiler) {
		by, err := e.newEvaluator(ctx, compiler, ref)
		if err != nil {
			return nil, fmt.Errorf("prepare %v: %w", ref, err)
		}
		p.questions[entrypointName(ref)] = e.newQuestion(by, reachOf(compiler, ref), uint64(number), p.memo)
	}
	if len(p.questions) == 0 {
		return nil, errors.New("no rule is marked as an entrypoint")
	}
	return p, nil
}

func (e *Engine) newQuestion(by evaluator, r *reach, number uint64, m *memo) *question {
	q := &question{by: by, number: number, input: r.input, remembered: m != nil && !r.varies && !r.rewrites}
	if e.interpret {
		q.input = field{whole: true}
	}
	return q
}

func (e *Engine) newEvaluator(ctx context.Context, compiler *ast.Compiler, ref ast.Ref) (evaluator, error) {
	if !e.interpret {
		return newEvaluator(ctx, compiler, ref)
	}
	query, err := prepare(ctx, compiler, ref)
	return prepared{query}, err
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
