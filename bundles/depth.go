package bundles

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxNesting is how deep comprehensions and `every` may lie in one another. What
// the compiler does for one more level costs more than twice as much again: 14 take
// seconds, 40 never end.
const maxNesting = 8

// tooDeep finds the first place where a module nests further than that.
func tooDeep(name string, m *ast.Module) []Finding {
	var findings []Finding
	depth := 0
	var at *ast.Location
	count := func(by int, node any) {
		switch node := node.(type) {
		case *ast.Term:
			switch node.Value.(type) {
			case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
				depth += by
				at = node.Location
			}
		case *ast.Every:
			depth += by
			at = node.Location
		}
	}
	ast.NewBeforeAfterVisitor(func(node any) bool {
		count(1, node)
		if depth > maxNesting && findings == nil {
			f := Finding{File: name, Text: fmt.Sprintf("comprehensions are nested more than %d deep: give the inner ones rules of their own", maxNesting)}
			if at != nil {
				f.Row, f.Col = at.Row, at.Col
			}
			findings = []Finding{f}
		}
		return false
	}, func(node any) { count(-1, node) }).Walk(m)
	return findings
}
