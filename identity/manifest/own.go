package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// own reads one document of Gatehouse's own form.
func (r *reader) own(root *yaml.Node) {
	doc := r.object(root, "a Gatehouse document")
	if doc == nil {
		return
	}
	accounts, _ := doc.list("accounts")
	for _, n := range accounts {
		r.ownAccount(n)
	}
	organisations, _ := doc.list("organisations")
	for _, n := range organisations {
		r.ownOrganisation(n)
	}
	namespaces, _ := doc.list("namespaces")
	for _, n := range namespaces {
		r.ownNamespace(n)
	}
	bindings, _ := doc.list("bindings")
	for _, n := range bindings {
		r.ownBinding(n, "")
	}
	doc.done()
}

func (r *reader) ownAccount(n *yaml.Node) {
	o := r.object(n, "an account")
	if o == nil {
		return
	}
	a := account{
		at:     o.at,
		id:     o.text("id"),
		handle: o.text("handle"),
		kind:   o.word("kind", "person", "service"),
		state:  o.word("state", "invited", "active", "disabled"),
		email:  o.text("email"),
		userID: o.text("user_id"),
		name:   o.text("name"),
	}
	var roles []*yaml.Node
	roles, a.rolesGiven = o.list("roles")
	for _, role := range roles {
		if value := r.text(role, "a platform role"); value != nil {
			a.roles = append(a.roles, text{r.at(role), *value})
		}
	}
	a.identities = r.identities(o)
	o.done()
	if !given(a.handle) && !given(a.email) && !given(a.userID) {
		r.failAt(o.at, "an account needs a handle, an email or a user_id")
		return
	}
	for _, name := range []struct {
		field  string
		value  *string
		normal func(string) string
	}{{"handle", a.handle, normalHandle}, {"email", a.email, normalEmail}, {"user_id", a.userID, asIs}} {
		if given(name.value) {
			r.once(o.at, "the account with "+name.field, name.normal(*name.value))
		}
	}
	r.keep(r.state.addAccount(&a))
}

// identities are those that an account has at trusted issuers.
func (r *reader) identities(o *object) (identities []linked) {
	nodes, _ := o.list("identities")
	issuers := map[string]bool{}
	for _, n := range nodes {
		i := r.object(n, "an identity")
		if i == nil {
			continue
		}
		issuer, named := i.required("issuer")
		subject, known := i.required("subject")
		i.done()
		switch {
		case !named || !known:
			continue
		case issuers[issuer]:
			r.failAt(i.at, "the account has two identities of the issuer %q: keep one of the two", issuer)
		case r.once(i.at, "the identity", issuer+"|"+subject):
			identities = append(identities, linked{i.at, issuer, subject})
		}
		issuers[issuer] = true
	}
	return identities
}

func asIs(name string) string { return name }

func given(value *string) bool { return value != nil && *value != "" }

// once reports a second entry for the same thing.
func (r *reader) once(at Position, noun, name string) bool {
	first, twice := r.state.firstNamed(noun, name, at)
	if twice {
		r.failAt(at, "%s %q was given before, at %s: keep one of the two", noun, name, first)
	}
	return !twice
}

// keep stops the reading when what was read cannot be kept.
func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) ownOrganisation(n *yaml.Node) {
	o := r.object(n, "an organisation")
	if o == nil {
		return
	}
	handle, ok := o.required("handle")
	org := organisation{
		at: o.at, handle: handle,
		id:    o.text("id"),
		name:  o.text("name"),
		state: o.word("state", "active", "disabled"),
	}
	org.members = r.members(o)
	teams, _ := o.list("teams")
	for _, t := range teams {
		if found := r.ownTeam(t, handle); found != nil {
			org.teams = append(org.teams, *found)
		}
	}
	o.done()
	// Organisations and people share one space of handles.
	if ok && r.once(o.at, "the account with handle", normalHandle(handle)) {
		r.keep(r.state.addOrganisation(&org))
	}
}

func (r *reader) ownTeam(n *yaml.Node, organisation string) *team {
	o := r.object(n, "a team")
	if o == nil {
		return nil
	}
	handle, ok := o.required("handle")
	t := team{at: o.at, handle: handle, id: o.text("id"), name: o.text("name")}
	t.members = r.members(o)
	o.done()
	if !ok || !r.once(o.at, "the team", normalHandle(organisation)+"/"+normalHandle(handle)) {
		return nil
	}
	return &t
}

func (r *reader) members(of *object) []member {
	var found []member
	items, _ := of.list("members")
	seen := map[string]Position{}
	for _, n := range items {
		o := r.object(n, "a member")
		if o == nil {
			continue
		}
		who, ok := r.reference(o, toAccount, toUserID)
		role := o.word("role", "member", "owner")
		o.done()
		if !ok {
			continue
		}
		if first, twice := seen[who.String()]; twice {
			r.failAt(who.at, "%s is a member twice, first at %s: keep one of the two", who, first)
			continue
		}
		seen[who.String()] = who.at
		found = append(found, member{who, role != nil && *role == "owner"})
	}
	return found
}

// reference reads the one key of o that names somebody.
func (r *reader) reference(o *object, kinds ...referenceKind) (reference, bool) {
	var found []reference
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		words[i] = string(kind)
		value := o.text(string(kind))
		if value == nil {
			continue
		}
		found = append(found, reference{r.at(o.values[string(kind)]), kind, *value})
	}
	if len(found) != 1 {
		for _, word := range words {
			if o.values[word] != nil && len(found) == 0 {
				return reference{}, false // its value was reported
			}
		}
		r.failAt(o.at, "%s must name exactly one of %s", o.what, strings.Join(words, ", "))
		return reference{}, false
	}
	who := found[0]
	switch {
	case who.name == "":
		r.failAt(who.at, "%s of %s must not be empty", who.kind, o.what)
		return who, false
	case who.kind == toTeam && strings.Count(who.name, "/") != 1:
		r.failAt(who.at, "team %q must be written organisation/team, as in acme/research", who.name)
		return who, false
	}
	return who, true
}

func (r *reader) ownNamespace(n *yaml.Node) {
	o := r.object(n, "a namespace")
	if o == nil {
		return
	}
	name, ok := o.required("name")
	ns := namespace{at: o.at, name: name, labels: o.texts("labels")}
	owners, listed := o.list("owners")
	if listed && len(owners) == 0 {
		r.fail(o.values["owners"], "owners of a namespace must not be empty: name one, or leave the key out to keep those there are")
	}
	for _, owner := range owners {
		if inner := r.object(owner, "an owner"); inner != nil {
			who, valid := r.reference(inner, toAccount, toUserID, toTeam, toGroup)
			inner.done()
			if valid {
				ns.owners = append(ns.owners, who)
			}
		}
	}
	if quota := o.get("quota", "{}"); quota != nil {
		ns.quota, ns.quotaGiven = r.quota(quota), true
	}
	bindings, _ := o.list("bindings")
	for _, row := range bindings {
		r.ownBinding(row, name)
	}
	o.done()
	if ok && r.once(o.at, "the namespace", name) {
		r.keep(r.state.addNamespace(&ns))
	}
}

// ownBinding reads a row below a namespace, or one of its own that names it.
func (r *reader) ownBinding(n *yaml.Node, namespace string) {
	o := r.object(n, "a binding")
	if o == nil {
		return
	}
	b := binding{at: o.at, namespace: namespace}
	named := true
	if namespace == "" {
		b.namespace, named = o.required("namespace")
	}
	who, valid := r.reference(o, toAccount, toUserID, toTeam, toGroup)
	role, ok := o.required("role")
	b.who, b.role, b.expires = who, role, o.moment("expires")
	o.done()
	if ok {
		r.noteRole(o.values["role"])
	}
	if named && valid && ok {
		r.keep(r.state.addBinding(&b))
	}
}

// noteRole tells of a role that only policies can give a meaning, once over all files:
// whether they do cannot be seen here, and a misspelt role grants nothing in silence.
func (r *reader) noteRole(n *yaml.Node) {
	if strength[n.Value] > 0 || r.state.roles[n.Value] {
		return
	}
	if r.state.roles == nil {
		r.state.roles = map[string]bool{}
	}
	r.state.roles[n.Value] = true
	r.note(r.at(n), "role %q is none of view, edit and admin: it grants nothing unless a policy table names it", n.Value)
}
