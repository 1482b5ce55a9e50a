package plan

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// place is a path of constant names from input or data.
type place struct {
	slot  int
	names []string
}

// then is the place that a name leads to.
func (p place) then(name string) place {
	return place{slot: p.slot, names: append(slices.Clone(p.names), name)}
}

// paths numbers places, so that what is there is looked up once in an evaluation.
type paths struct{ ids map[string]int }

func (p *paths) id(at place) int {
	key := fmt.Sprintf("%d %q", at.slot, at.names) // a name may hold any separator
	id, ok := p.ids[key]
	if !ok {
		id = len(p.ids)
		p.ids[key] = id
	}
	return id
}

// placeOf is the place that a step leads to, where it starts at one and its name is
// a constant.
func (c *compiler) placeOf(s *ir.DotStmt) (place, bool) {
	source, ok1 := s.Source.Value.(ir.Local)
	name, ok2 := s.Key.Value.(ir.StringIndex)
	if !ok1 || !ok2 || c.writers[s.Target] != 1 {
		return place{}, false
	}
	at, ok := c.places[source]
	if !ok {
		return place{}, false
	}
	return at.then(c.policy.Static.Strings[name].Value), true
}

// joins says that a step need not be taken by itself: it leads to a place, and
// nothing but the next statement goes on from there, to another place.
func (c *compiler) joins(b *ir.Block, i int) bool {
	s, ok := b.Stmts[i].(*ir.DotStmt)
	if !ok || i+1 == len(b.Stmts) || c.readers[s.Target] != 1 {
		return false
	}
	at, ok := c.placeOf(s)
	if !ok {
		return false
	}
	following, ok := b.Stmts[i+1].(*ir.DotStmt)
	if !ok || following.Source.Value != ir.Val(s.Target) {
		return false
	}
	c.places[s.Target] = at
	if _, ok := c.placeOf(following); !ok {
		delete(c.places, s.Target)
		return false
	}
	return true
}

// dot compiles one step of a path.
func (c *compiler) dot(s *ir.DotStmt) stmt {
	source, ok := s.Source.Value.(ir.Local)
	if !ok { // a constant has no members
		return func(*machine, frame) signal { return undefined }
	}
	key, target := c.operand(s.Key), int(s.Target)
	// A step that is only gone on from needs no value of its own.
	step := !c.valued[s.Target]
	if at, ok := c.placeOf(s); ok {
		c.places[s.Target] = at
		return c.find(at, target, step)
	}
	from := c.local(source)
	from.rough = from.rough && source != slotData // a step from data is no value
	return func(m *machine, f frame) signal {
		x, k := from.step(m, f), key.get(m, f)
		if k == nil || x == nil {
			if from.slot == slotInput && k != nil {
				return undefined
			}
			return m.missing()
		}
		return m.put(f, target, m.step(x, k, step))
	}
}

// step is the member of a value, or a node where the path only goes on from it.
func (m *machine) step(from, key *ast.Term, step bool) *ast.Term {
	t := m.dot(from, key)
	if t != nil && !step {
		t = m.whole(t)
	}
	return t
}

// put gives a local a value, where there is one.
func (m *machine) put(f frame, target int, t *ast.Term) signal {
	switch {
	case t != nil:
		f[target] = t
		return next
	case m.err != nil:
		return stop
	}
	return undefined
}

// absent is what paths holds where there is nothing.
var absent = &ast.Term{}

// find compiles the way to a place.
func (c *compiler) find(at place, target int, step bool) stmt {
	id := c.paths.id(at)
	keys := make([]*ast.Term, 0, len(at.names))
	for _, name := range at.names {
		keys = append(keys, ast.InternedTerm(name))
	}
	slot := at.slot
	if slot == slotData && len(keys) == 2 && at.names[0] == c.root && step {
		return c.toCollection(at.names[1], target)
	}
	return func(m *machine, f frame) signal {
		t := m.paths[id]
		if t == nil {
			if t = m.walk(f[slot], keys); m.err != nil {
				return stop
			}
			m.paths[id] = t
		}
		if t == absent {
			return undefined
		}
		if !step {
			if t = m.whole(t); t == nil {
				return stop
			}
		}
		f[target] = t
		return next
	}
}

// toCollection compiles the way to a collection, which leads on to a document.
func (c *compiler) toCollection(name string, target int) stmt {
	node := &ast.Term{Value: &collectionNode{name: name}}
	root, key := ast.InternedTerm(c.root), ast.InternedTerm(name)
	return func(m *machine, f frame) signal {
		if m.directory != nil {
			f[target] = node
			return next
		}
		return m.put(f, target, m.found(m.walk(dataTerm, []*ast.Term{root, key})))
	}
}

func (m *machine) found(t *ast.Term) *ast.Term {
	if t == absent {
		return nil
	}
	return t
}

// walk is what is at the end of a path, absent where there is nothing.
func (m *machine) walk(t *ast.Term, keys []*ast.Term) *ast.Term {
	for _, key := range keys {
		if t == nil {
			return absent
		}
		t = m.dot(t, key)
	}
	if t == nil {
		return absent
	}
	return t
}

// scan compiles an iteration, in the order of OPA's values.
func (c *compiler) scan(s *ir.ScanStmt) stmt {
	if besideRules(s) && appends(s.Block) {
		c.unsupported("an array is made of rules and documents side by side")
	}
	source := c.local(s.Source)
	round := round{key: int(s.Key), value: int(s.Value), body: c.block(s.Block)}
	return func(m *machine, f frame) signal {
		t := source.get(m, f)
		if t == nil {
			return m.missing()
		}
		switch v := t.Value.(type) {
		case *ast.Array:
			return round.array(m, f, v)
		case ast.Object:
			return round.object(m, f, v)
		case ast.Set:
			return round.set(m, f, v)
		}
		return next
	}
}

// appends says whether an array that was begun outside of b grows in b.
func appends(b *ir.Block) bool {
	begun := map[ir.Local]bool{}
	each([]*ir.Block{b}, func(stmt ir.Stmt) { begun[madeBy(stmt)] = true })
	found := false
	each([]*ir.Block{b}, func(stmt ir.Stmt) {
		if s, ok := stmt.(*ir.ArrayAppendStmt); ok && !begun[s.Array] {
			found = true
		}
	})
	return found
}

// round is one round of an iteration.
type round struct {
	key, value int
	body       block
}

func (r *round) run(m *machine, f frame, key, value *ast.Term) signal {
	if m.over() {
		return stop
	}
	f[r.key], f[r.value] = key, value
	switch left := r.body.run(m, f); left {
	case next, undefined:
		return next
	case stop:
		return stop
	default:
		return m.leave("a jump out of an iteration")
	}
}

func (r *round) array(m *machine, f frame, a *ast.Array) signal {
	for i := range a.Len() {
		if s := r.run(m, f, ast.InternedTerm(i), a.Elem(i)); s != next {
			return s
		}
	}
	return next
}

func (r *round) object(m *machine, f frame, o ast.Object) signal {
	result := next
	o.Until(func(k, v *ast.Term) bool {
		result = r.run(m, f, k, v)
		return result != next
	})
	return result
}

func (r *round) set(m *machine, f frame, s ast.Set) signal {
	for _, element := range s.Slice() {
		if s := r.run(m, f, element, element); s != next {
			return s
		}
	}
	return next
}
