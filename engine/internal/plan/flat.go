package plan

import "github.com/open-policy-agent/opa/v1/ir"

// flat takes off the blocks that the planner puts around the way to a base document
// where there might have been rules beside it:
//
//	block
//	  block
//	    steps, break 1
//	  break 1
//
// If a step fails, the outer break ends the block around all that: so it does
// without the two blocks.
func flat(blocks []*ir.Block) []*ir.Block {
	flattened := make([]*ir.Block, 0, len(blocks))
	for _, b := range blocks {
		next := &ir.Block{Stmts: make([]ir.Stmt, 0, len(b.Stmts))}
		for _, stmt := range b.Stmts {
			if steps, ok := stepsOnly(stmt); ok {
				next.Stmts = append(next.Stmts, steps...)
			} else {
				next.Stmts = append(next.Stmts, flatWithin(stmt))
			}
		}
		flattened = append(flattened, next)
	}
	return flattened
}

func flatWithin(stmt ir.Stmt) ir.Stmt {
	switch s := stmt.(type) {
	case *ir.BlockStmt:
		flattened := *s
		flattened.Blocks = flat(s.Blocks)
		return &flattened
	case *ir.ScanStmt:
		flattened := *s
		flattened.Block = flat([]*ir.Block{s.Block})[0]
		return &flattened
	case *ir.NotStmt:
		flattened := *s
		flattened.Block = flat([]*ir.Block{s.Block})[0]
		return &flattened
	}
	return stmt
}

func stepsOnly(stmt ir.Stmt) ([]ir.Stmt, bool) {
	outer, ok := stmt.(*ir.BlockStmt)
	if !ok || len(outer.Blocks) != 1 || len(outer.Blocks[0].Stmts) != 2 || !breaksOne(outer.Blocks[0].Stmts[1]) {
		return nil, false
	}
	inner, ok := outer.Blocks[0].Stmts[0].(*ir.BlockStmt)
	if !ok || len(inner.Blocks) != 1 || len(inner.Blocks[0].Stmts) == 0 {
		return nil, false
	}
	stmts := inner.Blocks[0].Stmts
	steps, last := stmts[:len(stmts)-1], stmts[len(stmts)-1]
	if !breaksOne(last) {
		return nil, false
	}
	for _, step := range steps {
		if _, ok := step.(*ir.DotStmt); !ok {
			return nil, false
		}
	}
	return steps, true
}

func breaksOne(stmt ir.Stmt) bool {
	b, ok := stmt.(*ir.BreakStmt)
	return ok && b.Index == 1
}
