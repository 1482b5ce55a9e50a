package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// outcome is what an evaluation found.
type outcome struct {
	value ast.Value // of the entry point; nil = undefined
	// failed is a builtin's error; it made the rule that called it undefined.
	failed error
	// varies says that a builtin was called whose result may differ the next time:
	// the clock, mostly.
	varies bool
}

// evaluator finds the value of one entry point. Whoever implements it reads data
// through the transaction only, and ends soon after cancel says so.
type evaluator interface {
	eval(ctx context.Context, t *transaction, input ast.Value, now time.Time, cancel topdown.Cancel) (outcome, error)
}

// evaluate bounds an evaluation by the deadline and by ctx, and survives a panic
// in it.
func (e *Engine) evaluate(ctx context.Context, q *question, t *transaction, input Value, now time.Time) (found outcome, err error) {
	cancel := t.canceller(ctx, e.deadline)
	defer func() {
		if p := recover(); p != nil {
			found, err, t.spoiled = outcome{}, &panicError{p}, true
		}
		if !cancel.timer.Stop() {
			// It may say so later yet, and end what the transaction is used for next.
			t.spoiled = true
		}
	}()
	return q.by.eval(ctx, t, q.input.see(input).Value, now, cancel)
}

// canceller ends an evaluation whose time is up, or whose context is done. It is
// asked again and again, so it asks the context itself rather than be told.
type canceller struct {
	ctx   context.Context
	timer *time.Timer
	late  atomic.Bool
}

// Cancel implements topdown.Cancel.
func (c *canceller) Cancel() { c.late.Store(true) }

// Cancelled implements topdown.Cancel.
func (c *canceller) Cancelled() bool { return c.late.Load() || c.ctx.Err() != nil }

// canceller starts the time of an evaluation.
func (t *transaction) canceller(ctx context.Context, deadline time.Duration) *canceller {
	c := &t.cancel
	c.ctx = ctx
	if c.timer == nil {
		c.timer = time.AfterFunc(deadline, c.Cancel)
	} else {
		c.timer.Reset(deadline)
	}
	return c
}

// prepared evaluates with OPA's own interpreter.
type prepared struct{ query rego.PreparedEvalQuery }

var errMultipleResults = errors.New("the entry point has several values")

// eval asks without rule indexes where they asked for too much: for some rules
// about data.identity.collection[key] OPA's index wants to look at all of
// data.identity, which the rules themselves never do.
func (p prepared) eval(ctx context.Context, t *transaction, input ast.Value, now time.Time, cancel topdown.Cancel) (outcome, error) {
	found, err := p.run(ctx, t, input, now, cancel, true)
	if errors.Is(err, errWholeIdentity) {
		return p.run(ctx, t, input, now, cancel, false)
	}
	return found, err
}

func (p prepared) run(ctx context.Context, t *transaction, input ast.Value, now time.Time, cancel topdown.Cancel, indexed bool) (outcome, error) {
	var failed []topdown.Error
	varied := builtins.NDBCache{}
	results, err := p.query.Eval(ctx,
		rego.EvalParsedInput(input),
		rego.EvalTransaction(t),
		rego.EvalExternalCancel(cancel),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalTime(now),
		rego.EvalBuiltinErrorList(&failed),
		rego.EvalNDBuiltinCache(varied),
		rego.EvalRuleIndexing(indexed),
	)
	if err != nil {
		return outcome{}, err
	}
	found := outcome{varies: len(varied) > 0}
	if len(failed) > 0 {
		found.failed = &failed[0]
	}
	switch {
	case len(results) == 0:
		return found, nil
	case len(results) > 1 || len(results[0].Expressions) != 1:
		return outcome{}, errMultipleResults
	}
	if term, ok := results[0].Expressions[0].Value.(*ast.Term); ok && term != nil {
		found.value = term.Value
	}
	return found, nil
}

// panicError is what a panic inside an evaluation becomes.
type panicError struct{ value any }

func (e *panicError) Error() string {
	if err, ok := e.value.(error); ok {
		return "panic during evaluation: " + err.Error()
	}
	if s, ok := e.value.(string); ok {
		return "panic during evaluation: " + s
	}
	return "panic during evaluation"
}

func reasonOf(err error) string {
	if errors.Is(err, errMultipleResults) {
		return ReasonMultipleResults
	}
	var evaluation *topdown.Error
	if errors.As(err, &evaluation) {
		switch evaluation.Code {
		case topdown.CancelErr:
			return ReasonTimeout
		case topdown.ConflictErr:
			return ReasonMultipleResults
		}
	}
	return ReasonEvalError
}
