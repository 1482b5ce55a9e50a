package crud_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

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
