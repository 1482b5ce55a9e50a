package plan

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// The documents under data are not there as values. Where a path leads through
// them, a local holds a node that says how far it has led.
type (
	// dataNode is data as a whole.
	dataNode struct{ ast.Value }
	// directoryNode is the root that Data stands for.
	directoryNode struct{ ast.Value }
	// collectionNode is one collection under it.
	collectionNode struct {
		ast.Value
		name string
	}
)

var (
	dataTerm      = &ast.Term{Value: dataNode{}}
	directoryTerm = &ast.Term{Value: directoryNode{}}
)

// wholeData is data as one value, which it is only without a directory.
func (m *machine) wholeData() *ast.Term {
	if m.directory != nil || m.policy == nil || m.policy.Get(ast.InternedTerm("system")) != nil {
		m.leave("data is read as a whole")
		return nil
	}
	return ast.NewTerm(m.policy)
}

// dot is the member of a value, nil where there is none. Where the interpreter
// might find another one, the evaluation is given up.
func (m *machine) dot(source, key *ast.Term) *ast.Term {
	switch v := source.Value.(type) {
	case ast.Object:
		if t := v.Get(key); t != nil {
			return t
		}
		if n, ok := key.Value.(ast.Number); ok && v.Get(ast.StringTerm(string(n))) != nil {
			// In a base document the interpreter finds "1" for 1.
			m.leave("number as key of an object")
		}
		return nil
	case *ast.Array:
		return m.element(v, key)
	case ast.Set:
		if v.Contains(key) {
			return key
		}
		return nil
	case *terms.Lazy:
		if _, ok := key.Value.(ast.String); ok {
			return v.Get(key)
		}
		source.Value = v.Force()
		return m.dot(source, key)
	case dataNode:
		return m.underData(key)
	case directoryNode:
		name, ok := key.Value.(ast.String)
		if !ok {
			m.leave("collection that is no string")
			return nil
		}
		return &ast.Term{Value: &collectionNode{name: string(name)}}
	case *collectionNode:
		name, ok := key.Value.(ast.String)
		if !ok {
			m.leave("document key that is no string")
			return nil
		}
		if document := m.directory.Document(v.name, string(name)); document != nil {
			return &ast.Term{Value: document}
		}
		return nil
	case *arrayBuilder, *objectBuilder:
		return m.dot(m.settle(source), key)
	}
	return nil
}

func (m *machine) element(a *ast.Array, key *ast.Term) *ast.Term {
	switch k := key.Value.(type) {
	case ast.Number:
		i, err := strconv.Atoi(string(k))
		t := a.Get(key)
		if inside := err == nil && i >= 0 && i < a.Len(); inside != (t != nil) {
			// 1.0 is 1 to a value, but not on a path through base documents.
			m.leave("unusual number as index of an array")
		}
		return t
	case ast.String:
		if i, err := strconv.Atoi(string(k)); err == nil && i >= 0 && i < a.Len() {
			// In a base document the interpreter finds 1 for "1".
			m.leave("string as index of an array")
		}
	}
	return nil
}

func (m *machine) underData(key *ast.Term) *ast.Term {
	if name, ok := key.Value.(ast.String); ok && m.directory != nil && string(name) == m.root {
		return directoryTerm
	}
	if m.policy == nil {
		return nil
	}
	t := m.policy.Get(key)
	if t == nil {
		if n, ok := key.Value.(ast.Number); ok && m.policy.Get(ast.StringTerm(string(n))) != nil {
			m.leave("number as key of data")
		}
	}
	return t
}

// whole is the value of what is not only a step on a path, nil where there is none.
func (m *machine) whole(t *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case directoryNode:
		m.leave("data.%s is read as a whole", m.root)
		return nil
	case *collectionNode:
		m.leave("data.%s.%s is read as a whole", m.root, v.name)
		return nil
	}
	return t
}
