package plan

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// HiddenClocks are the builtins that look at the clock without being declared
// nondeterministic: their result may differ the next time all the same.
var HiddenClocks = map[string]bool{
	ast.CryptoX509ParseAndVerifyCertificates.Name:            true,
	ast.CryptoX509ParseAndVerifyCertificatesWithOptions.Name: true,
}

// builtinCall is the call of a builtin at one place.
type builtinCall struct {
	name     string
	run      topdown.BuiltinFunc
	operands []operand
	target   int
	place    *ast.Location
	varies   bool
	relation bool // gives several values, one after the other
}

// repeatable says whether a builtin does nothing but give a value, which is the same
// if it is called again in the same evaluation: one that is given up is made again
// by the interpreter.
func repeatable(b *ast.Builtin) bool {
	switch {
	case b == nil || b.Decl.Result() == nil:
		return false
	case b.Name == ast.NowNanos.Name:
		return true
	}
	return !b.Nondeterministic && b.Name != ast.Trace.Name
}

func (c *compiler) builtin(s *ir.CallStmt) stmt {
	declared, run := ast.BuiltinMap[s.Func], topdown.GetBuiltin(s.Func)
	if run == nil || !repeatable(declared) {
		c.unsupported("builtin %s", s.Func)
		return nil
	}
	b := &builtinCall{
		name:     s.Func,
		run:      run,
		target:   int(s.Result),
		place:    c.place(&s.Location),
		varies:   declared.Nondeterministic || HiddenClocks[s.Func],
		relation: declared.Relation,
	}
	for _, a := range s.Args {
		b.operands = append(b.operands, c.operand(a))
	}
	if s.Func == ast.Member.Name {
		return b.member()
	}
	if short := shortcuts[s.Func]; short != nil && len(s.Args) == declared.Decl.Arity() {
		return b.shortcut(short)
	}
	return b.call
}

func (b *builtinCall) call(m *machine, f frame) signal {
	operands, ok := b.read(m, f)
	if !ok {
		return m.missing()
	}
	return b.apply(m, f, operands)
}

// read gives the values of the operands, false where one has none.
func (b *builtinCall) read(m *machine, f frame) ([]*ast.Term, bool) {
	operands := m.operands[:0]
	for _, o := range b.operands {
		t := o.get(m, f)
		if t == nil {
			return nil, false
		}
		operands = append(operands, t)
	}
	return operands, true
}

func (b *builtinCall) apply(m *machine, f frame, operands []*ast.Term) signal {
	if b.varies {
		m.varies = true
		m.bctx.Time = m.clock()
	}
	m.bctx.Location = b.place
	if b.relation {
		return b.collect(m, f, operands)
	}
	m.given, m.output = 0, nil
	err := b.run(m.bctx, operands, m.take)
	switch {
	case err != nil:
		return m.leave("%s: %w", b.name, err)
	case m.given == 0:
		return undefined
	case m.given > 1:
		return m.leave("%s gave several values", b.name)
	}
	f[b.target] = m.output
	return next
}

// collect makes an array of all values that a relation gives.
func (b *builtinCall) collect(m *machine, f frame, operands []*ast.Term) signal {
	var all []*ast.Term
	err := b.run(m.bctx, operands, func(t *ast.Term) error {
		all = append(all, t)
		return nil
	})
	if err != nil {
		return m.leave("%s: %w", b.name, err)
	}
	f[b.target] = ast.ArrayTerm(all...)
	return next
}
