package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/plan"
)

// field is a part of the input that a policy can read: all of it, or of an object
// the members named and nothing else.
type field struct {
	name    string
	term    *ast.Term // the name
	whole   bool
	members []field // by name
}

// add makes the part at path, and all below it, one that is read.
func (f *field) add(path []string) {
	for _, name := range path {
		if f.whole {
			return
		}
		at, found := slices.BinarySearchFunc(f.members, name, func(m field, name string) int { return strings.Compare(m.name, name) })
		if !found {
			f.members = slices.Insert(f.members, at, field{name: name, term: ast.InternedTerm(name)})
		}
		f = &f.members[at]
	}
	f.whole, f.members = true, nil
}

// see is of v what f can see, as OPA represents it: the rest need not be made.
func (f *field) see(v Value) *ast.Term {
	if f.whole || !v.isObject() {
		return v.term()
	}
	pairs := make([][2]*ast.Term, 0, len(f.members))
	for i := range f.members {
		m := &f.members[i]
		if member, ok := v.member(m.name); ok {
			pairs = append(pairs, [2]*ast.Term{m.term, m.see(member)})
		}
	}
	return ast.NewTerm(ast.NewObject(pairs...))
}

// reach is what the answer of an entry point may depend on besides documents,
// read off the compiled rules. It may say too much, and so cost a hit, but must
// never say too little.
type reach struct {
	input field
	// varies says that something is asked which may answer differently the next
	// time and of which an evaluation does not tell.
	varies bool
	// rewrites says that rules are evaluated with other data than there is.
	rewrites bool
}

// reachOf walks all rules that asking for ref can evaluate.
func reachOf(compiler *ast.Compiler, ref ast.Ref) *reach {
	w := walker{found: &reach{}, seen: map[string]bool{}, rules: map[*ast.Rule]bool{}}
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			w.all = append(w.all, located{rule, constantPath(rule.Ref())})
		}
	}
	w.data(ref)
	for len(w.open) > 0 {
		rule := w.open[len(w.open)-1]
		w.open = w.open[:len(w.open)-1]
		w.walk(rule.Head.Reference)
		w.walk(rule)
	}
	return w.found
}

type located struct {
	rule *ast.Rule
	path []string
}

type walker struct {
	found *reach
	all   []located
	seen  map[string]bool    // paths below data that were followed
	rules map[*ast.Rule]bool // that were reached
	open  []*ast.Rule        // that were reached and not walked yet
}

// data follows a reference into data: to every rule at, above or below it as far
// as it is constant. What its variables can be is not asked.
func (w *walker) data(ref ast.Ref) {
	path := constantPath(ref)
	key := fmt.Sprintf("%q", path) // a name may hold any separator
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	for _, l := range w.all {
		n := min(len(path), len(l.path))
		if !w.rules[l.rule] && slices.Equal(path[:n], l.path[:n]) {
			w.rules[l.rule] = true
			w.open = append(w.open, l.rule)
		}
	}
}

// constantPath is what follows the root of ref, up to the first step that is not
// a constant string.
func constantPath(ref ast.Ref) []string {
	var path []string
	for _, term := range ref[1:] {
		s, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(s))
	}
	return path
}

func (w *walker) walk(x any) { ast.NewGenericVisitor(w.visit).Walk(x) }

// visit notes what x reads, and says whether its parts have been walked.
func (w *walker) visit(x any) bool {
	switch x := x.(type) {
	case ast.Ref:
		if len(x) == 0 {
			return true
		}
		if root, ok := x[0].Value.(ast.Var); ok {
			w.root(root, x)
		} else {
			w.walk(x[0])
		}
		for _, term := range x[1:] {
			w.walk(term)
		}
		return true
	case ast.Var:
		w.root(x, ast.Ref{ast.NewTerm(x)})
	case *ast.Expr:
		if operands, ok := x.Terms.([]*ast.Term); ok && len(operands) > 0 {
			w.call(operands[0])
		}
	case ast.Call:
		if len(x) > 0 {
			w.call(x[0])
		}
	case *ast.With:
		if plan.HiddenClocks[x.Value.String()] { // in the place of another function
			w.found.varies = true
		}
		if target, ok := x.Target.Value.(ast.Ref); ok && target.HasPrefix(ast.DefaultRootRef) {
			w.found.rewrites = true
		}
	}
	return false
}

func (w *walker) root(root ast.Var, ref ast.Ref) {
	switch {
	case root.Equal(ast.InputRootDocument.Value):
		w.found.input.add(constantPath(ref))
	case root.Equal(ast.DefaultRootDocument.Value):
		w.data(ref)
	}
}

// call looks at what is called. Rules are followed as every reference is; of the
// rest only builtins are known to depend on nothing but their arguments, or to
// tell.
func (w *walker) call(operator *ast.Term) {
	ref, ok := operator.Value.(ast.Ref)
	if ok && ref.HasPrefix(ast.DefaultRootRef) {
		return
	}
	name := operator.String()
	if _, known := ast.BuiltinMap[name]; !known || plan.HiddenClocks[name] {
		w.found.varies = true
	}
}
