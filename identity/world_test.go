package identity_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// world writes at random, to things that exist or once existed.
type world struct {
	random   *rand.Rand
	accounts []identity.AccountID
	teams    []identity.TeamID
	tokens   []string
	pending  made
	issued   int // tokens, kept or not
}

// made is what the write under way made; it counts once it is committed.
type made struct {
	accounts []identity.AccountID
	teams    []identity.TeamID
	tokens   []string
}

func (w *world) settle(err error) {
	if err == nil {
		w.accounts = append(w.accounts, w.pending.accounts...)
		w.teams = append(w.teams, w.pending.teams...)
		w.tokens = append(w.tokens, w.pending.tokens...)
	}
	w.pending = made{}
}

func (w *world) someWrites(tx *identity.Tx) error {
	for range 1 + w.random.IntN(4) {
		err := w.one(tx)
		if err != nil && (w.random.IntN(3) == 0 || !refusal(err)) {
			return err // otherwise the caller carries on as if nothing had been
		}
	}
	return nil
}

// recent keeps to a few, so that writes meet each other.
func recent[T any](all ...[]T) []T {
	some := slices.Concat(all...)
	return some[max(0, len(some)-8):]
}

func pick[T any](r *rand.Rand, from []T) (value T) {
	if len(from) > 0 {
		value = from[r.IntN(len(from))]
	}
	return value
}

func (w *world) account() identity.AccountID {
	return pick(w.random, recent(w.accounts, w.pending.accounts))
}
func (w *world) team() identity.TeamID {
	return pick(w.random, recent(w.teams, w.pending.teams))
}
func (w *world) token() string { return pick(w.random, recent(w.tokens, w.pending.tokens)) }

// end is when something expires: a while ago, just now, or later.
func (w *world) end() time.Time {
	return pick(w.random, []time.Time{start.Add(-2 * time.Hour), start, start.Add(time.Hour), start.Add(time.Hour)})
}

func (w *world) issuer() string { return w.name("https://id")[:len("https://id0")] + ".test" }

func (w *world) name(kind string) string { return fmt.Sprintf("%s%d", kind, w.random.IntN(12)) }

func (w *world) namespace() identity.NamespaceName {
	return identity.NamespaceName(fmt.Sprint("ns", w.random.IntN(4)))
}

func (w *world) principal() identity.Principal {
	switch w.random.IntN(3) {
	case 0:
		return identity.AccountPrincipal(w.account())
	case 1:
		return identity.TeamPrincipal(w.team())
	default:
		return identity.GroupPrincipal(w.name("group"))
	}
}

func (w *world) one(tx *identity.Tx) error {
	role := pick(w.random, []identity.MemberRole{identity.Member, identity.Owner})
	steps := []func() error{
		func() error { return w.createAccount(tx) },
		func() error { return w.createAccount(tx) },
		func() error { return w.createTeam(tx) },
		func() error { return w.createTeam(tx) },
		func() error { return w.putNamespace(tx) },
		func() error { return w.putNamespace(tx) },
		func() error { return w.putBinding(tx) },
		func() error { return w.putBinding(tx) },
		func() error { return tx.RemoveBinding(w.namespace(), w.principal()) },
		func() error { return tx.PutMember(w.account(), w.account(), role) },
		func() error { return tx.RemoveMember(w.account(), w.account()) },
		func() error { return tx.PutTeamMember(w.team(), w.account(), role) },
		func() error { return tx.RemoveTeamMember(w.team(), w.account()) },
		func() error { return tx.GrantPlatformRole(w.account(), identity.PlatformRole(w.name("role"))) },
		func() error { return tx.RevokePlatformRole(w.account(), identity.PlatformRole(w.name("role"))) },
		func() error {
			return tx.UpdateAccount(identity.Account{ID: w.account(), State: identity.Disabled, Name: w.name("Name ")})
		},
		func() error { return tx.RevokeAccountTokens(w.account()) },
		func() error { return w.putToken(tx) },
		func() error { return w.putToken(tx) },
		func() error { return tx.RenameToken(w.token(), w.name("Laptop ")) },
		func() error { return tx.RevokeToken(w.token(), w.account(), w.end()) },
		func() error { return tx.RevokeToken(w.name("unknown"), w.account(), w.end()) },
		func() error { return w.putIdentity(tx) },
		func() error { return w.putIdentity(tx) },
		func() error { return tx.RemoveIdentity(w.account(), w.issuer()) },
		func() error { return tx.UpdateTeam(identity.Team{ID: w.team(), Name: w.name("Team ")}) },
		func() error { return w.setPassword(tx) },
		func() error { return tx.PutSetting("issuer", w.name("https://")) },
		func() error { return tx.RemoveNamespace(w.namespace()) },
		func() error { return tx.RemoveTeam(w.team()) },
		func() error { return tx.RemoveAccount(w.account()) },
	}
	return steps[w.random.IntN(len(steps))]()
}

func (w *world) createAccount(tx *identity.Tx) error {
	a, err := tx.CreateAccount(identity.Account{
		Handle: identity.Handle(fmt.Sprintf("h%d", w.random.IntN(1000+4*len(w.accounts)))), State: identity.Active,
		Kind: pick(w.random, []identity.Kind{identity.Person, identity.Service, identity.Organisation}),
		Name: pick(w.random, []string{"", "Ada", "José O'Neill", "名前"}),
	})
	if err == nil {
		w.pending.accounts = append(w.pending.accounts, a.ID)
	}
	return err
}

func (w *world) createTeam(tx *identity.Tx) error {
	t, err := tx.CreateTeam(identity.Team{Organisation: w.account(), Handle: identity.Handle(w.name("team"))})
	if err == nil {
		w.pending.teams = append(w.pending.teams, t.ID)
	}
	return err
}

func (w *world) putNamespace(tx *identity.Tx) error {
	n := identity.Namespace{Name: w.namespace(), Labels: map[string]string{w.name("label"): w.name("v")}}
	for range w.random.IntN(6) {
		n.Owners = append(n.Owners, w.principal())
	}
	if w.random.IntN(2) == 0 {
		n.Quota = json.RawMessage(`{ "hard": {"pods": "4", "cpu": "2"} }`)
	}
	return tx.PutNamespace(n)
}

func (w *world) putBinding(tx *identity.Tx) error {
	return tx.PutBinding(identity.Binding{
		Namespace: w.namespace(), Principal: w.principal(), Expires: pick(w.random, []time.Time{{}, start}),
		Role: pick(w.random, []identity.Role{identity.View, identity.Edit, "custom"}),
	})
}

func (w *world) putToken(tx *identity.Tx) error {
	w.issued++
	token := identity.Token{
		JTI: fmt.Sprint("jti", w.issued), Account: w.account(), Kind: pick(w.random, []string{"access", "personal"}),
		Name: pick(w.random, []string{"", "Laptop"}), Issued: start.Add(-3 * time.Hour), Expires: w.end(),
	}
	if w.random.IntN(2) == 0 {
		token.Scopes = []string{"ingress", w.name("namespace:ns")}
	}
	err := tx.PutToken(token)
	if err == nil {
		w.pending.tokens = append(w.pending.tokens, token.JTI)
	}
	return err
}

func (w *world) putIdentity(tx *identity.Tx) error {
	return tx.PutIdentity(identity.LinkedIdentity{Issuer: w.issuer(), Subject: w.name("subject"), Account: w.account()})
}

func (w *world) setPassword(tx *identity.Tx) error {
	return tx.SetPassword(w.account(), w.name("$argon2id$"), pick(w.random, []time.Time{{}, w.end()}), w.random.IntN(2) == 0)
}
