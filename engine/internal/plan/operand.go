package plan

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// operand is a constant or a local.
type operand struct {
	constant *ast.Term
	slot     int
	// rough says that the local may hold what is not yet, or not at all, a value.
	rough bool
}

// get is the operand's value, nil where there is none.
func (o operand) get(m *machine, f frame) *ast.Term {
	if o.constant != nil {
		return o.constant
	}
	t := f[o.slot]
	if t == nil {
		return nil
	}
	if l, ok := t.Value.(*terms.Lazy); ok {
		t.Value = l.Force()
		return t
	}
	if !o.rough {
		return t
	}
	return m.settle(t)
}

// step is what get gives, but for a document that is not made as a whole yet: that
// stays as it is, for a step to one of its members or to be handed on.
func (o operand) step(m *machine, f frame) *ast.Term {
	if o.constant == nil && f[o.slot] != nil {
		if _, ok := f[o.slot].Value.(*terms.Lazy); ok {
			return f[o.slot]
		}
	}
	return o.get(m, f)
}

// raw is what the operand holds, a value or not.
func (o operand) raw(f frame) *ast.Term {
	if o.constant != nil {
		return o.constant
	}
	return f[o.slot]
}

// settle makes a value of what a rough local holds.
func (m *machine) settle(t *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case *arrayBuilder:
		// Clipped, since ast.Array.Append may write behind the elements.
		t.Value = ast.NewArray(slices.Clip(v.elements)...)
	case *objectBuilder:
		t.Value = v.done()
	case dataNode:
		return m.wholeData()
	}
	return t
}

// arrayBuilder is an array in the making: ast.Array is not made to grow.
type arrayBuilder struct {
	ast.Value // never called
	elements  []*ast.Term
	term      ast.Term
	few       [4]*ast.Term
}

func newArray(capacity int) *ast.Term {
	b := &arrayBuilder{}
	b.term.Value = b
	if b.elements = b.few[:0]; capacity > len(b.few) {
		b.elements = make([]*ast.Term, 0, capacity)
	}
	return &b.term
}

// objectBuilder is an object in the making, which then is made in one piece.
type objectBuilder struct {
	ast.Value // never called
	pairs     [][2]*ast.Term
	// object takes over where there are many keys, or other keys than strings.
	object ast.Object
	term   ast.Term
	few    [4][2]*ast.Term
}

func newObject(capacity int) *ast.Term {
	b := &objectBuilder{}
	b.term.Value = b
	if b.pairs = b.few[:0]; capacity > len(b.few) {
		b.pairs = make([][2]*ast.Term, 0, capacity)
	}
	return &b.term
}

// fewPairs is up to where looking through keys costs less than a map of them.
const fewPairs = 16

// get is the value of a key.
func (b *objectBuilder) get(key *ast.Term) *ast.Term {
	if b.object != nil {
		return b.object.Get(key)
	}
	name, ok := key.Value.(ast.String)
	if !ok {
		return nil // only strings so far
	}
	for i := range b.pairs {
		if b.pairs[i][0].Value.(ast.String) == name {
			return b.pairs[i][1]
		}
	}
	return nil
}

// add adds a key that is not there.
func (b *objectBuilder) add(key, value *ast.Term) {
	if b.object == nil {
		if _, ok := key.Value.(ast.String); ok && len(b.pairs) < fewPairs {
			b.pairs = append(b.pairs, [2]*ast.Term{key, value})
			return
		}
		b.object = ast.NewObject(b.pairs...)
	}
	b.object.Insert(key, value)
}

func (b *objectBuilder) done() ast.Object {
	if b.object != nil {
		return b.object
	}
	return ast.NewObject(b.pairs...)
}

// equal says whether two values are the same to OPA.
func equal(a, b *ast.Term) bool {
	if a == b {
		return true
	}
	switch x := a.Value.(type) {
	case ast.String:
		y, ok := b.Value.(ast.String)
		return ok && x == y
	case ast.Boolean:
		y, ok := b.Value.(ast.Boolean)
		return ok && x == y
	}
	return a.Equal(b)
}

// constantOf is the value of an operand that is none of a function's locals.
func (c *compiler) constantOf(v ir.Val) *ast.Term {
	switch v := v.(type) {
	case ir.Bool:
		return ast.InternedTerm(bool(v))
	case ir.StringIndex:
		return c.strings[v]
	}
	return nil
}
