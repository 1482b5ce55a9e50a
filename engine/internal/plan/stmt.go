package plan

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// stmt compiles one statement.
func (c *compiler) stmt(s ir.Stmt) stmt {
	switch s := s.(type) {
	case *ir.BlockStmt:
		return c.nest(s)
	case *ir.BreakStmt:
		leaves := signal(s.Index) + 1
		return func(*machine, frame) signal { return leaves }
	case *ir.ScanStmt:
		return c.scan(s)
	case *ir.NotStmt:
		return c.not(s)
	case *ir.CallStmt:
		return c.call(s)
	case *ir.CallDynamicStmt:
		return c.callDynamic(s)
	case *ir.DotStmt:
		return c.dot(s)
	case *ir.EqualStmt:
		return c.equal(s.A, s.B)
	case *ir.NotEqualStmt:
		return c.notEqual(s.A, s.B)
	case *ir.ReturnLocalStmt:
		return c.returns(c.local(s.Source))
	case *ir.ResultSetAddStmt:
		return c.addResult(c.local(s.Value))
	case *ir.NopStmt:
		return func(*machine, frame) signal { return next }
	case *ir.WithStmt:
		c.unsupported("with")
		return nil
	}
	if compiled := c.test(s); compiled != nil {
		return compiled
	}
	if compiled := c.assign(s); compiled != nil {
		return compiled
	}
	if compiled := c.build(s); compiled != nil {
		return compiled
	}
	c.unsupported("statement %T", s)
	return nil
}

// nest compiles blocks that run one after the other, whatever becomes of each.
func (c *compiler) nest(s *ir.BlockStmt) stmt {
	blocks := make([]block, 0, len(s.Blocks))
	for _, b := range s.Blocks {
		blocks = append(blocks, c.block(b))
	}
	return inOrder(blocks)
}

func inOrder(blocks []block) stmt {
	if len(blocks) == 1 {
		only := blocks[0]
		return func(m *machine, f frame) signal { return outside(only.run(m, f)) }
	}
	return func(m *machine, f frame) signal {
		for _, b := range blocks {
			if r := outside(b.run(m, f)); r != next {
				return r
			}
		}
		return next
	}
}

// outside is what the end of a block means to the block around it.
func outside(r signal) signal {
	if r <= undefined && r != stop {
		return next
	}
	if r == stop {
		return stop
	}
	return r - 1
}

// not compiles a negation, which holds if its block does not reach its end.
func (c *compiler) not(s *ir.NotStmt) stmt {
	if why := doubtful(s); why != "" {
		c.unsupported("not: %s", why)
	}
	inner := c.block(s.Block)
	return func(m *machine, f frame) signal {
		switch r := inner.run(m, f); r {
		case next:
			return undefined
		case undefined:
			return next
		case stop:
			return stop
		default:
			return r - 1
		}
	}
}

// doubtful says why reaching the end of a negation's block may not be what makes
// the negated expression true. The planner puts what follows an iteration inside
// of it; a negation of one ends whether there was a solution or not.
func doubtful(s *ir.NotStmt) string {
	stmts := s.Block.Stmts
	if len(stmts) == 0 {
		return "nothing is negated"
	}
	if _, ok := stmts[len(stmts)-1].(*ir.IsDefinedStmt); ok {
		return "a body is negated"
	}
	why := ""
	for _, stmt := range stmts {
		if _, ok := stmt.(*ir.ScanStmt); ok {
			why = "an iteration is negated"
		}
	}
	each([]*ir.Block{s.Block}, func(stmt ir.Stmt) {
		if _, ok := stmt.(*ir.CallDynamicStmt); ok {
			why = "a choice of rules is negated"
		}
	})
	return why
}

func (c *compiler) equal(left, right ir.Operand) stmt {
	a, b := c.operand(left), c.operand(right)
	return func(m *machine, f frame) signal {
		x, y := a.get(m, f), b.get(m, f)
		if x == nil || y == nil {
			return m.missing()
		}
		if equal(x, y) {
			return next
		}
		return undefined
	}
}

func (c *compiler) notEqual(left, right ir.Operand) stmt {
	if right.Value == ir.Val(ir.Bool(false)) {
		return c.notFalse(c.operand(left))
	}
	a, b := c.operand(left), c.operand(right)
	return func(m *machine, f frame) signal {
		x, y := a.get(m, f), b.get(m, f)
		if x == nil || y == nil {
			return m.missing()
		}
		if equal(x, y) {
			return undefined
		}
		return next
	}
}

// notFalse is what an expression has to be to hold.
func (c *compiler) notFalse(a operand) stmt {
	return func(m *machine, f frame) signal {
		x := a.step(m, f)
		if x == nil {
			return m.missing()
		}
		if b, ok := x.Value.(ast.Boolean); ok && !bool(b) {
			return undefined
		}
		return next
	}
}

func (c *compiler) returns(a operand) stmt {
	return func(m *machine, f frame) signal {
		m.result = a.step(m, f)
		return stop
	}
}

func (c *compiler) addResult(a operand) stmt {
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil {
			return m.missing()
		}
		m.results = append(m.results, t)
		return next
	}
}

// test compiles the statements that only look at a local.
func (c *compiler) test(s ir.Stmt) stmt {
	switch s := s.(type) {
	case *ir.IsDefinedStmt:
		return defined(int(s.Source), true)
	case *ir.IsUndefinedStmt:
		return defined(int(s.Source), false)
	case *ir.IsArrayStmt:
		return c.is(s.Source, func(v ast.Value) bool { _, ok := v.(*ast.Array); return ok })
	case *ir.IsObjectStmt:
		return c.is(s.Source, func(v ast.Value) bool { _, ok := v.(ast.Object); return ok })
	case *ir.IsSetStmt:
		return c.is(s.Source, func(v ast.Value) bool { _, ok := v.(ast.Set); return ok })
	}
	return nil
}

func defined(slot int, want bool) stmt {
	return func(_ *machine, f frame) signal {
		if (f[slot] != nil) == want {
			return next
		}
		return undefined
	}
}

func (c *compiler) is(source ir.Operand, kind func(ast.Value) bool) stmt {
	a := c.operand(source)
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil {
			return m.missing()
		}
		if kind(t.Value) {
			return next
		}
		return undefined
	}
}

// assign compiles the statements that give a local a value.
func (c *compiler) assign(s ir.Stmt) stmt {
	switch s := s.(type) {
	case *ir.AssignVarStmt:
		return c.assignVar(c.operand(s.Source), int(s.Target))
	case *ir.AssignVarOnceStmt:
		return c.assignOnce(s)
	case *ir.AssignIntStmt:
		return set(int(s.Target), numberTerm(strconv.FormatInt(s.Value, 10)))
	case *ir.MakeNumberIntStmt:
		return set(int(s.Target), numberTerm(strconv.FormatInt(s.Value, 10)))
	case *ir.MakeNumberRefStmt:
		return set(int(s.Target), numberTerm(c.policy.Static.Strings[s.Index].Value))
	case *ir.MakeNullStmt:
		return set(int(s.Target), ast.NullTerm())
	case *ir.ResetLocalStmt:
		return set(int(s.Target), nil)
	case *ir.LenStmt:
		return c.length(c.operand(s.Source), int(s.Target))
	}
	return nil
}

func set(slot int, t *ast.Term) stmt {
	return func(_ *machine, f frame) signal {
		f[slot] = t
		return next
	}
}

func (c *compiler) assignVar(a operand, target int) stmt {
	return func(m *machine, f frame) signal {
		t := a.step(m, f)
		if t == nil {
			return m.missing()
		}
		f[target] = t
		return next
	}
}

// assignOnce gives a rule its value. Where all rules of a function give the same
// constant, the interpreter looks no further than the first one; so does this.
func (c *compiler) assignOnce(s *ir.AssignVarOnceStmt) stmt {
	a, target := c.operand(s.Source), int(s.Target)
	if exit := c.exit; exit != nil && s.Target != c.fn.Return {
		return func(m *machine, _ frame) signal {
			m.result = exit
			return stop
		}
	}
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil {
			return m.missing()
		}
		if before := f[target]; before != nil && !equal(before, t) {
			return m.leave("conflicting values of a rule")
		}
		f[target] = t
		return next
	}
}

func (c *compiler) length(a operand, target int) stmt {
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil {
			return m.missing()
		}
		sized, ok := t.Value.(interface{ Len() int })
		if !ok {
			return m.leave("length of a scalar")
		}
		f[target] = ast.InternedTerm(sized.Len())
		return next
	}
}
