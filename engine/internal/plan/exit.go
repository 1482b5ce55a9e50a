package plan

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// orderedBlocks is up to how many blocks the rules of a function are surely in their
// order. The planner sorts them, and keeps the order of equal ones only up to twelve;
// each takes at most two blocks, the default and the return one.
const orderedBlocks = 2*12 + 2

// exitOf is the constant that all rules of a function give; nil where the first one
// that holds must not be the last one that is looked at. What the interpreter
// evaluates, and what builtins fail in it, must be evaluated here too: so the order
// of all that is tried has to be the interpreter's.
func exitOf(fn *ir.Func) *ast.Term {
	if fn == nil || len(fn.Blocks) > orderedBlocks {
		return nil
	}
	var value ir.Val
	same := true
	each(fn.Blocks, func(stmt ir.Stmt) {
		switch s := stmt.(type) {
		case *ir.AssignVarOnceStmt:
			if s.Target == fn.Return {
				return // the same, handed on, or the default
			}
			if value == nil {
				value = s.Source.Value
			}
			same = same && value == s.Source.Value
		case *ir.ScanStmt:
			same = same && !besideRules(s)
		}
	})
	if b, ok := value.(ir.Bool); ok && same {
		return ast.InternedTerm(bool(b))
	}
	return nil
}

// besideRules recognises the iteration over base documents that stand beside rules:
// it leaves out the keys of the rules, which were tried before. The interpreter
// tries base documents first.
func besideRules(s *ir.ScanStmt) bool {
	for _, stmt := range s.Block.Stmts {
		if isExclusion(stmt, s.Key) {
			return true
		}
	}
	return false
}

func isExclusion(stmt ir.Stmt, key ir.Local) bool {
	not, ok := stmt.(*ir.NotStmt)
	if !ok || len(not.Block.Stmts) != 1 {
		return false
	}
	dot, ok := not.Block.Stmts[0].(*ir.DotStmt)
	return ok && dot.Key.Value == ir.Val(key)
}
