package crud_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// step is one request, what the model knows of it beforehand, and what it learns from an
// answer that says it was done.
type step struct {
	by           *bearer
	method, path string
	body         any
	etag         string // what is sent of conditions, see conditions
	replaces     bool   // a whole document that is there by another one: needs its version
	there        bool   // what the path names is there
	good         bool   // nothing is wrong with it, so that it must be done
	not          string // why it must not be done
	then         func(answer)
}

// The conditions of a step.
const (
	unsaid       = ""
	rightVersion = "right"
	staleVersion = "stale"
	anyVersion   = "any"
	onlyNew      = "new"
)

// step does one thing at random.
func (w *world) step() {
	if w.oneIn(25) {
		w.pass(time.Duration(w.random.IntN(200)) * time.Second)
	}
	s := &step{by: w.root}
	if w.oneIn(3) {
		s.by = w.somebody()
	}
	kinds := w.kinds()
	kind := kinds[w.random.IntN(len(kinds))]
	if kind.do(s); s.path == "" {
		return // there is nothing to do it to
	}
	if w.perform(s) {
		w.done[kind.name]++
	}
}

// kind is a kind of step.
type kind struct {
	name string
	do   func(*step)
}

// kinds are all of them; what is needed for others more than once.
func (w *world) kinds() []kind {
	account := []kind{
		{"make an account", w.createAccount}, {"make an account", w.createAccount}, {"put an account", w.putAccount}, {"put an account", w.putAccount},
		{"patch an account", w.patchAccount}, {"patch an account", w.patchAccount}, {"remove an account", w.deleteAccount},
		{"give a role", w.putRole}, {"take a role", w.deleteRole}, {"link", w.putIdentity}, {"unlink", w.deleteIdentity}, {"set a password", w.putPassword},
		{"make a token", w.createToken}, {"name a token", w.renameToken}, {"revoke a token", w.deleteToken}, {"revoke all tokens", w.deleteTokens},
	}
	organisation := []kind{
		{"make an organisation", w.createOrganisation}, {"change an organisation", w.putOrganisation}, {"remove an organisation", w.deleteOrganisation},
		{"put a member", w.putMember}, {"put a member", w.putMember}, {"remove a member", w.deleteMember},
		{"make a team", w.createTeam}, {"make a team", w.createTeam}, {"change a team", w.putTeam}, {"remove a team", w.deleteTeam},
		{"put a team member", w.putTeamMember}, {"put a team member", w.putTeamMember}, {"remove a team member", w.deleteTeamMember},
	}
	return slices.Concat(account, organisation, []kind{
		{"make a namespace", w.createSpace}, {"put a namespace", w.putSpace}, {"put a namespace", w.putSpace},
		{"patch a namespace", w.patchSpace}, {"remove a namespace", w.deleteSpace},
		{"put a binding", w.putBinding}, {"put a binding", w.putBinding}, {"put a binding", w.putBinding}, {"put a binding", w.putBinding},
		{"patch a binding", w.patchBinding}, {"remove a binding", w.deleteBinding},
	})
}

// somebody holds a token, mostly one that counts.
func (w *world) somebody() *bearer {
	var alive []*bearer
	for _, t := range w.m.tokens {
		if w.counts(t) && t != w.root {
			alive = append(alive, t)
		}
	}
	if w.oneIn(6) || len(alive) == 0 {
		return pick(w, w.m.tokens)
	}
	return pick(w, alive)
}

// perform sends a step, holds the answer against what the model knows, and says whether
// it was done.
func (w *world) perform(s *step) bool {
	w.tb.Helper()
	header := w.conditions(s)
	before, body := w.Directory.Revision(), ""
	if s.body != nil {
		body = compact(s.body)
	}
	got := w.send(s.by.raw, s.method, s.path, body, header)
	after := w.Directory.Revision()
	w.answers[got.status]++
	w.history = append(w.history, fmt.Sprintf("%s %s %s %s %v -> %d %s", w.named(s.by), s.method, s.path, body, header, got.status, got.body))
	done := got.status/100 == 2
	switch {
	case got.status >= 500:
		w.fail("broke: status %d", got.status)
	case !w.counts(s.by) && got.status != http.StatusUnauthorized:
		w.fail("a token that counts no more was answered %d, want 401", got.status)
	case done && s.not != "":
		w.fail("was done, though %s", s.not)
	case !done && s.not == "" && s.good:
		w.fail("was refused, though nothing is wrong with it")
	case s.by == w.root && s.there && s.etag == staleVersion && got.status != http.StatusPreconditionFailed && got.status != http.StatusBadRequest:
		w.fail("with a stale version: status %d, want 412", got.status)
	case !done && after != before:
		w.fail("was refused and yet made revision %d", after)
	case done && got.header.Get("Gatehouse-Revision") != strconv.FormatUint(after, 10):
		w.fail("answered revision %q, the directory is at %d", got.header.Get("Gatehouse-Revision"), after)
	case done && after > before+1:
		w.fail("made the revisions %d to %d", before+1, after)
	}
	if done {
		s.then(got)
	}
	return done
}

// conditions are the headers of the step's condition, and its consequences.
func (w *world) conditions(s *step) http.Header {
	header := http.Header{}
	current := ""
	if s.there && (s.etag == rightVersion || s.etag == staleVersion) {
		got := w.send(w.root.raw, http.MethodGet, s.path, "", nil)
		if current = got.header.Get("ETag"); got.status != http.StatusOK || current == "" {
			w.fail("GET %s, which is there: status %d, ETag %q", s.path, got.status, current)
		}
	}
	switch s.etag {
	case rightVersion:
		if header.Set("If-Match", current); current == "" {
			header.Set("If-Match", madeUp)
		}
	case staleVersion:
		old := w.seen[s.path]
		if old == current || old == "" {
			old = madeUp
		}
		header.Set("If-Match", old)
		s.not = "its version is stale"
	case anyVersion:
		header.Set("If-Match", "*")
	case onlyNew:
		header.Set("If-None-Match", "*")
		if s.there {
			s.not = "it is there already"
		}
	case unsaid:
		if s.replaces {
			s.not = "it replaces what was not read"
		}
	}
	if !s.there && (s.etag == rightVersion || s.etag == anyVersion) {
		s.not = "there is nothing to match"
	}
	if current != "" {
		w.seen[s.path] = current
	}
	return header
}

const madeUp = `"0123456789abcdefghijkl"` // the version of nothing

// versioned picks the condition of a step on what has versions, mostly a good one.
func (w *world) versioned(s *step) {
	s.etag = pick(w, []string{rightVersion, rightVersion, rightVersion, rightVersion, anyVersion, unsaid, unsaid, staleVersion})
}

// counts says whether a token lets anybody act.
func (w *world) counts(t *bearer) bool {
	return !t.dead && w.m.holder(t.account).acts()
}

// allow notes whether the caller may do it: platform admins may, and who else is to.
func (w *world) allow(s *step, who func(a *holder) bool) {
	a := w.m.holder(s.by.account)
	switch {
	case !w.counts(s.by):
		s.not = "the token counts no more"
	case len(s.by.scopes) > 0:
		s.not = "the token is narrowed to nothing"
	case !a.roles["admin"] && !who(a):
		s.not = notTheirs
	}
}

const notTheirs = "it is not the caller's to do"

// idle is for a step that leaves things as they are: whoever may see them may do that.
func (s *step) idle() {
	if s.not == notTheirs {
		s.not, s.good = "", false
	}
}

func nobodyElse(*holder) bool { return false }

func (w *world) named(t *bearer) string {
	if a := w.m.holder(t.account); a != nil {
		return t.kind + " token of " + a.handle + " " + a.uid
	}
	return t.kind + " token of " + t.account + ", who is gone"
}

// people are accounts that may act, a few at least; root is never among those that lose
// something.
func (w *world) people() []*holder {
	return slices.DeleteFunc(slices.Clone(w.m.accounts), func(a *holder) bool { return a.kind == "organisation" || a.uid == w.root.account })
}

func (w *world) organisations() []*holder {
	return slices.DeleteFunc(slices.Clone(w.m.accounts), func(a *holder) bool { return a.kind != "organisation" })
}

// oneOf is an account, mostly one that is as wanted.
func (w *world) oneOf(all []*holder, wanted func(*holder) bool) *holder {
	some := slices.DeleteFunc(slices.Clone(all), func(a *holder) bool { return !wanted(a) })
	if len(some) > 0 && !w.oneIn(5) {
		return pick(w, some)
	}
	return pick(w, all)
}

// few keeps the directory so small that writes meet each other.
func few[T any](all []T, most int) bool { return len(all) < most }

// principal is one that may be granted something, or something else.
func (w *world) principal(organisations bool) string {
	switch w.random.IntN(5) {
	case 0:
		if g := pick(w, w.m.teams); g != nil {
			return "team:" + g.uid
		}
	case 1:
		return pick(w, []string{"group:interns", "group:corp:devs"})
	case 2:
		if o := pick(w, w.organisations()); o != nil && organisations {
			return "account:" + o.uid
		}
	case 3:
		if w.oneIn(4) && len(w.m.gone) > 0 {
			return "account:" + pick(w, w.m.gone)
		}
	}
	if a := pick(w, w.people()); a != nil {
		return "account:" + a.uid
	}
	return "group:interns"
}

// exists says whether a principal may be granted something.
func (w *world) exists(p string) bool {
	kind, id, _ := strings.Cut(p, ":")
	switch kind {
	case "account":
		return w.m.holder(id) != nil
	case "team":
		return w.m.team(id) != nil
	}
	return true
}

func made(got answer, key string) string {
	members := map[string]any{}
	if err := decodeJSON(got.body, &members); err != nil {
		return ""
	}
	text, _ := members[key].(string)
	return text
}

func query(principal string) string { return "?principal=" + url.QueryEscape(principal) }

func clone[V any](of map[string]V) map[string]V {
	if of == nil {
		return map[string]V{}
	}
	return maps.Clone(of)
}
