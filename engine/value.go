package engine

import (
	"strconv"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// Value is a piece of a question's input: a light tree which the memo reads as it
// is and which becomes OPA's representation only where a policy is evaluated.
// Surfaces that build one need not import OPA.
//
// A Value refers to the slices it was made of. They must not change until the
// decision about it was given; then they may be used for the next question. The
// zero Value is null.
type Value struct {
	num int64 // the number, or the length of what kind points at
	// kind tells what the value is and where: nil, bool, integer, or a pointer to
	// the first of num bytes, elements, members or names. None of them costs an
	// allocation.
	kind any
}

type (
	integer  struct{}
	text     *byte
	elements *Value
	members  *Field
	names    *string
)

// Field is one member of an Object.
type Field struct {
	Key   string
	Value Value
}

// String returns a string value.
func String(s string) Value {
	return Value{num: int64(len(s)), kind: text(unsafe.StringData(s))}
}

// Bool returns a boolean value.
func Bool(b bool) Value { return Value{kind: b} }

// Int returns a number value.
func Int(n int64) Value { return Value{num: n, kind: integer{}} }

// Array returns an array of the values, in their order.
func Array(values ...Value) Value {
	return Value{num: int64(len(values)), kind: elements(unsafe.SliceData(values))}
}

// Object returns an object of fields. Of two fields with the same key the last
// one counts.
func Object(fields ...Field) Value {
	return Value{num: int64(len(fields)), kind: members(unsafe.SliceData(fields))}
}

// TrueSet returns the object that policies use as a set of names, each with the
// value true: membership is then one lookup.
func TrueSet(set []string) Value {
	return Value{num: int64(len(set)), kind: names(unsafe.SliceData(set))}
}

// These give back what a value was made of. at is its kind.
func (v Value) text(at text) string          { return unsafe.String(at, v.num) }
func (v Value) elements(at elements) []Value { return unsafe.Slice(at, v.num) }
func (v Value) members(at members) []Field   { return unsafe.Slice(at, v.num) }
func (v Value) names(at names) []string      { return unsafe.Slice(at, v.num) }

// isObject says whether v has members.
func (v Value) isObject() bool {
	switch v.kind.(type) {
	case members, names:
		return true
	}
	return false
}

// member is the member of an object that a policy sees under the key.
func (v Value) member(key string) (Value, bool) {
	switch at := v.kind.(type) {
	case members:
		fields := v.members(at)
		for i := len(fields) - 1; i >= 0; i-- {
			if fields[i].Key == key {
				return fields[i].Value, true
			}
		}
	case names:
		for _, name := range v.names(at) {
			if name == key {
				return Bool(true), true
			}
		}
	}
	return Value{}, false
}

// String renders v as Rego would, for messages and tests.
func (v Value) String() string { return v.value().String() }

// value is v as OPA represents it.
func (v Value) value() ast.Value { return v.term().Value }

func (v Value) term() *ast.Term {
	switch at := v.kind.(type) {
	case bool:
		return ast.InternedTerm(at)
	case integer:
		return ast.NewTerm(ast.Number(strconv.FormatInt(v.num, 10)))
	case text:
		return ast.InternedTerm(v.text(at))
	case elements:
		list := make([]*ast.Term, v.num)
		for i, element := range v.elements(at) {
			list[i] = element.term()
		}
		return ast.ArrayTerm(list...)
	case members:
		pairs := make([][2]*ast.Term, v.num)
		for i, f := range v.members(at) {
			pairs[i] = [2]*ast.Term{ast.InternedTerm(f.Key), f.Value.term()}
		}
		return ast.NewTerm(terms.Object(pairs))
	case names:
		pairs := make([][2]*ast.Term, v.num)
		for i, name := range v.names(at) {
			pairs[i] = [2]*ast.Term{ast.InternedTerm(name), ast.InternedTerm(true)}
		}
		return ast.NewTerm(terms.Object(pairs))
	}
	return ast.NullTerm()
}
