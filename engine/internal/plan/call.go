package plan

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// call compiles the call of a rule, a function of the policy or a builtin.
func (c *compiler) call(s *ir.CallStmt) stmt {
	fn := c.functions[s.Func]
	switch {
	case fn == nil:
		return c.builtin(s)
	case len(s.Args) != len(fn.params):
		c.unsupported("%s is called with %d operands", s.Func, len(s.Args))
		return nil
	case fn.isRule():
		return callRule(fn, int(s.Result))
	}
	operands := make([]operand, 0, len(s.Args))
	for _, a := range s.Args[2:] { // input and data are the machine's
		operands = append(operands, c.operand(a))
	}
	return callFunction(fn, operands, int(s.Result))
}

func callRule(fn *function, target int) stmt {
	return func(m *machine, f frame) signal {
		t := m.rule(fn)
		if t == nil {
			if m.err != nil {
				return stop
			}
			return undefined
		}
		f[target] = t
		return next
	}
}

// rule is the value of a rule, nil if it is undefined or the evaluation ends.
func (m *machine) rule(fn *function) *ast.Term {
	if known := &m.memo[fn.number]; known.known {
		return known.term
	}
	top := m.top
	t := m.run(fn, m.enter(fn.locals))
	m.top = top
	if m.err != nil {
		return nil
	}
	m.memo[fn.number] = memo{known: true, term: t}
	return t
}

func callFunction(fn *function, operands []operand, target int) stmt {
	return func(m *machine, f frame) signal {
		top := m.top
		callee := m.enter(fn.locals)
		for i, o := range operands {
			t := o.step(m, f)
			if t == nil {
				return m.missing()
			}
			callee[fn.params[2+i]] = t
		}
		t := m.run(fn, callee)
		m.top = top
		if m.err != nil {
			return stop
		}
		if t == nil {
			return undefined
		}
		f[target] = t
		return next
	}
}

// run runs the blocks of a function one after the other until one returns.
func (m *machine) run(fn *function, f frame) *ast.Term {
	if m.over() {
		return nil
	}
	for _, b := range fn.blocks {
		switch r := b.run(m, f); r {
		case next, undefined:
		case stop:
			t := m.result
			m.result = nil
			return t
		default:
			m.leave("a jump out of %s", fn.name)
			return nil
		}
	}
	return nil
}

// ruleTree finds functions by where their rules stand under data.
type ruleTree struct {
	children map[string]*ruleTree
	fn       *function
}

func (n *ruleTree) add(path []string, fn *function) {
	for _, name := range path {
		if n.children == nil {
			n.children = map[string]*ruleTree{}
		}
		child := n.children[name]
		if child == nil {
			child = &ruleTree{}
			n.children[name] = child
		}
		n = child
	}
	n.fn = fn
}

// leavesChoice is what the planner means by a rule that was chosen and is undefined:
// the expression is undefined, three blocks further out than where it stands.
const leavesChoice = undefined + 3

// callDynamic compiles the call of a rule that is chosen by values on its path.
func (c *compiler) callDynamic(s *ir.CallDynamicStmt) stmt {
	operands := make([]operand, 0, len(s.Path))
	for _, o := range s.Path {
		operands = append(operands, c.operand(o))
	}
	root, target := c.rules, int(s.Result)
	return func(m *machine, f frame) signal {
		node := root
		for _, o := range operands {
			t := o.get(m, f)
			if t == nil {
				return m.missing()
			}
			name, ok := t.Value.(ast.String)
			if !ok {
				return undefined // no rule; base documents are looked at next
			}
			if node = node.children[string(name)]; node == nil {
				return undefined
			}
		}
		switch {
		case node.fn == nil && len(node.children) > 0:
			return m.leave("a package is chosen where a rule was expected")
		case node.fn == nil:
			return undefined
		case !node.fn.isRule():
			return m.leave("a function is chosen where a rule was expected")
		}
		t := m.rule(node.fn)
		if m.err != nil {
			return stop
		}
		if t == nil {
			return leavesChoice
		}
		f[target] = t
		return next
	}
}
