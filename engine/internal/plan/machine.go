package plan

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// seed is what builtins draw from, as with the interpreter.
var seed io.Reader = rand.Reader

// frame holds the locals of one function while it runs; nil is undefined.
type frame []*ast.Term

// The locals that every function has.
const (
	slotInput = 0
	slotData  = 1
)

// machine is the state of one evaluation.
type machine struct {
	root      string
	input     *ast.Term // nil is undefined
	policy    ast.Object
	directory Data
	now       time.Time
	cancel    topdown.Cancel

	memo  []memo
	paths []*ast.Term // what is at the paths that the program names; nil is unknown
	stack []*ast.Term
	top   int // of the stack
	high  int // how much of it was used
	ticks int

	result  *ast.Term // of the function that has just returned
	results []*ast.Term
	err     error
	varies  bool

	bctx     topdown.BuiltinContext
	operands [4]*ast.Term
	output   *ast.Term // of a builtin, and how many there were
	given    int
	take     func(*ast.Term) error
}

// memo is the value of a rule, which is worked out once in an evaluation.
type memo struct {
	known bool
	term  *ast.Term
}

// enter makes a frame for a function. Whoever calls it sets top back.
func (m *machine) enter(locals int) frame {
	from := m.top
	m.top += locals
	if m.top > len(m.stack) {
		// Frames that are in use keep what they have.
		m.stack = make([]*ast.Term, max(256, 2*m.top))
		m.high = 0
	}
	m.high = max(m.high, m.top)
	f := frame(m.stack[from:m.top:m.top])
	clear(f)
	f[slotInput], f[slotData] = m.input, dataTerm
	return f
}

// leave gives up the evaluation.
func (m *machine) leave(format string, arguments ...any) signal {
	if m.err == nil {
		m.err = fmt.Errorf("%w: "+format, append([]any{ErrLeft}, arguments...)...)
	}
	return stop
}

var errUndefinedOperand = errors.New("an operand is undefined")

// missing gives up because of an operand that has no value.
func (m *machine) missing() signal {
	if m.err == nil {
		m.err = fmt.Errorf("%w: %w", ErrLeft, errUndefinedOperand)
	}
	return stop
}

const (
	// ticksPerLook is how many calls and rounds of iterations go by between two looks
	// at cancel.
	ticksPerLook = 32
	// mostTicks bounds them all. Where a key is known the interpreter may look up
	// what a program iterates over; it is asked before much time is lost.
	mostTicks = 4096
)

// over says whether the evaluation has to end.
func (m *machine) over() bool {
	m.ticks++
	if m.ticks%ticksPerLook == 0 {
		switch {
		case m.err != nil:
		case m.cancel != nil && m.cancel.Cancelled():
			m.err = &topdown.Error{Code: topdown.CancelErr, Message: "caller cancelled query execution"}
		case m.ticks > mostTicks:
			m.leave("it takes long")
		}
	}
	return m.err != nil
}
