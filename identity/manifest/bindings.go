package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// grant is a binding whose principal is known.
type grant struct {
	binding
	principal identity.Principal
}

// bindings takes away what the files no longer hold, then writes what they bind; in
// this order a full namespace has room for those who come.
func (a *applier) bindings() error {
	grants, err := a.grants()
	if err != nil {
		return err
	}
	held := map[string]map[identity.Principal]bool{}
	for _, g := range grants {
		if held[g.namespace] == nil {
			held[g.namespace] = map[identity.Principal]bool{}
		}
		held[g.namespace][g.principal] = true
	}
	for i := range a.batch.namespaces {
		wanted := &a.batch.namespaces[i].entry
		if err := a.prune(wanted, held[wanted.name]); err != nil {
			return err
		}
	}
	return a.put(grants)
}

// grants resolves every binding and leaves one for each principal in a namespace.
func (a *applier) grants() ([]grant, error) {
	type key struct {
		namespace string
		principal identity.Principal
	}
	var grants []grant
	index := map[key]int{}
	for i := range a.batch.bindings {
		b := a.batch.bindings[i].entry
		principal, err := a.principal(b.who)
		if err != nil {
			return nil, err
		}
		k := key{b.namespace, principal}
		first, twice := index[k]
		if !twice {
			index[k] = len(grants)
			grants = append(grants, grant{b, principal})
			continue
		}
		if err := a.merge(&grants[first], grant{b, principal}); err != nil {
			return nil, err
		}
	}
	return grants, nil
}

// strength orders the roles that Kubeflow knows: each includes the one before.
var strength = map[string]int{"view": 1, "edit": 2, "admin": 3}

// merge settles two bindings of one principal in one namespace. In a cluster two
// RoleBindings add up; in our own form two rows are a mistake.
func (a *applier) merge(first *grant, second grant) error {
	if !first.kubeflow || !second.kubeflow {
		return boundTwice(second.who, second.namespace, second.at, first.at)
	}
	if first.role == second.role {
		return nil
	}
	weaker := first.role
	if strength[second.role] > strength[first.role] {
		first.binding = second.binding
	} else {
		weaker = second.role
	}
	a.report.note(second.at, "%s has several RoleBindings in namespace %s: taken as %s, which includes %s", second.who, second.namespace, first.role, weaker)
	return nil
}

func boundTwice(who reference, namespace string, at, first Position) *Problem {
	return &Problem{At: at, Text: fmt.Sprintf("%s is bound in namespace %s twice, first at %s: keep one of the two", who, namespace, first)}
}

// put writes the grants that are not so already.
func (a *applier) put(grants []grant) error {
	var bindings []identity.Binding
	var places []Position
	var whats []string
	for _, g := range grants {
		space := a.existing[g.namespace]
		if space == nil {
			return problem(g.at, "namespace %q is neither in the files nor in the directory: import its Profile (or an entry of namespaces) too", g.namespace)
		}
		a.tick()
		what := fmt.Sprintf("%s in namespace %s: %s%s", g.role, g.namespace, g.who, until(g.expires))
		now := bindingOf(space, g.principal)
		switch {
		case now == nil:
			a.report.step(Create, g.at, "%s", what)
		case now.Role == identity.Role(g.role) && sameMoment(now.Expires, g.expires):
			continue
		default:
			a.report.step(Update, g.at, "%s (was %s%s)", what, now.Role, until(now.Expires))
		}
		bindings = append(bindings, identity.Binding{
			Namespace: identity.NamespaceName(g.namespace), Principal: g.principal,
			Role: identity.Role(g.role), Expires: g.expires,
		})
		places, whats = append(places, g.at), append(whats, what)
	}
	return refusedItem(a.tx.PutBindings(bindings), func(i int) (Position, string) { return places[i], whats[i] })
}

func bindingOf(space *identity.Namespace, p identity.Principal) *identity.Binding {
	i := slices.IndexFunc(space.Bindings, func(b identity.Binding) bool { return b.Principal == p })
	if i < 0 {
		return nil
	}
	return &space.Bindings[i]
}

// sameMoment compares to the second, which is what a binding keeps.
func sameMoment(a, b time.Time) bool {
	return a.IsZero() == b.IsZero() && (a.IsZero() || a.Unix() == b.Unix())
}

// prune removes the bindings of a named namespace that the files do not hold, or
// counts them.
func (a *applier) prune(wanted *namespace, held map[identity.Principal]bool) error {
	space := a.existing[wanted.name]
	if space == nil {
		return nil
	}
	type leaving struct {
		principal identity.Principal
		what      string
	}
	var gone []leaving
	for _, b := range space.Bindings {
		switch {
		case held[b.Principal]:
		case a.options.Prune:
			gone = append(gone, leaving{b.Principal, fmt.Sprintf("%s in namespace %s: %s", b.Role, wanted.name, a.describe(b.Principal))})
		default:
			a.report.Kept++
		}
	}
	slices.SortFunc(gone, func(a, b leaving) int { return strings.Compare(a.what, b.what) })
	for _, b := range gone {
		if err := a.tx.RemoveBinding(space.Name, b.principal); err != nil {
			return refused(wanted.at, "remove "+b.what, err)
		}
		a.report.step(Remove, wanted.at, "%s", b.what)
	}
	return nil
}
