package plan

import (
	"encoding/json"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// scope is what is known about the locals of the rule being compiled.
type scope struct {
	fn *ir.Func
	// constants are the locals that have the same value whenever they are read.
	constants map[ir.Local]*ast.Term
	// writers says how many statements write to a local.
	writers map[ir.Local]int
	// readers says how many statements read it.
	readers map[ir.Local]int
	// places are the locals that hold what is at a path of constant names.
	places map[ir.Local]place
	// rough are the locals that hold arrays and objects in the making.
	rough map[ir.Local]bool
	// sets are the locals that sets are made in.
	sets map[ir.Local]bool
	// valued are the locals that are read otherwise than as the source of a path.
	valued map[ir.Local]bool
	// nested says that containers are built within containers.
	nested bool
	// exit is the constant that all the function's rules give; nil where they do not
	// give the same.
	exit *ast.Term
}

func scopeOf(blocks []*ir.Block, fn *ir.Func) *scope {
	s := &scope{
		fn:        fn,
		constants: map[ir.Local]*ast.Term{},
		rough:     map[ir.Local]bool{},
		sets:      map[ir.Local]bool{},
		valued:    map[ir.Local]bool{},
		writers:   map[ir.Local]int{},
		readers:   map[ir.Local]int{},
		places:    map[ir.Local]place{ir.Input: {slot: slotInput}, ir.Data: {slot: slotData}},
	}
	if fn != nil {
		// What it returns is made in a block of its own.
		each(fn.Blocks, func(stmt ir.Stmt) { s.rough[fn.Return] = s.rough[fn.Return] || madeBy(stmt) == fn.Return })
	}
	each(blocks, func(stmt ir.Stmt) {
		switch stmt := stmt.(type) {
		case *ir.MakeArrayStmt, *ir.MakeObjectStmt:
			s.rough[madeBy(stmt)] = true
		case *ir.MakeSetStmt:
			s.sets[stmt.Target] = true
		}
		for _, l := range writesOf(stmt) {
			s.writers[l]++
		}
		values, source := readsOf(stmt)
		for _, o := range values {
			if l, ok := o.Value.(ir.Local); ok {
				s.valued[l] = true
				s.readers[l]++
			}
		}
		if source != nil {
			if l, ok := source.Value.(ir.Local); ok {
				s.readers[l]++
			}
		}
		s.nested = s.nested || buildsWithin(stmt)
	})
	return s
}

// buildsWithin recognises how the planner looks for a container within another one
// and makes it where it is not there yet.
func buildsWithin(stmt ir.Stmt) bool {
	outer, ok := stmt.(*ir.BlockStmt)
	if !ok || len(outer.Blocks) != 1 || len(outer.Blocks[0].Stmts) != 2 {
		return false
	}
	inner, ok := outer.Blocks[0].Stmts[0].(*ir.BlockStmt)
	if !ok || len(inner.Blocks) != 1 {
		return false
	}
	for _, s := range inner.Blocks[0].Stmts {
		if dot, ok := s.(*ir.DotStmt); ok && dot.Target == madeBy(outer.Blocks[0].Stmts[1]) {
			return true
		}
	}
	return false
}

// madeBy is the local that a container is made in; Input is none.
func madeBy(stmt ir.Stmt) ir.Local {
	switch stmt := stmt.(type) {
	case *ir.MakeObjectStmt:
		return stmt.Target
	case *ir.MakeSetStmt:
		return stmt.Target
	case *ir.MakeArrayStmt:
		return stmt.Target
	}
	return ir.Input
}

// each visits all statements, nested ones after what they are nested in.
func each(blocks []*ir.Block, visit func(ir.Stmt)) {
	for _, b := range blocks {
		for _, stmt := range b.Stmts {
			visit(stmt)
			each(blocksOf(stmt), visit)
		}
	}
}

func blocksOf(stmt ir.Stmt) []*ir.Block {
	switch stmt := stmt.(type) {
	case *ir.BlockStmt:
		return stmt.Blocks
	case *ir.ScanStmt:
		return []*ir.Block{stmt.Block}
	case *ir.NotStmt:
		return []*ir.Block{stmt.Block}
	case *ir.WithStmt:
		return []*ir.Block{stmt.Block}
	}
	return nil
}

// numberTerm is the constant of a number's text.
func numberTerm(text string) *ast.Term {
	if i, err := strconv.Atoi(text); err == nil && strconv.Itoa(i) == text {
		return ast.InternedTerm(i)
	}
	return ast.NumberTerm(json.Number(text))
}
