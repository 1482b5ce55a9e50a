package crud_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Organisations, teams, namespaces and bindings: what grants something.

func (w *world) createOrganisation(s *step) {
	if !few(w.organisations(), 4) {
		return
	}
	handle, name := w.fresh("org"), w.fresh("Org ")
	w.allow(s, nobodyElse)
	s.good = true
	s.then = func(got answer) {
		w.m.accounts = append(w.m.accounts, &holder{
			uid: made(got, "uid"), handle: handle, kind: "organisation", state: "active", name: name, generation: 1,
			roles: map[string]bool{}, teams: map[string]string{}, organisations: map[string]string{},
		})
	}
	s.method, s.path, s.body = http.MethodPost, "/organisations", map[string]any{"handle": handle, "name": name}
	if w.oneIn(2) {
		s.method, s.path, s.etag = http.MethodPut, "/organisations/"+ulid.Make().String(), pick(w, []string{unsaid, onlyNew, anyVersion})
		s.body = map[string]any{"handle": handle, "name": name, "state": "active"}
	}
}

func (w *world) putOrganisation(s *step) {
	there := pick(w, w.organisations())
	if there == nil {
		return
	}
	name := w.fresh("Org ")
	w.versioned(s)
	w.allow(s, func(a *holder) bool { return a.organisations[there.uid] == "owner" })
	s.method, s.path, s.there, s.good = http.MethodPatch, "/organisations/"+there.uid, true, true
	s.body = map[string]any{"name": name}
	if w.oneIn(2) {
		s.method, s.replaces, s.body = http.MethodPut, true, map[string]any{"name": name, "state": "active"}
	}
	s.then = func(answer) { there.name = name }
}

func (w *world) deleteOrganisation(s *step) {
	there := pick(w, w.organisations())
	if there == nil || few(w.organisations(), 2) {
		return
	}
	w.versioned(s)
	w.allow(s, nobodyElse)
	if w.m.lastOwners(w.m.leaving(there)...) {
		s.not = "it or a team of it is the last owner of a namespace"
	}
	s.method, s.path, s.there, s.good = http.MethodDelete, "/organisations/"+there.uid, true, true
	s.then = func(answer) { w.m.removeAccount(there) }
}

func (w *world) putMember(s *step) {
	of, a := pick(w, w.organisations()), pick(w, w.people())
	if of == nil {
		return
	}
	role := pick(w, []string{"member", "member", "owner"})
	w.allow(s, func(a *holder) bool { return a.organisations[of.uid] == "owner" })
	s.method, s.path, s.body, s.good = http.MethodPut, "/organisations/"+of.uid+"/members/"+a.uid, map[string]any{"role": role}, true
	if _, s.there = a.organisations[of.uid]; a.organisations[of.uid] == role {
		s.idle()
	}
	w.membership(s)
	s.then = func(answer) { a.organisations[of.uid] = role }
}

// membership picks the condition of a step on a membership or a binding, which may be put
// over another one that was not read.
func (w *world) membership(s *step) {
	if s.there {
		w.versioned(s)
	} else {
		s.etag = pick(w, []string{unsaid, onlyNew, onlyNew, anyVersion})
	}
}

func (w *world) deleteMember(s *step) {
	a, of := w.oneOf(w.people(), func(a *holder) bool { return len(a.organisations) > 0 }), pick(w, w.organisations())
	if len(a.organisations) > 0 {
		of = w.m.holder(pick(w, sortedKeys(a.organisations)))
	}
	if of == nil {
		return
	}
	w.allow(s, func(by *holder) bool { return by.organisations[of.uid] == "owner" || by == a })
	s.method, s.path, s.good = http.MethodDelete, "/organisations/"+of.uid+"/members/"+a.uid, true
	if _, s.there = a.organisations[of.uid]; s.there {
		w.versioned(s)
	} else {
		s.not = "the account is no member"
	}
	s.then = func(answer) { w.m.leave(a, of.uid) }
}

func (w *world) createTeam(s *step) {
	of := pick(w, w.organisations())
	if of == nil || !few(w.m.teams, 8) {
		return
	}
	handle, name := w.fresh("team"), w.fresh("Team ")
	w.allow(s, func(a *holder) bool { return a.organisations[of.uid] == "owner" })
	if w.oneIn(6) {
		for _, g := range w.m.teams {
			if g.organisation == of.uid {
				handle, s.not = g.handle, "the organisation has a team of that handle"
			}
		}
	}
	s.method, s.path, s.good = http.MethodPost, "/teams", true
	s.body = map[string]any{"organisation": of.uid, "handle": handle, "name": name}
	if w.oneIn(3) {
		s.method, s.path, s.etag = http.MethodPut, "/teams/"+ulid.Make().String(), pick(w, []string{unsaid, onlyNew, rightVersion})
	}
	s.then = func(got answer) {
		w.m.teams = append(w.m.teams, &group{uid: made(got, "uid"), organisation: of.uid, handle: handle, name: name})
	}
}

func (w *world) putTeam(s *step) {
	there := pick(w, w.m.teams)
	if there == nil {
		return
	}
	name := w.fresh("Team ")
	w.versioned(s)
	w.allow(s, func(a *holder) bool {
		return a.organisations[there.organisation] == "owner" || a.teams[there.uid] == "owner"
	})
	s.method, s.path, s.there, s.good = http.MethodPatch, "/teams/"+there.uid, true, true
	s.body = map[string]any{"name": name}
	if w.oneIn(2) {
		s.method, s.replaces = http.MethodPut, true
		s.body = map[string]any{"name": name, "handle": there.handle, "organisation": there.organisation}
	}
	s.then = func(answer) { there.name = name }
}

func (w *world) deleteTeam(s *step) {
	there := pick(w, w.m.teams)
	if there == nil {
		return
	}
	w.versioned(s)
	w.allow(s, func(a *holder) bool { return a.organisations[there.organisation] == "owner" })
	if w.m.lastOwners("team:" + there.uid) {
		s.not = "it is the last owner of a namespace"
	}
	s.method, s.path, s.there, s.good = http.MethodDelete, "/teams/"+there.uid, true, true
	s.then = func(answer) { w.m.removeTeam(there) }
}

func (w *world) putTeamMember(s *step) {
	g, a := pick(w, w.m.teams), pick(w, w.people())
	if g == nil {
		return
	}
	role := pick(w, []string{"member", "member", "owner"})
	w.allow(s, func(by *holder) bool {
		return by.organisations[g.organisation] == "owner" || by.teams[g.uid] == "owner"
	})
	s.method, s.path, s.body, s.good = http.MethodPut, "/teams/"+g.uid+"/members/"+a.uid, map[string]any{"role": role}, true
	if _, s.there = a.teams[g.uid]; a.teams[g.uid] == role {
		s.idle()
	}
	w.membership(s)
	s.then = func(answer) { a.teams[g.uid] = role }
}

func (w *world) deleteTeamMember(s *step) {
	a, g := w.oneOf(w.people(), func(a *holder) bool { return len(a.teams) > 0 }), pick(w, w.m.teams)
	if len(a.teams) > 0 {
		g = w.m.team(pick(w, sortedKeys(a.teams)))
	}
	if g == nil {
		return
	}
	w.allow(s, func(by *holder) bool {
		return by.organisations[g.organisation] == "owner" || by.teams[g.uid] == "owner" || by == a
	})
	s.method, s.path, s.good = http.MethodDelete, "/teams/"+g.uid+"/members/"+a.uid, true
	if _, s.there = a.teams[g.uid]; s.there {
		w.versioned(s)
	} else {
		s.not = "the account is no member"
	}
	s.then = func(answer) { delete(a.teams, g.uid) }
}

// spaceBody is a body that a namespace may have, and the namespace that comes of it.
func (w *world) spaceBody(s *step, name string) (map[string]any, space) {
	n := space{name: name, owners: map[string]bool{}, labels: map[string]string{"n": w.fresh("v"), "stage": pick(w, []string{"demo", "beta"})}}
	for range 1 + w.random.IntN(3) {
		owner := w.principal(true)
		if n.owners[owner] = true; !w.exists(owner) {
			s.not = "an owner is not there"
		}
	}
	body := map[string]any{"owners": sortedKeys(n.owners), "labels": n.labels}
	if w.oneIn(3) {
		n.quota = `{"hard":{"cpu":"2","pods":"4"}}`
		body["quota"] = map[string]any{"hard": map[string]string{"pods": "4", "cpu": "2"}}
	}
	return body, n
}

func (w *world) addSpace(n space) {
	n.bindings = map[string]grant{}
	w.m.spaces = append(w.m.spaces, &n)
}

func (w *world) createSpace(s *step) {
	if !few(w.m.spaces, 6) {
		return
	}
	name := w.spaceName()
	body, n := w.spaceBody(s, name)
	w.allow(s, nobodyElse)
	if w.m.space(name) != nil {
		s.not = "it is there already"
	}
	body["name"] = name
	s.method, s.path, s.body, s.good = http.MethodPost, "/namespaces", body, true
	s.then = func(answer) { w.addSpace(n) }
}

// spaceName is one of few, which come back after they were removed.
func (w *world) spaceName() string { return pick(w, spaceNames) }

var spaceNames = []string{"lab", "ns1", "ns2", "ns3", "ns4", "ns5"}

func (w *world) putSpace(s *step) {
	name := w.spaceName()
	body, n := w.spaceBody(s, name)
	missing, there := s.not, w.m.space(name)
	w.allow(s, func(a *holder) bool { return there != nil && there.owns(a) && there.quota == n.quota })
	if s.not == "" {
		s.not = missing
	}
	s.method, s.path, s.body, s.good = http.MethodPut, "/namespaces/"+name, body, true
	if there == nil {
		s.etag = pick(w, []string{unsaid, onlyNew, onlyNew, staleVersion})
		s.then = func(answer) { w.addSpace(n) }
		return
	}
	w.versioned(s)
	s.there, s.replaces = true, true
	s.then = func(answer) { there.owners, there.labels, there.quota = n.owners, n.labels, n.quota }
}

func (w *world) patchSpace(s *step) {
	there := pick(w, w.m.spaces)
	if there == nil {
		return
	}
	w.versioned(s)
	w.allow(s, func(a *holder) bool { return there.owns(a) })
	labels, owners := clone(there.labels), clone(there.owners)
	labels["n"] = w.fresh("v")
	patch := map[string]any{"labels": map[string]any{"n": labels["n"]}}
	if w.oneIn(3) {
		delete(labels, "stage")
		patch["labels"] = map[string]any{"n": labels["n"], "stage": nil}
	}
	if owner := w.principal(true); w.oneIn(3) && w.exists(owner) {
		owners = map[string]bool{owner: true}
		patch["owners"] = []string{owner}
	}
	s.method, s.path, s.body, s.there, s.good = http.MethodPatch, "/namespaces/"+there.name, patch, true, true
	s.then = func(answer) { there.labels, there.owners = labels, owners }
}

func (w *world) deleteSpace(s *step) {
	there := pick(w, w.m.spaces)
	if there == nil {
		return
	}
	w.versioned(s)
	w.allow(s, func(a *holder) bool { return there.owns(a) })
	s.method, s.path, s.there, s.good = http.MethodDelete, "/namespaces/"+there.name, true, true
	s.then = func(answer) {
		for i, n := range w.m.spaces {
			if n == there {
				w.m.spaces = append(w.m.spaces[:i:i], w.m.spaces[i+1:]...)
				return
			}
		}
	}
}

// manage notes whether the caller may grant that in the namespace.
func (w *world) manage(s *step, there *space, b grant) {
	w.allow(s, func(a *holder) bool { return there.mayGive(a, b, w.now()) })
}

func (w *world) putBinding(s *step) {
	there := pick(w, w.m.spaces)
	if there == nil {
		return
	}
	p, b := w.principal(w.oneIn(8)), grant{role: pick(w, []string{"view", "edit", "admin"})}
	body := map[string]any{"role": b.role}
	if w.oneIn(3) {
		b.expires = w.now().Add(time.Duration(30+w.random.IntN(900)) * time.Second).UTC().Truncate(time.Second)
		body["expires"] = b.expires
	}
	w.manage(s, there, b)
	_, bound := there.bindings[p]
	if a := w.m.holder(strings.TrimPrefix(p, "account:")); !w.exists(p) || a != nil && a.kind == "organisation" {
		s.not = "nothing can be granted to the principal"
	}
	s.good = true
	if w.oneIn(3) {
		if bound {
			s.not = "it is bound already"
		}
		body["principal"] = p
		s.method, s.path, s.body = http.MethodPost, "/namespaces/"+there.name+"/bindings", body
	} else {
		s.method, s.path, s.body, s.there = http.MethodPut, "/namespaces/"+there.name+"/binding"+query(p), body, bound
		if w.membership(s); bound && b == there.bindings[p] {
			s.idle()
		}
	}
	s.then = func(answer) { there.bindings[p] = b }
}

func (w *world) patchBinding(s *step) {
	there := pick(w, w.m.spaces)
	if there == nil || len(there.bindings) == 0 {
		return
	}
	p := pick(w, sortedKeys(there.bindings))
	b := there.bindings[p]
	patch := map[string]any{}
	if w.oneIn(2) {
		b.expires, patch["expires"] = time.Time{}, nil
	} else {
		b.expires = w.now().Add(time.Duration(901+w.random.IntN(900)) * time.Second).UTC().Truncate(time.Second)
		patch["expires"] = b.expires
	}
	if w.oneIn(2) {
		b.role = pick(w, []string{"view", "edit", "admin"})
		patch["role"] = b.role
	}
	w.manage(s, there, b)
	w.versioned(s)
	s.method, s.path, s.body, s.there, s.good = http.MethodPatch, "/namespaces/"+there.name+"/binding"+query(p), patch, true, true
	if b == there.bindings[p] {
		s.idle()
	}
	s.then = func(answer) { there.bindings[p] = b }
}

func (w *world) deleteBinding(s *step) {
	there := pick(w, w.m.spaces)
	if there == nil || len(there.bindings) == 0 {
		return
	}
	p := pick(w, sortedKeys(there.bindings))
	w.allow(s, func(a *holder) bool { return there.allows(a, "manage", w.now()) || p == "account:"+a.uid })
	w.versioned(s)
	s.method, s.path, s.there, s.good = http.MethodDelete, "/namespaces/"+there.name+"/binding"+query(p), true, true
	s.then = func(answer) { delete(there.bindings, p) }
}
