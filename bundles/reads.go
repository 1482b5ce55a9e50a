package bundles

import (
	"cmp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// hotQuestions are asked for every request: what they read of the directory
// must not grow with it.
var hotQuestions = []string{"ingress"}

// reads looks for places that read data.identity without a key. After
// compilation the expressions of a body stand in the order of their evaluation,
// so one pass that keeps the variables bound so far can tell a lookup from an
// iteration: in data.identity.accounts[uid] an unbound uid means every account.
type reads struct {
	compiler *ast.Compiler
	rule     *ast.Rule
	findings map[Finding]bool
}

// checkReads covers every rule that a hot question can reach, through functions
// and custom rules too.
func checkReads(compiler *ast.Compiler) []Finding {
	r := &reads{compiler: compiler, findings: map[Finding]bool{}}
	for _, rule := range reachable(compiler, hotQuestions) {
		r.inRule(rule)
	}
	findings := make([]Finding, 0, len(r.findings))
	for f := range r.findings {
		findings = append(findings, f)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Text, b.Text))
	})
	return findings
}

// reachable follows the compiler's graph, which holds a dependency also where a
// reference names a rule by a variable, as decisions do with custom rules.
func reachable(compiler *ast.Compiler, questions []string) []*ast.Rule {
	var queue []*ast.Rule
	seen := map[*ast.Rule]bool{}
	add := func(rule *ast.Rule) {
		for ; rule != nil; rule = rule.Else {
			if !seen[rule] {
				seen[rule] = true
				queue = append(queue, rule)
			}
		}
	}
	for _, q := range questions {
		for _, rule := range compiler.GetRulesExact(decisionRef(q)) {
			add(rule)
		}
	}
	for i := 0; i < len(queue); i++ {
		for dependency := range compiler.Graph.Dependencies(queue[i]) {
			if rule, ok := dependency.(*ast.Rule); ok {
				add(rule)
			}
		}
	}
	return queue
}

func decisionRef(question string) ast.Ref {
	return ast.Ref{ast.DefaultRootDocument, ast.StringTerm("gatehouse"), ast.StringTerm(question), ast.StringTerm("decision")}
}

func (r *reads) inRule(rule *ast.Rule) {
	r.rule = rule
	bound := ast.ReservedVars.Copy()
	bound.Update(rule.Head.Args.Vars())
	bound = r.inBody(rule.Body, bound)
	r.inTerms(rule.Head, bound, rule.Loc())
}

// inBody returns what is bound after body.
func (r *reads) inBody(body ast.Body, bound ast.VarSet) ast.VarSet {
	bound = bound.Copy()
	for _, expr := range body {
		r.inTerms(expr, bound, expr.Loc())
		bound.Update(ast.OutputVarsFromExpr(r.compiler, expr, bound))
	}
	return bound
}

// inTerms looks at the references in x, and into the bodies nested in it.
func (r *reads) inTerms(x any, bound ast.VarSet, loc *ast.Location) {
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Ref:
			r.inRef(x, bound, loc)
		case ast.Body:
			r.inBody(x, bound)
			return true
		case *ast.With:
			// What is replaced is not read.
			r.inTerms(x.Value, bound, loc)
			return true
		case *ast.Every:
			r.inEvery(x, bound, loc)
			return true
		case *ast.ArrayComprehension:
			r.inTerms(x.Term, r.inBody(x.Body, bound), loc)
			return true
		case *ast.SetComprehension:
			r.inTerms(x.Term, r.inBody(x.Body, bound), loc)
			return true
		case *ast.ObjectComprehension:
			after := r.inBody(x.Body, bound)
			r.inTerms(x.Key, after, loc)
			r.inTerms(x.Value, after, loc)
			return true
		}
		return false
	})
	visitor.Walk(x)
}

func (r *reads) inEvery(every *ast.Every, bound ast.VarSet, loc *ast.Location) {
	r.inTerms(every.Domain, bound, loc)
	inside := bound.Copy()
	for _, term := range []*ast.Term{every.Key, every.Value} {
		if term != nil {
			inside.Update(varsOf(term))
		}
	}
	r.inBody(every.Body, inside)
}

// inRef judges one reference. meta is one small document and needs no key.
func (r *reads) inRef(ref ast.Ref, bound ast.VarSet, loc *ast.Location) {
	if !ref[0].Equal(ast.DefaultRootDocument) {
		return
	}
	if len(ref) == 1 {
		r.refuse(loc, ref)
		return
	}
	if root, known := ref[1].Value.(ast.String); known && root != identityRoot {
		return
	} else if !known {
		r.refuse(loc, ref) // a variable here can stand for identity
		return
	}
	if len(ref) > 2 && ref[2].Equal(ast.StringTerm("meta")) {
		return
	}
	if len(ref) < 4 || !isBound(ref[2], bound) || !isBound(ref[3], bound) {
		r.refuse(loc, ref)
	}
}

func isBound(term *ast.Term, bound ast.VarSet) bool {
	return varsOf(term).DiffCount(bound) == 0
}

func varsOf(term *ast.Term) ast.VarSet {
	vars := ast.VarSet{}
	ast.WalkVars(term, func(v ast.Var) bool {
		vars.Add(v)
		return false
	})
	return vars
}

func (r *reads) refuse(loc *ast.Location, ref ast.Ref) {
	if loc == nil {
		loc = r.rule.Loc()
	}
	written := ref
	if len(written) > 4 {
		written = written[:4]
	}
	f := at(loc, "%s is read without a key in %s, which is asked for every request; look documents up by key, as in data.identity.accounts[input.subject.id]",
		r.spell(written), r.rule.Ref())
	r.findings[f] = true
}

// spell writes a reference with the variables that its author gave.
func (r *reads) spell(ref ast.Ref) string {
	out := ref.Copy()
	for i, term := range out[1:] {
		v, ok := term.Value.(ast.Var)
		if !ok {
			continue
		}
		if original, ok := r.compiler.RewrittenVars[v]; ok {
			out[i+1] = ast.VarTerm(string(original))
		} else if v.IsWildcard() || v.IsGenerated() {
			out[i+1] = ast.VarTerm("_")
		}
	}
	return out.String()
}
