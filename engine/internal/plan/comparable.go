package plan

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkComparable refuses policies of which the interpreter evaluates more than a plan
// does, so that something fails in it that would not fail here. For some
// comprehensions it makes an index over all that their variables may be. And one that
// stands for itself, of which the value matters to nobody, is not planned at all.
func checkComparable(compiler *ast.Compiler) error {
	var err error
	for _, module := range compiler.Modules {
		ast.WalkTerms(module, func(t *ast.Term) bool {
			body := bodyOf(t)
			if body != nil && compiler.ComprehensionIndex(t) != nil && mayFail(body) {
				err = fmt.Errorf("%w: the comprehension at %v has an index", ErrUnsupported, t.Location)
			}
			return false
		})
		ast.WalkExprs(module, func(e *ast.Expr) bool {
			if t, ok := e.Terms.(*ast.Term); ok && bodyOf(t) != nil {
				err = fmt.Errorf("%w: the comprehension at %v stands for itself", ErrUnsupported, t.Location)
			}
			return false
		})
	}
	return err
}

func bodyOf(t *ast.Term) ast.Body {
	switch v := t.Value.(type) {
	case *ast.ArrayComprehension:
		return v.Body
	case *ast.SetComprehension:
		return v.Body
	case *ast.ObjectComprehension:
		return v.Body
	}
	return nil
}

// mayFail says whether there is anything in a body that can fail: a call, or a look
// at data, which may be a rule or too much to be read.
func mayFail(body ast.Body) bool {
	fails := false
	ast.WalkExprs(body, func(e *ast.Expr) bool {
		fails = fails || e.IsCall() && !e.IsEquality()
		return false
	})
	ast.WalkRefs(body, func(r ast.Ref) bool {
		fails = fails || r.HasPrefix(ast.DefaultRootRef)
		return false
	})
	return fails
}
