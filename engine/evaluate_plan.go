package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/gatehouse-authz/gatehouse/engine/internal/plan"
)

// compiled evaluates with a program where one could be made of the entry point,
// and has OPA's interpreter decide whatever the program leaves to it.
type compiled struct {
	program     *plan.Program
	interpreter prepared
	// left counts the questions that the program left since it last answered one,
	// asked all that came since.
	left, asked atomic.Uint32
}

const (
	// A program that leaves so many questions one after the other is asked only now
	// and then: it costs time and decides nothing.
	manyLeft = 16
	retry    = 64
)

// newEvaluator makes what evaluates the entry point ref. Policies that no program
// can be made of are interpreted: they decide the same, only slower.
func newEvaluator(ctx context.Context, compiler *ast.Compiler, ref ast.Ref) (evaluator, error) {
	query, err := prepare(ctx, compiler, ref)
	if err != nil {
		return nil, err
	}
	program, err := plan.Compile(ctx, plan.Query{
		Compiler:    compiler,
		Body:        ast.NewBody(ast.NewExpr(ast.NewTerm(ref))),
		Root:        identityRoot,
		Store:       store{},
		Transaction: &transaction{},
	})
	if errors.Is(err, plan.ErrUnsupported) {
		return prepared{query}, nil
	}
	if err != nil {
		return nil, err
	}
	return &compiled{program: program, interpreter: prepared{query}}, nil
}

func (c *compiled) eval(ctx context.Context, t *transaction, input ast.Value, now time.Time, cancel topdown.Cancel) (outcome, error) {
	if c.left.Load() >= manyLeft && c.asked.Add(1)%retry != 0 {
		return c.interpreter.eval(ctx, t, input, now, cancel)
	}
	found, err := c.program.Eval(ctx, t.posed(input, now, cancel))
	switch {
	case errors.Is(err, plan.ErrLeft) || len(found.Results) > 1:
		c.left.Add(1)
		return c.interpreter.eval(ctx, t, input, now, cancel)
	case err != nil:
		return outcome{}, err
	}
	if c.left.Load() != 0 {
		c.left.Store(0)
	}
	if len(found.Results) == 0 {
		return outcome{varies: found.Varies}, nil
	}
	return outcome{value: found.Results[0].Value, varies: found.Varies}, nil
}

func (t *transaction) posed(input ast.Value, now time.Time, cancel topdown.Cancel) plan.Question {
	q := plan.Question{Input: input, Now: now, Cancel: cancel}
	if t.policy != nil {
		q.Policy = t.policy.data
	}
	if t.data != nil {
		q.Directory = directory{t}
	}
	return q
}

// directory gives a program what a transaction reads.
type directory struct{ *transaction }

// Document implements plan.Data.
func (d directory) Document(collection, key string) ast.Value { return d.open(collection, key) }
