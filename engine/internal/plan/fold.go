package plan

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// folding is what fold found in a block.
type folding struct {
	c       *compiler
	dropped map[int]bool
	// shadowed are the constants to restore after the block.
	shadowed map[ir.Local]*ast.Term
}

// fold finds the locals that hold the same constant whenever they are read: null,
// numbers, and the arrays, objects and sets made of nothing else. Their value is
// made now and shared by all evaluations, and the statements that would make it
// are dropped.
func (c *compiler) fold(b *ir.Block) *folding {
	found := &folding{c: c, dropped: map[int]bool{}, shadowed: map[ir.Local]*ast.Term{}}
	for i, stmt := range b.Stmts {
		target, ok := makes(stmt)
		if !ok || !c.foldable(target) {
			continue
		}
		value, parts := c.constantAt(b, i, target)
		if value == nil {
			continue
		}
		found.shadowed[target] = c.constants[target]
		c.constants[target] = value
		for _, part := range parts {
			found.dropped[part] = true
		}
	}
	return found
}

func (f *folding) end() {
	for l, before := range f.shadowed {
		if before == nil {
			delete(f.c.constants, l)
		} else {
			f.c.constants[l] = before
		}
	}
}

// makes is the local in which a statement makes a value out of nothing.
func makes(stmt ir.Stmt) (ir.Local, bool) {
	switch s := stmt.(type) {
	case *ir.MakeNullStmt:
		return s.Target, true
	case *ir.MakeNumberIntStmt:
		return s.Target, true
	case *ir.MakeNumberRefStmt:
		return s.Target, true
	case *ir.MakeArrayStmt, *ir.MakeObjectStmt, *ir.MakeSetStmt:
		return madeBy(stmt), true
	}
	return 0, false
}

// foldable leaves out the locals that more than one rule writes to.
func (c *compiler) foldable(l ir.Local) bool {
	if c.fn == nil {
		return true
	}
	if l == c.fn.Return {
		return false
	}
	for _, p := range c.fn.Params {
		if l == p {
			return false
		}
	}
	return true
}

// constantAt is the constant that target holds after the block's statement at, and
// the places of the statements that make it; nil where it is none. It is one if all
// that writes to it stands in this very block and adds constants.
func (c *compiler) constantAt(b *ir.Block, at int, target ir.Local) (*ast.Term, []int) {
	made := &making{}
	if !made.start(c, b.Stmts[at]) {
		return nil, nil
	}
	parts := []int{at}
	for i, stmt := range b.Stmts {
		if i != at && writes(stmt, target) {
			if i < at || !made.add(c, b, i, stmt) {
				return nil, nil
			}
			parts = append(parts, i)
		}
		if writesWithin(stmt, target) {
			return nil, nil
		}
	}
	if c.writers[target] != len(parts) {
		return nil, nil
	}
	return made.term(), parts
}

// making is a constant in the making.
type making struct {
	scalar *ast.Term
	list   []*ast.Term
	pairs  [][2]*ast.Term
	kind   ir.Stmt
}

func (m *making) start(c *compiler, stmt ir.Stmt) bool {
	m.kind = stmt
	switch s := stmt.(type) {
	case *ir.MakeNullStmt:
		m.scalar = ast.NullTerm()
	case *ir.MakeNumberIntStmt:
		m.scalar = numberTerm(strconv.FormatInt(s.Value, 10))
	case *ir.MakeNumberRefStmt:
		m.scalar = numberTerm(c.policy.Static.Strings[s.Index].Value)
	}
	return true
}

func (m *making) add(c *compiler, b *ir.Block, at int, stmt ir.Stmt) bool {
	constant := func(o ir.Operand) *ast.Term {
		l, ok := o.Value.(ir.Local)
		if !ok {
			return c.constantOf(o.Value)
		}
		if t := c.constants[l]; t != nil {
			return t
		}
		for i := at - 1; i >= 0; i-- {
			if target, ok := makes(b.Stmts[i]); ok && target == l && c.foldable(l) {
				t, _ := c.constantAt(b, i, l)
				return t
			}
		}
		return nil
	}
	switch s := stmt.(type) {
	case *ir.ArrayAppendStmt:
		t := constant(s.Value)
		m.list = append(m.list, t)
		return t != nil
	case *ir.SetAddStmt:
		t := constant(s.Value)
		m.list = append(m.list, t)
		return t != nil
	case *ir.ObjectInsertStmt:
		k, v := constant(s.Key), constant(s.Value)
		m.pairs = append(m.pairs, [2]*ast.Term{k, v})
		return k != nil && v != nil
	}
	return false
}

// term is the finished constant. Its order is worked out now: evaluations share it.
func (m *making) term() *ast.Term {
	switch m.kind.(type) {
	case *ir.MakeArrayStmt:
		return ast.ArrayTerm(m.list...)
	case *ir.MakeSetStmt:
		set := ast.NewSet(m.list...)
		set.Slice()
		return ast.NewTerm(set)
	case *ir.MakeObjectStmt:
		object := ast.NewObject()
		for _, pair := range m.pairs {
			if object.Get(pair[0]) != nil {
				return nil // which one counts is not decided here
			}
			object.Insert(pair[0], pair[1])
		}
		object.Keys()
		return ast.NewTerm(object)
	}
	return m.scalar
}

func writes(stmt ir.Stmt, l ir.Local) bool {
	for _, w := range writesOf(stmt) {
		if w == l {
			return true
		}
	}
	return false
}

// writesWithin says whether something nested in the statement writes to l.
func writesWithin(stmt ir.Stmt, l ir.Local) bool {
	found := false
	each(blocksOf(stmt), func(s ir.Stmt) { found = found || writes(s, l) })
	return found
}
