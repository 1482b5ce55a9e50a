// Package plan evaluates what OPA's own compiler and planner make of a query: the
// statements of its intermediate representation, turned into Go closures once and
// run for every question. The values are OPA's, the builtins are OPA's; what is
// saved is interpreting the syntax tree anew each time.
//
// It owns which plans it can run and how. It answers only where its answer is
// beyond doubt the interpreter's: a plan with a statement whose meaning differs
// from the interpreter's in some case is refused when it is compiled, and a run
// that meets anything out of the ordinary (a builtin's error, a conflict, two
// readings of a key) is given up with ErrLeft. Whoever asks then asks OPA's
// interpreter, so errors and all that is rare are OPA's own. It owns no data:
// package engine, above it, hands in the pinned documents and the deadline.
package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

var (
	// ErrUnsupported is returned for a query that cannot be run here.
	ErrUnsupported = errors.New("plan: unsupported")
	// ErrLeft is returned by Eval where the interpreter has to be asked. Nothing
	// is known then but what was read.
	ErrLeft = errors.New("plan: left to the interpreter")
)

// Data gives the documents under one root of data, which are too many to be a
// value: each is read when a policy asks for it. What wants all documents of a
// collection is left to the interpreter, which may find that it wants only one.
type Data interface {
	// Document is the document of the key, nil where there is none. It may be a
	// *terms.Lazy, of which then only the members that are asked for are made.
	Document(collection, key string) ast.Value
}

// Question is what one evaluation is about.
type Question struct {
	// Input is nil where it is undefined.
	Input ast.Value
	// Policy is everything under data but the root that Directory stands for.
	Policy ast.Object
	// Directory stands for the root; nil where there is none.
	Directory Data
	// Now is the clock of the builtins.
	Now time.Time
	// Cancel ends the evaluation.
	Cancel topdown.Cancel
}

// Program is a query that is ready to be run. It is safe for concurrent use.
type Program struct {
	root         string
	query        []block
	locals       int
	functions    int // whose values are remembered during an evaluation
	paths        int // likewise
	capabilities *ast.Capabilities
	machines     sync.Pool
}

// Outcome is what an evaluation found.
type Outcome struct {
	// Results are the query's values, or the objects of its variables; nil means
	// undefined.
	Results []*ast.Term
	// Varies says that a builtin was called whose result may differ the next time.
	Varies bool
}

// Eval answers a question. The errors are ErrLeft, with the reason, and the
// *topdown.Error of a cancelled evaluation.
func (p *Program) Eval(ctx context.Context, q Question) (Outcome, error) {
	m := p.machine(ctx, q)
	defer p.release(m)
	return m.evaluate(p)
}

func (m *machine) evaluate(p *Program) (found Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			// The interpreter shall decide, and panic if it must.
			found, err = Outcome{}, fmt.Errorf("%w: panic: %v", ErrLeft, r)
		}
	}()
	frame := m.enter(p.locals)
	for _, b := range p.query {
		if b.run(m, frame) == stop {
			break
		}
	}
	if m.err != nil {
		return Outcome{}, m.err
	}
	return Outcome{Results: m.results, Varies: m.varies}, nil
}

func (p *Program) machine(ctx context.Context, q Question) *machine {
	m, _ := p.machines.Get().(*machine)
	if m == nil {
		m = &machine{root: p.root, memo: make([]memo, p.functions), paths: make([]*ast.Term, p.paths)}
		m.take = func(t *ast.Term) error {
			m.given++
			m.output = t
			return nil
		}
	}
	m.policy, m.directory, m.now, m.cancel = q.Policy, q.Directory, q.Now, q.Cancel
	m.bctx = topdown.BuiltinContext{
		Context:      ctx,
		Metrics:      metrics.NoOp(),
		Seed:         seed,
		Cancel:       q.Cancel,
		Capabilities: p.capabilities,
	}
	if q.Input != nil {
		m.input = ast.NewTerm(q.Input)
	}
	return m
}

// release lets go of everything that the evaluation saw.
func (p *Program) release(m *machine) {
	clear(m.memo)
	clear(m.paths)
	clear(m.stack[:m.high])
	*m = machine{root: m.root, memo: m.memo, paths: m.paths, stack: m.stack, take: m.take}
	p.machines.Put(m)
}

// clock is the time as builtins are given it.
func (m *machine) clock() *ast.Term {
	return ast.NumberTerm(json.Number(strconv.FormatInt(m.now.UnixNano(), 10)))
}
