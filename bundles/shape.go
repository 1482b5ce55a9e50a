package bundles

import (
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
)

// shape checks that what an operator wrote is what the decisions ask for. A
// rule under a wrong name, or of a wrong kind, compiles and is never asked:
// a denial that its author believes in would be missing.
type shape struct {
	compiler  *ast.Compiler // typed
	questions map[string]bool
	data      map[string]any
	findings  []Finding
}

func checkShape(custom *tree, compiler *ast.Compiler, questions map[string]bool, data map[string]any) []Finding {
	s := &shape{compiler: compiler, questions: questions, data: data}
	speaks := map[string]bool{} // packages with a deny or an allow
	for _, name := range util.KeysSorted(custom.modules) {
		m := custom.modules[name]
		if s.place(m) && s.module(m) {
			speaks[m.Package.Path.String()] = true
		}
	}
	for _, name := range util.KeysSorted(custom.modules) {
		m := custom.modules[name]
		if p := m.Package; s.isQuestion(p) && !speaks[p.Path.String()] {
			s.refuse(p.Loc(), "%v has neither deny nor allow, so nothing asks it; helpers belong in custom.lib.<name>", p)
			speaks[p.Path.String()] = true
		}
	}
	for _, name := range util.KeysSorted(custom.tests) {
		if m := custom.tests[name]; s.place(m) {
			s.testModule(m)
		}
	}
	return s.findings
}

func (s *shape) refuse(loc *ast.Location, format string, args ...any) {
	s.findings = append(s.findings, at(loc, format, args...))
}

var identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// place checks a package's name.
func (s *shape) place(m *ast.Module) bool {
	p := m.Package
	parts := make([]string, 0, len(p.Path))
	for _, term := range p.Path[1:] {
		part, ok := term.Value.(ast.String)
		if !ok || !identifier.MatchString(string(part)) {
			s.refuse(p.Loc(), "%v: the parts of a package's name are letters, digits and _", p)
			return false
		}
		parts = append(parts, string(part))
	}
	known := len(parts) > 1 && (parts[1] == "lib" || s.questions[parts[1]])
	if len(parts) == 3 && known {
		return true
	}
	asked := strings.Join(util.KeysSorted(s.questions), ", ")
	s.refuse(p.Loc(), "%v is never asked: packages are custom.<question>.<name> or custom.lib.<name>; questions are %s", p, asked)
	return false
}

// isQuestion tells a well-placed package of rules from one of helpers.
func (s *shape) isQuestion(p *ast.Package) bool {
	if len(p.Path) != 4 {
		return false
	}
	question, ok := p.Path[2].Value.(ast.String)
	return ok && s.questions[string(question)]
}

// module checks the rules of one file and tells whether any is asked.
func (s *shape) module(m *ast.Module) (speaks bool) {
	s.annotations(m)
	if file := m.Package.Loc().File; strings.HasSuffix(file, "_test.rego") {
		s.refuse(m.Package.Loc(), "%v: a package in a _test.rego file ends in _test", m.Package)
	}
	question := s.isQuestion(m.Package)
	for _, r := range m.Rules {
		name := ruleName(r)
		switch {
		case strings.HasPrefix(name, "test_") || strings.HasPrefix(name, "todo_test_"):
			s.refuse(r.Loc(), "%s: tests are run only in a package whose name ends in _test", name)
		case question && (name == "deny" || name == "allow"):
			s.speaking(m, r, name)
			speaks = true
		}
	}
	return speaks
}

func ruleName(r *ast.Rule) string {
	switch v := r.Head.Ref()[0].Value.(type) {
	case ast.Var:
		return string(v)
	case ast.String:
		return string(v)
	}
	return ""
}

// annotations refuses entry points: the server would offer them as questions.
func (s *shape) annotations(m *ast.Module) {
	for _, a := range m.Annotations {
		if a.Entrypoint {
			s.refuse(a.Location, "only the default policies have entrypoints")
		}
	}
}

// speaking checks a deny or an allow.
func (s *shape) speaking(m *ast.Module, r *ast.Rule, name string) {
	switch {
	case r.Default || r.Else != nil || len(r.Head.Args) > 0 || len(r.Head.Ref()) != 1 || r.Head.RuleKind() != ast.MultiValue:
		s.refuse(r.Loc(), "%s must be a partial set of strings: `%s contains why if { ... }`", name, name)
		return
	case name == "allow" && !opens(s.data, s.question(m)):
		s.refuse(r.Loc(), "configuration does not let custom rules allow here: add %s to policies.custom_allow", s.question(m))
		return
	}
	ref := m.Package.Path.Append(ast.StringTerm(name))
	set, ok := s.compiler.TypeEnv.GetByRef(ref).(*types.Set)
	if !ok || !isStrings(set.Of()) {
		s.refuse(r.Loc(), "what %s contains must be known to be strings; use sprintf", name)
	}
}

func (s *shape) question(m *ast.Module) string {
	question, _ := m.Package.Path[2].Value.(ast.String)
	return string(question)
}

func isStrings(t types.Type) bool {
	switch t := unnamed(t).(type) {
	case types.String:
		return true
	case types.Any:
		for _, option := range t {
			if !isStrings(option) {
				return false
			}
		}
		return len(t) > 0
	}
	return false
}

// testModule checks that no rule hides in a package that is never active.
func (s *shape) testModule(m *ast.Module) {
	s.annotations(m)
	for _, r := range m.Rules {
		if name := ruleName(r); s.isQuestion(m.Package) && (name == "deny" || name == "allow") {
			s.refuse(r.Loc(), "%v is a package of tests and is never asked; its name must not end in _test", m.Package)
		}
	}
}

// unnamed takes the name off that a description gave a type.
func unnamed(t types.Type) types.Type {
	if named, ok := t.(*types.NamedType); ok {
		return named.Type
	}
	return t
}
