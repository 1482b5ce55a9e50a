package crud_test

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// views are the lists of REST: each whole, the large ones once more with filters.
func (w *world) views() []view {
	all := []view{
		w.accountView(url.Values{}), w.accountView(w.accountFilter()),
		w.organisationView(url.Values{}), w.organisationView(w.filter("member", "prefix")),
		w.teamView(url.Values{}), w.teamView(w.filter("member", "organisation")),
		w.spaceView(url.Values{}), w.spaceView(w.filter("owner", "label", "member", "prefix")),
		w.bindingView("", url.Values{}), w.bindingView("", w.filter("role", "principal")),
	}
	for _, a := range w.m.accounts {
		if a.kind == "organisation" {
			all = append(all, w.memberView("/organisations/"+a.uid, func(of *holder) string { return of.organisations[a.uid] }))
		} else if w.oneIn(4) {
			all = append(all, w.ownViews(a)...)
		}
	}
	for _, g := range w.m.teams {
		all = append(all, w.memberView("/teams/"+g.uid, func(of *holder) string { return of.teams[g.uid] }))
	}
	for _, s := range w.m.spaces {
		all = append(all, w.bindingView(s.name, w.filter("role")))
	}
	return all
}

// filter is some of the parameters, each with a value that may choose something.
func (w *world) filter(names ...string) url.Values {
	f := url.Values{}
	for _, name := range names {
		if w.oneIn(2) {
			continue
		}
		value := ""
		switch name {
		case "member":
			if a := pick(w, w.people()); a != nil {
				value = a.uid
			}
		case "organisation":
			if o := pick(w, w.organisations()); o != nil {
				value = o.uid
			}
		case "owner", "principal":
			value = w.principal(name == "owner")
		case "label":
			value = pick(w, []string{"stage", "stage=demo", "stage=beta", "n"})
		case "role":
			value = pick(w, []string{"view", "edit", "admin"})
		case "prefix":
			value = pick(w, []string{"org", "org1", "ns", "ns3", "a"})
		}
		if value != "" {
			f.Set(name, value)
		}
	}
	return f
}

func (w *world) accountFilter() url.Values {
	f := url.Values{}
	for name, values := range map[string][]string{
		"kind": {"person", "service"}, "state": {"invited", "active", "disabled"}, "role": {"auditor", "curator", "admin"}, "prefix": {"h", "h1", "H2", "t"},
	} {
		if w.oneIn(3) {
			f.Set(name, pick(w, values))
		}
	}
	if a := pick(w, w.people()); a != nil && w.oneIn(4) {
		if a.email != "" {
			f.Set("email", strings.ToUpper(a.email))
		}
		if a.userID != "" {
			f.Set("user_id", a.userID)
		}
	}
	return f
}

// fits says whether a value is the one that the filter asks for, if it does.
func fits(f url.Values, name, value string) bool { return !f.Has(name) || f.Get(name) == value }

// chosen are those that are wanted, in order, as they are shown.
func chosen[T any](all []T, wanted func(T) bool, key func(T) string, shown func(T) map[string]any) (list []map[string]any) {
	some := slices.DeleteFunc(slices.Clone(all), func(item T) bool { return !wanted(item) })
	slices.SortFunc(some, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	for _, item := range some {
		list = append(list, shown(item))
	}
	return list
}

func (w *world) accountView(f url.Values) view {
	prefix := strings.ToLower(f.Get("prefix"))
	wanted := func(a *holder) bool {
		return a.kind != "organisation" && fits(f, "kind", a.kind) && fits(f, "state", a.state) && (!f.Has("role") || a.roles[f.Get("role")]) &&
			strings.HasPrefix(a.handle, prefix) && fits(f, "user_id", a.userID) && (!f.Has("email") || strings.EqualFold(f.Get("email"), a.email))
	}
	key := func(a *holder) string { return a.uid }
	if prefix != "" {
		key = func(a *holder) string { return a.handle }
	}
	return view{path: "/accounts", params: f, want: chosen(w.m.accounts, wanted, key, func(a *holder) map[string]any {
		return given(map[string]any{
			"uid": a.uid, "kind": a.kind, "state": a.state, "name": a.name,
			"roles": append([]string{}, sortedKeys(a.roles)...), "teams": a.teams, "organisations": a.organisations,
		}, "handle", a.handle, "email", a.email, "user_id", a.userID)
	})}
}

func (w *world) organisationView(f url.Values) view {
	member := w.m.holder(f.Get("member"))
	wanted := func(o *holder) bool {
		return o.kind == "organisation" && (member == nil || member.organisations[o.uid] != "") && strings.HasPrefix(o.handle, f.Get("prefix"))
	}
	key := func(o *holder) string { return o.uid }
	if f.Has("prefix") {
		key = func(o *holder) string { return o.handle }
	}
	return view{path: "/organisations", params: f, want: chosen(w.m.accounts, wanted, key, func(o *holder) map[string]any {
		return map[string]any{"uid": o.uid, "handle": o.handle, "name": o.name, "state": o.state}
	})}
}

func (w *world) teamView(f url.Values) view {
	member := w.m.holder(f.Get("member"))
	wanted := func(g *group) bool {
		return fits(f, "organisation", g.organisation) && (member == nil || member.teams[g.uid] != "")
	}
	return view{path: "/teams", params: f, want: chosen(w.m.teams, wanted, func(g *group) string { return g.uid }, func(g *group) map[string]any {
		return map[string]any{"uid": g.uid, "organisation": g.organisation, "handle": g.handle, "name": g.name}
	})}
}

// memberView is the list of members of an organisation or a team; role is what an account
// is to it.
func (w *world) memberView(of string, role func(*holder) string) view {
	wanted := func(a *holder) bool { return role(a) != "" }
	return view{path: of + "/members", want: chosen(w.m.accounts, wanted, func(a *holder) string { return a.uid }, func(a *holder) map[string]any {
		return given(map[string]any{"uid": a.uid, "kind": a.kind, "state": a.state, "name": a.name, "role": role(a)}, "handle", a.handle)
	})}
}

func (w *world) spaceView(f url.Values) view {
	member := w.m.holder(f.Get("member"))
	label, value, exact := strings.Cut(f.Get("label"), "=")
	wanted := func(s *space) bool {
		has, labelled := s.labels[label]
		return strings.HasPrefix(s.name, f.Get("prefix")) && (!f.Has("owner") || s.owners[f.Get("owner")]) &&
			(!f.Has("label") || labelled && (!exact || has == value)) && (member == nil || s.has(member, w.now()))
	}
	return view{path: "/namespaces", params: f, want: chosen(w.m.spaces, wanted, func(s *space) string { return s.name }, func(s *space) map[string]any {
		shown := map[string]any{"name": s.name, "owners": sortedKeys(s.owners), "labels": s.labels}
		if s.quota != "" {
			shown["quota"] = plainJSON(w, s.quota)
		}
		return shown
	})}
}

// has says whether the account owns the namespace or is bound in it.
func (s *space) has(a *holder, now time.Time) bool {
	return s.owns(a) || slices.ContainsFunc(a.principals(), func(p string) bool { return s.bindings[p].live(now) })
}

// bindingView is the list of bindings of one namespace, "" = of all.
func (w *world) bindingView(of string, f url.Values) view {
	type bound struct {
		space, principal string
		grant
	}
	var all []bound
	for _, s := range w.m.spaces {
		for p, b := range s.bindings {
			all = append(all, bound{s.name, p, b})
		}
	}
	path := "/bindings"
	if of != "" {
		path = "/namespaces/" + of + "/bindings"
	}
	wanted := func(b bound) bool {
		return (of == "" || b.space == of) && fits(f, "role", b.role) && fits(f, "principal", b.principal)
	}
	return view{path: path, params: f, want: chosen(all, wanted, func(b bound) string { return b.space + " " + b.principal }, func(b bound) map[string]any {
		shown := map[string]any{"namespace": b.space, "principal": b.principal, "role": b.role}
		if !b.expires.IsZero() {
			shown["expires"] = b.expires.Format(time.RFC3339)
		}
		return shown
	})}
}

// ownViews are the lists of what belongs to one account.
func (w *world) ownViews(a *holder) []view {
	path := "/accounts/" + a.uid
	roles, identities := view{path: path + "/roles", whole: true}, view{path: path + "/identities", whole: true}
	for _, role := range sortedKeys(a.roles) {
		roles.want = append(roles.want, map[string]any{"": role})
	}
	if a.linked != "" {
		subject := strings.TrimPrefix(a.linked, identity.IdentityKey(w.idp.URL, ""))
		identities.want = append(identities.want, map[string]any{"name": "corp", "issuer": w.idp.URL, "subject": subject})
	}
	wanted := func(t *bearer) bool { return t.account == a.uid && !t.dead }
	tokens := view{path: path + "/tokens", want: chosen(w.m.tokens, wanted, func(t *bearer) string { return t.jti }, func(t *bearer) map[string]any {
		return map[string]any{
			"jti": t.jti, "account": t.account, "kind": t.kind, "name": t.name, "scopes": t.scopes,
			"issued": t.issued.Format(time.RFC3339), "expires": t.expires.Format(time.RFC3339),
		}
	})}
	return []view{roles, identities, tokens}
}
