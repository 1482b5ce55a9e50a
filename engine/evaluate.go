package engine

import (
	"context"
	"errors"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
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
func (e *Engine) evaluate(ctx context.Context, by evaluator, t *transaction, input Value, now time.Time) (found outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			found, err = outcome{}, &panicError{p}
		}
	}()
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(e.deadline, cancel.Cancel)
	defer timer.Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	return by.eval(ctx, t, input.value(), now, cancel)
}

// prepared evaluates with OPA's own interpreter.
type prepared struct{ query rego.PreparedEvalQuery }

var errMultipleResults = errors.New("the entry point has several values")

func (p prepared) eval(ctx context.Context, t *transaction, input ast.Value, now time.Time, cancel topdown.Cancel) (outcome, error) {
	var failed []topdown.Error
	results, err := p.query.Eval(ctx,
		rego.EvalParsedInput(input),
		rego.EvalTransaction(t),
		rego.EvalExternalCancel(cancel),
		rego.EvalMetrics(metrics.NoOp()),
		rego.EvalTime(now),
		rego.EvalBuiltinErrorList(&failed),
	)
	if err != nil {
		return outcome{}, err
	}
	var found outcome
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
