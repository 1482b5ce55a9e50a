package plan

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// shortcut gives what a builtin gives for operands that it is surely defined for,
// and nil for all others, which then go to the builtin itself.
type shortcut func(operands []*ast.Term) *ast.Term

// shortcuts are the builtins that policies are full of and that do next to nothing.
var shortcuts = map[string]shortcut{
	ast.Equal.Name:         func(o []*ast.Term) *ast.Term { return ast.InternedTerm(equal(o[0], o[1])) },
	ast.NotEqual.Name:      func(o []*ast.Term) *ast.Term { return ast.InternedTerm(!equal(o[0], o[1])) },
	ast.GreaterThan.Name:   compared(func(c int) bool { return c > 0 }),
	ast.GreaterThanEq.Name: compared(func(c int) bool { return c >= 0 }),
	ast.LessThan.Name:      compared(func(c int) bool { return c < 0 }),
	ast.LessThanEq.Name:    compared(func(c int) bool { return c <= 0 }),
	ast.StartsWith.Name:    ofStrings(strings.HasPrefix),
	ast.EndsWith.Name:      ofStrings(strings.HasSuffix),
	ast.Contains.Name:      ofStrings(strings.Contains),
	ast.Count.Name:         countOf,
	ast.ObjectGet.Name:     getOf,
}

func compared(holds func(int) bool) shortcut {
	return func(o []*ast.Term) *ast.Term { return ast.InternedTerm(holds(o[0].Value.Compare(o[1].Value))) }
}

func ofStrings(holds func(a, b string) bool) shortcut {
	return func(o []*ast.Term) *ast.Term {
		a, ok1 := o[0].Value.(ast.String)
		b, ok2 := o[1].Value.(ast.String)
		if !ok1 || !ok2 {
			return nil
		}
		return ast.InternedTerm(holds(string(a), string(b)))
	}
}

func countOf(o []*ast.Term) *ast.Term {
	switch v := o[0].Value.(type) {
	case *ast.Array:
		return ast.InternedTerm(v.Len())
	case ast.Object:
		return ast.InternedTerm(v.Len())
	case ast.Set:
		return ast.InternedTerm(v.Len())
	}
	return nil
}

func getOf(o []*ast.Term) *ast.Term {
	object, ok1 := o[0].Value.(ast.Object)
	_, ok2 := o[1].Value.(ast.String)
	if !ok1 || !ok2 {
		return nil
	}
	if t := object.Get(o[1]); t != nil {
		return t
	}
	return o[2]
}

func (b *builtinCall) shortcut(short shortcut) stmt {
	return func(m *machine, f frame) signal {
		operands, ok := b.read(m, f)
		if !ok {
			return m.missing()
		}
		if t := short(operands); t != nil {
			f[b.target] = t
			return next
		}
		return b.apply(m, f, operands)
	}
}

// member compiles `x in xs`. What stands in xs is mostly an array that is made only
// for that, and need not become a value.
func (b *builtinCall) member() stmt {
	return func(m *machine, f frame) signal {
		x, xs := b.operands[0].get(m, f), b.operands[1].raw(f)
		if x == nil || xs == nil {
			return m.missing()
		}
		var elements []*ast.Term
		switch v := xs.Value.(type) {
		case *arrayBuilder:
			elements = v.elements
		case ast.Set:
			f[b.target] = ast.InternedTerm(v.Contains(x))
			return next
		default:
			return b.call(m, f)
		}
		found := slices.ContainsFunc(elements, func(t *ast.Term) bool { return equal(x, t) })
		f[b.target] = ast.InternedTerm(found)
		return next
	}
}
