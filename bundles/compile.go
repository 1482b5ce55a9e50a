package bundles

import (
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// newCompiler returns the compiler that all stages share the settings of.
func newCompiler(data map[string]any) *ast.Compiler {
	return ast.NewCompiler().
		WithStrict(true).
		WithDefaultRegoVersion(ast.RegoV1).
		WithCapabilities(Capabilities()).
		WithPathConflictsCheck(func(path []string) (bool, error) {
			_, found := lookup(data, path...)
			return found, nil
		}).
		SetErrorLimit(maxFindings)
}

// compileTyped compiles for the sake of types: with the schemas that metadata
// names and with the stubs that give data.identity its fields. Its result knows
// more than the one that decides, and must not decide: there the stubs' rules
// would stand in for the directory.
func (b *base) compileTyped(modules map[string]*ast.Module, data map[string]any) (*ast.Compiler, error) {
	all := maps.Clone(modules)
	maps.Copy(all, b.stubs)
	c, err := compiled(newCompiler(data).WithSchemas(b.schemas).WithUseTypeCheckAnnotations(true), all)
	if err != nil {
		return nil, err
	}
	return c, reject(StageCompile, unknownCollections(c))
}

// unknownCollections finds references to collections that the stubs do not
// have. To the type checker these could be data that it cannot see.
func unknownCollections(c *ast.Compiler) []Finding {
	root := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(identityRoot)}
	known := map[string]bool{}
	for _, rule := range c.GetRulesWithPrefix(root) {
		if name, ok := rule.Ref()[len(root)].Value.(ast.String); ok {
			known[string(name)] = true
		}
	}
	if len(known) == 0 {
		return nil
	}
	var findings []Finding
	for _, name := range util.KeysSorted(c.Modules) {
		ast.WalkExprs(c.Modules[name], func(expr *ast.Expr) bool {
			ast.WalkRefs(expr, func(ref ast.Ref) bool {
				if !ref.HasPrefix(root) || len(ref) == len(root) {
					return false
				}
				if collection, ok := ref[len(root)].Value.(ast.String); ok && !known[string(collection)] {
					findings = append(findings, at(expr.Loc(), "%v does not exist; there are %s", ref[:len(root)+1], strings.Join(util.KeysSorted(known), ", ")))
				}
				return false
			})
			return false
		})
	}
	return findings
}

// compiled compiles modules with c, which keeps them as they are.
func compiled(c *ast.Compiler, modules map[string]*ast.Module) (*ast.Compiler, error) {
	c.Compile(modules)
	if c.Failed() {
		return nil, reject(StageCompile, findingsOf("", c.Errors))
	}
	return c, nil
}
