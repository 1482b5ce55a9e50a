package plan

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// build compiles the statements that make containers.
func (c *compiler) build(s ir.Stmt) stmt {
	switch s := s.(type) {
	case *ir.MakeArrayStmt:
		capacity, target := int(s.Capacity), int(s.Target)
		return func(_ *machine, f frame) signal {
			f[target] = newArray(capacity)
			return next
		}
	case *ir.MakeObjectStmt:
		return c.makeObject(s)
	case *ir.MakeSetStmt:
		target := int(s.Target)
		return func(_ *machine, f frame) signal {
			f[target] = ast.NewTerm(ast.NewSet())
			return next
		}
	case *ir.ArrayAppendStmt:
		return c.arrayAppend(c.operand(s.Value), int(s.Array))
	case *ir.SetAddStmt:
		return c.setAdd(c.operand(s.Value), int(s.Set))
	case *ir.ObjectInsertStmt:
		return c.insert(c.operand(s.Key), c.operand(s.Value), int(s.Object))
	case *ir.ObjectInsertOnceStmt:
		return c.insert(c.operand(s.Key), c.operand(s.Value), int(s.Object))
	case *ir.ObjectMergeStmt:
		return c.merge(c.local(s.A), c.local(s.B), int(s.Target))
	}
	return nil
}

func (c *compiler) makeObject(s *ir.MakeObjectStmt) stmt {
	target := int(s.Target)
	capacity := min(c.writers[s.Target]-1, fewPairs)
	return func(_ *machine, f frame) signal {
		f[target] = newObject(capacity)
		return next
	}
}

func (c *compiler) arrayAppend(a operand, array int) stmt {
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil || f[array] == nil {
			return m.missing()
		}
		b, ok := f[array].Value.(*arrayBuilder)
		if !ok {
			return m.leave("an array grows after it was read")
		}
		b.elements = append(b.elements, t)
		return next
	}
}

func (c *compiler) setAdd(a operand, slot int) stmt {
	return func(m *machine, f frame) signal {
		t := a.get(m, f)
		if t == nil || f[slot] == nil {
			return m.missing()
		}
		set, ok := f[slot].Value.(ast.Set)
		if !ok {
			return m.leave("an element of no set")
		}
		set.Add(t)
		return next
	}
}

// insert adds a member to an object. The planner has two statements for that, of
// which one puts the later value in place of the former; here neither does.
func (c *compiler) insert(key, value operand, object int) stmt {
	return func(m *machine, f frame) signal {
		k, v := key.get(m, f), value.get(m, f)
		if k == nil || v == nil || f[object] == nil {
			return m.missing()
		}
		b, ok := f[object].Value.(*objectBuilder)
		if !ok {
			return m.leave("an object grows after it was read")
		}
		if before := b.get(k); before != nil {
			if equal(before, v) {
				return next
			}
			return m.leave("conflicting values of a key")
		}
		b.add(k, v)
		return next
	}
}

// merge lays the documents of rules over base documents.
func (c *compiler) merge(left, right operand, target int) stmt {
	return func(m *machine, f frame) signal {
		x, y := left.get(m, f), right.get(m, f)
		if x == nil || y == nil {
			return m.missing()
		}
		a, ok1 := x.Value.(ast.Object)
		b, ok2 := y.Value.(ast.Object)
		if !ok1 || !ok2 {
			return m.leave("documents and rules that cannot be merged")
		}
		merged := mergeObjects(a, b)
		if merged == nil {
			return m.leave("documents and rules of the same name")
		}
		f[target] = ast.NewTerm(merged)
		return next
	}
}

// mergeObjects is nil where the two hold different values at one place.
func mergeObjects(a, b ast.Object) ast.Object {
	merged := ast.NewObjectWithCapacity(a.Len() + b.Len())
	conflict := a.Until(func(k, v *ast.Term) bool {
		other := b.Get(k)
		if other == nil {
			merged.Insert(k, v)
			return false
		}
		x, ok1 := v.Value.(ast.Object)
		y, ok2 := other.Value.(ast.Object)
		if !ok1 || !ok2 {
			return true
		}
		both := mergeObjects(x, y)
		if both == nil {
			return true
		}
		merged.Insert(k, ast.NewTerm(both))
		return false
	})
	if conflict {
		return nil
	}
	b.Foreach(func(k, v *ast.Term) {
		if a.Get(k) == nil {
			merged.Insert(k, v)
		}
	})
	return merged
}
