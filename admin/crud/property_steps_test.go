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

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
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

// Accounts.

// accountBody is a body that an account may have, and the account that comes of it.
func (w *world) accountBody(there holder) (map[string]any, holder) {
	a := there
	a.name = w.fresh("Name ")
	if a.email = ""; w.oneIn(2) || a.handle == "" {
		a.email = strings.ToLower(w.fresh("mail")) + "@corp.test"
	}
	if a.userID = ""; w.oneIn(4) {
		a.userID = w.fresh("User.")
	}
	if a.handle != "" {
		a.state = pick(w, []string{"active", "active", "active", "disabled"})
	}
	body := given(map[string]any{"kind": a.kind, "state": a.state, "name": a.name}, "email", a.email, "user_id", a.userID)
	return body, a
}

func (w *world) newAccount() (map[string]any, holder) {
	a := holder{kind: pick(w, []string{"person", "person", "service"}), state: "invited", generation: 1}
	if !w.oneIn(4) {
		a.handle, a.state = w.fresh("h"), "active"
	}
	body, a := w.accountBody(a)
	if a.handle != "" {
		body["handle"] = strings.ToUpper(a.handle)
	}
	return body, a
}

func (w *world) addAccount(a holder, uid string) {
	a.uid, a.roles, a.teams, a.organisations = uid, map[string]bool{}, map[string]string{}, map[string]string{}
	there := &a
	w.m.accounts = append(w.m.accounts, there)
	if a.state != "disabled" {
		w.mint(there, token.AccessOptions{TTL: tokenLife})
	}
}

func (w *world) createAccount(s *step) {
	if !few(w.m.accounts, 18) {
		return
	}
	body, a := w.newAccount()
	w.allow(s, nobodyElse)
	if taken := pick(w, w.m.accounts); w.oneIn(6) && taken.handle != "" {
		body["handle"], s.not = taken.handle, "the handle is taken"
	}
	s.method, s.path, s.body, s.good = http.MethodPost, "/accounts", body, true
	s.then = func(got answer) { w.addAccount(a, made(got, "uid")) }
}

func (w *world) putAccount(s *step) {
	s.method = http.MethodPut
	if few(w.m.accounts, 18) && w.oneIn(3) {
		w.allow(s, nobodyElse)
		body, a := w.newAccount()
		uid := ulid.Make().String()
		if w.oneIn(4) && len(w.m.gone) > 0 {
			uid, s.not = pick(w, w.m.gone), "the uid is never given out again"
		}
		s.path, s.body, s.etag, s.good = "/accounts/"+uid, body, pick(w, []string{unsaid, onlyNew, rightVersion}), true
		s.then = func(answer) { w.addAccount(a, uid) }
		return
	}
	there := pick(w, w.people())
	body, a := w.accountBody(*there)
	w.versioned(s)
	w.allow(s, func(by *holder) bool {
		return by == there && a.state == there.state && a.email == there.email && a.userID == there.userID
	})
	s.path, s.body, s.there, s.replaces, s.good = "/accounts/"+there.uid, body, true, true, true
	s.then = func(answer) { *there = a }
}

func (w *world) patchAccount(s *step) {
	there := pick(w, w.people())
	w.versioned(s)
	s.method, s.path, s.there, s.good = http.MethodPatch, "/accounts/"+there.uid, true, true
	if s.by != w.root && w.oneIn(2) {
		if own := w.m.holder(s.by.account); own != nil && own.uid != w.root.account && own.kind != "organisation" {
			there, s.path = own, "/accounts/"+own.uid
		}
	}
	name := w.fresh("Name ")
	patch := map[string]any{"name": name}
	state := there.state
	if w.oneIn(2) {
		if state = pick(w, []string{"active", "disabled"}); there.handle == "" {
			state = there.state
		}
		patch["state"] = state
	}
	w.allow(s, func(a *holder) bool { return a == there && state == there.state })
	s.body = patch
	s.then = func(answer) { there.name, there.state = name, state }
}

func (w *world) deleteAccount(s *step) {
	there := pick(w, w.people())
	if few(w.people(), 5) {
		return
	}
	w.allow(s, nobodyElse)
	w.versioned(s)
	if w.m.lastOwners(w.m.leaving(there)...) {
		s.not = "it is the last owner of a namespace"
	}
	s.method, s.path, s.there, s.good = http.MethodDelete, "/accounts/"+there.uid, true, true
	s.then = func(answer) { w.m.removeAccount(there) }
}

func (w *world) putRole(s *step) {
	there := pick(w, w.people())
	role := pick(w, []string{"auditor", "auditor", "curator", "admin"})
	w.allow(s, nobodyElse)
	s.method, s.path, s.good = http.MethodPut, "/accounts/"+there.uid+"/roles/"+role, true
	s.then = func(answer) { there.roles[role] = true }
}

func (w *world) deleteRole(s *step) {
	there := w.oneOf(w.people(), func(a *holder) bool { return len(a.roles) > 0 })
	role := pick(w, append(sortedKeys(there.roles), "auditor"))
	w.allow(s, nobodyElse)
	if !there.roles[role] {
		s.not = "the account does not have the role"
	}
	s.method, s.path, s.good = http.MethodDelete, "/accounts/"+there.uid+"/roles/"+role, true
	s.then = func(answer) { delete(there.roles, role) }
}

func (w *world) putIdentity(s *step) {
	there := pick(w, w.people())
	subject := "sub" + strconv.Itoa(w.random.IntN(subjects))
	key := identity.IdentityKey(w.idp.URL, subject)
	w.allow(s, nobodyElse)
	if slices.ContainsFunc(w.m.accounts, func(a *holder) bool { return a != there && a.linked == key }) {
		s.not = "the identity is another account's"
	}
	s.method, s.path, s.body, s.good = http.MethodPut, "/accounts/"+there.uid+"/identities/corp", map[string]any{"subject": subject}, true
	s.then = func(answer) { there.linked = key }
}

// subjects is how many people the trusted issuer knows.
const subjects = 5

func (w *world) deleteIdentity(s *step) {
	there := w.oneOf(w.people(), func(a *holder) bool { return a.linked != "" })
	w.allow(s, nobodyElse)
	if there.linked == "" {
		s.not = "there is no link"
	}
	s.method, s.path, s.good = http.MethodDelete, "/accounts/"+there.uid+"/identities/corp", true
	s.then = func(answer) { there.linked = "" }
}

func (w *world) putPassword(s *step) {
	there := pick(w, w.people())
	password := w.fresh("correct horse battery ")
	body := map[string]any{"password": password}
	own := s.by.account == there.uid
	if w.allow(s, func(a *holder) bool { return a == there }); own {
		if body["current"] = there.password; there.password == "" {
			return // a try without one counts against the account, which is another test's
		}
	}
	s.method, s.path, s.body, s.good = http.MethodPut, "/accounts/"+there.uid+"/password", body, !own || there.acts()
	s.then = func(answer) {
		there.password = password
		there.passwordDoc.Changed, there.passwordDoc.MustChange = w.now().Unix(), !own
		there.passwordDoc.Version++
	}
}

// Tokens.

func (w *world) createToken(s *step) {
	if s.by == w.root && w.oneIn(2) {
		s.by = w.somebody()
	}
	body := map[string]any{"name": w.fresh("program ")}
	if w.oneIn(3) {
		body["scopes"] = []string{"nothing"}
	}
	target := s.by.account
	if a := pick(w, w.people()); a != nil && w.oneIn(3) {
		target = a.uid
	}
	w.allow(s, func(a *holder) bool { return a.uid == target })
	of := w.m.holder(target)
	if s.not == "" && (s.by.kind != token.KindLogin || target != s.by.account && of.kind != "service") {
		s.not = "nobody speaks for another, and no program makes tokens"
	}
	s.method, s.path, s.body, s.good = http.MethodPost, "/accounts/"+target+"/tokens", body, true
	s.then = func(got answer) {
		t := read[struct {
			JTI, Account, Kind, Name, Token string
			Scopes                          []string
			Issued, Expires                 time.Time
		}](w.tb, got.body)
		w.m.tokens = append(w.m.tokens, &bearer{
			jti: t.JTI, account: t.Account, kind: t.Kind, name: t.Name, raw: t.Token, scopes: t.Scopes, issued: t.Issued, expires: t.Expires,
		})
	}
}

// someToken is one that was given out; root keeps theirs.
func (w *world) someToken() *bearer {
	if t := w.somebody(); t.account != w.root.account {
		return t
	}
	return nil
}

func (w *world) renameToken(s *step) {
	t := w.someToken()
	if t == nil {
		return
	}
	w.allow(s, func(a *holder) bool { return a.uid == t.account })
	if t.dead {
		s.not = "the token is no more"
	}
	name := w.fresh("program ")
	s.method, s.path, s.body, s.there, s.good = http.MethodPatch, "/tokens/"+t.jti, map[string]any{"name": name}, !t.dead, true
	if s.there {
		w.versioned(s)
	}
	s.then = func(answer) { t.name = name }
}

func (w *world) deleteToken(s *step) {
	t := w.someToken()
	if t == nil {
		return
	}
	w.allow(s, func(a *holder) bool { return a.uid == t.account })
	if t.dead {
		s.not = "the token is no more"
	}
	s.method, s.path, s.good = http.MethodDelete, "/tokens/"+t.jti, true
	s.then = func(answer) { t.dead, t.revoked = true, true }
}

func (w *world) deleteTokens(s *step) {
	there := pick(w, w.people())
	w.allow(s, func(a *holder) bool { return a == there })
	s.method, s.path, s.good = http.MethodDelete, "/accounts/"+there.uid+"/tokens", true
	s.then = func(answer) {
		there.generation++
		w.m.endTokens(there)
		w.mint(there, token.AccessOptions{TTL: tokenLife})
	}
}

func query(principal string) string { return "?principal=" + url.QueryEscape(principal) }

func clone[V any](of map[string]V) map[string]V {
	if of == nil {
		return map[string]V{}
	}
	return maps.Clone(of)
}
