package engine

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// Value is a piece of a question's input. It is OPA's own representation inside
// a wrapper, so that an input is built once and never converted, and surfaces
// need not import OPA. The zero Value is null.
type Value struct{ v ast.Value }

// Field is one member of an Object.
type Field struct {
	Key   string
	Value Value
}

// String returns a string value.
func String(s string) Value { return Value{ast.InternedTerm(s).Value} }

// Bool returns a boolean value.
func Bool(b bool) Value { return Value{ast.InternedTerm(b).Value} }

// Int returns a number value.
func Int(n int64) Value { return Value{ast.Number(strconv.FormatInt(n, 10))} }

// Array returns an array of elements, in their order.
func Array(elements ...Value) Value {
	terms := make([]*ast.Term, len(elements))
	for i, element := range elements {
		terms[i] = element.term()
	}
	return Value{ast.NewArray(terms...)}
}

// Object returns an object of fields. Of two fields with the same key the last
// one counts.
func Object(fields ...Field) Value {
	pairs := make([][2]*ast.Term, len(fields))
	for i, f := range fields {
		pairs[i] = [2]*ast.Term{ast.InternedTerm(f.Key), f.Value.term()}
	}
	return Value{terms.Object(pairs)}
}

// TrueSet returns the object that policies use as a set of names, each with the
// value true: membership is then one lookup.
func TrueSet(names []string) Value {
	pairs := make([][2]*ast.Term, len(names))
	for i, name := range names {
		pairs[i] = [2]*ast.Term{ast.InternedTerm(name), ast.InternedTerm(true)}
	}
	return Value{terms.Object(pairs)}
}

// String renders v as Rego would, for messages and tests.
func (v Value) String() string { return v.value().String() }

func (v Value) value() ast.Value {
	if v.v == nil {
		return ast.NullValue
	}
	return v.v
}

func (v Value) term() *ast.Term { return ast.NewTerm(v.value()) }
