package bundles

import (
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
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
	c := newCompiler(data).WithSchemas(b.schemas).WithUseTypeCheckAnnotations(true)
	return compiled(c, all)
}

// compiled compiles modules with c, which keeps them as they are.
func compiled(c *ast.Compiler, modules map[string]*ast.Module) (*ast.Compiler, error) {
	c.Compile(modules)
	if c.Failed() {
		return nil, reject(StageCompile, findingsOf("", c.Errors))
	}
	return c, nil
}
