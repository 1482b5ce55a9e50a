package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// everything reads a list to its end, a page of a few at a time.
func everything[T any](t *testing.T, limit int, page func(identity.Page) ([]T, string, error), key func(T) string) (all []string) {
	t.Helper()
	for after := ""; ; {
		items, next, err := page(identity.Page{After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > limit {
			t.Fatalf("a page of %d has %d items", limit, len(items))
		}
		for _, item := range items {
			all = append(all, key(item))
		}
		if next == "" {
			return all
		}
		after = next
	}
}

// perhaps is one of the values, or nothing.
func perhaps[T any](r *rand.Rand, values []T) (none T) {
	if len(values) == 0 || r.IntN(2) == 0 {
		return none
	}
	return values[r.IntN(len(values))]
}

func TestLists_are_what_a_look_at_everything_finds(t *testing.T) {
	d := fresh(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	w := &world{random: r}
	for range 300 {
		_, err := d.Write(t.Context(), "test", w.someWrites)
		w.settle(err)
	}
	err := d.Read(t.Context(), func(tx *identity.Tx) error {
		s := survey(t, tx)
		for range 150 {
			s.accountsAgree(t, tx, r)
			s.teamsAgree(t, tx, r)
			s.namespacesAgree(t, tx, r)
			s.bindingsAgree(t, tx, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// surveyed is everything that there is.
type surveyed struct {
	accounts   []identity.Account
	teams      []identity.Team
	namespaces []identity.Namespace
	principals []identity.Principal
}

func survey(t *testing.T, tx *identity.Tx) (s surveyed) {
	t.Helper()
	for a, err := range tx.Accounts() {
		if err != nil {
			t.Fatal(err)
		}
		s.accounts = append(s.accounts, a)
		s.principals = append(s.principals, identity.AccountPrincipal(a.ID))
	}
	for team, err := range tx.Teams() {
		if err != nil {
			t.Fatal(err)
		}
		s.teams = append(s.teams, team)
		s.principals = append(s.principals, identity.TeamPrincipal(team.ID))
	}
	for n, err := range tx.Namespaces() {
		if err != nil {
			t.Fatal(err)
		}
		s.namespaces = append(s.namespaces, n)
	}
	return s
}

func agree(t *testing.T, filter any, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%+v\n got %q\nwant %q", filter, got, want)
	}
}

func (s surveyed) accountsAgree(t *testing.T, tx *identity.Tx, r *rand.Rand) {
	t.Helper()
	one := s.accounts[r.IntN(len(s.accounts))]
	f := identity.AccountFilter{
		Kind:  perhaps(r, []identity.Kind{identity.Person, identity.Service, identity.Organisation}),
		State: perhaps(r, []identity.State{identity.Invited, identity.Active, identity.Disabled}),
		Role:  perhaps(r, one.Roles), Prefix: perhaps(r, []string{string(one.Handle)[:min(len(one.Handle), 1)]}),
	}
	switch r.IntN(6) {
	case 0:
		f.ID = one.ID
	case 1:
		f.Handle = one.Handle
	case 2:
		f.Email = string(one.Email)
	case 3:
		f.UserID = one.UserID
	case 4:
		f.Kind, f.Member = identity.Organisation, one.ID
	}
	if r.IntN(4) == 0 {
		f.ID = s.accounts[r.IntN(len(s.accounts))].ID // two conditions of one account each
	}
	var want []string
	for _, a := range s.accounts {
		if f.Kind == "" && a.Kind == identity.Organisation || f.Kind != "" && a.Kind != f.Kind ||
			f.State != "" && a.State != f.State || f.ID != "" && a.ID != f.ID || f.Handle != "" && a.Handle != f.Handle ||
			f.Email != "" && string(a.Email) != f.Email || f.UserID != "" && a.UserID != f.UserID ||
			f.Role != "" && !slices.Contains(a.Roles, f.Role) || !strings.HasPrefix(string(a.Handle), f.Prefix) {
			continue
		}
		if f.Member != "" {
			if _, in := one.Organisations[a.ID]; !in {
				continue
			}
		}
		want = append(want, string(a.ID))
	}
	byID := func(a identity.Account) string { return string(a.ID) }
	got := everything(t, 1+r.IntN(7), func(p identity.Page) ([]identity.Account, string, error) { return tx.ListAccounts(f, p) }, byID)
	slices.Sort(want)
	if f.Prefix != "" { // in the order of handles
		slices.Sort(got)
	}
	agree(t, f, got, want)
}

func (s surveyed) teamsAgree(t *testing.T, tx *identity.Tx, r *rand.Rand) {
	t.Helper()
	if len(s.teams) == 0 {
		return
	}
	one := s.teams[r.IntN(len(s.teams))]
	f := identity.TeamFilter{Organisation: perhaps(r, []identity.AccountID{one.Organisation}), Handle: perhaps(r, []identity.Handle{one.Handle})}
	for member := range one.Members {
		f.Member = perhaps(r, []identity.AccountID{member})
	}
	var want []string
	for _, team := range s.teams {
		_, in := team.Members[f.Member]
		if (f.Organisation == "" || team.Organisation == f.Organisation) && (f.Handle == "" || team.Handle == f.Handle) && (f.Member == "" || in) {
			want = append(want, string(team.ID))
		}
	}
	got := everything(t, 1+r.IntN(7), func(p identity.Page) ([]identity.Team, string, error) { return tx.ListTeams(f, p) },
		func(team identity.Team) string { return string(team.ID) })
	slices.Sort(want)
	agree(t, f, got, want)
}

func (s surveyed) namespacesAgree(t *testing.T, tx *identity.Tx, r *rand.Rand) {
	t.Helper()
	if len(s.namespaces) == 0 {
		return
	}
	one := s.namespaces[r.IntN(len(s.namespaces))]
	f := identity.NamespaceFilter{Owner: perhaps(r, one.Owners), Prefix: perhaps(r, []string{string(one.Name)[:1]})}
	for label, value := range one.Labels {
		f.Label = perhaps(r, []string{label})
		if f.Label != "" {
			f.Value = perhaps(r, []string{value})
		}
		break
	}
	if r.IntN(2) == 0 {
		f.Members = []identity.Principal{}
		for range r.IntN(4) {
			f.Members = append(f.Members, s.principals[r.IntN(len(s.principals))])
		}
	}
	var want []string
	for _, n := range s.namespaces {
		value, labelled := n.Labels[f.Label]
		if !strings.HasPrefix(string(n.Name), f.Prefix) || f.Owner != "" && !slices.Contains(n.Owners, f.Owner) ||
			f.Label != "" && (!labelled || f.Value != "" && value != f.Value) || f.Members != nil && !anyHolds(n, f.Members) {
			continue
		}
		want = append(want, string(n.Name))
	}
	got := everything(t, 1+r.IntN(7), func(p identity.Page) ([]identity.Namespace, string, error) { return tx.ListNamespaces(f, p) },
		func(n identity.Namespace) string { return string(n.Name) })
	agree(t, f, got, want)
}

func anyHolds(n identity.Namespace, principals []identity.Principal) bool {
	return slices.ContainsFunc(principals, func(p identity.Principal) bool {
		return slices.Contains(n.Owners, p) || slices.ContainsFunc(n.Bindings, func(b identity.Binding) bool {
			return b.Principal == p && (b.Expires.IsZero() || b.Expires.After(time.Now()))
		})
	})
}

func (s surveyed) bindingsAgree(t *testing.T, tx *identity.Tx, r *rand.Rand) {
	t.Helper()
	if len(s.namespaces) == 0 {
		return
	}
	f := identity.BindingFilter{
		Namespace: perhaps(r, []identity.NamespaceName{s.namespaces[r.IntN(len(s.namespaces))].Name}),
		Role:      perhaps(r, []identity.Role{identity.View, identity.Edit, identity.Admin}),
	}
	if r.IntN(2) == 0 {
		f.Principals = []identity.Principal{}
		for range r.IntN(5) {
			f.Principals = append(f.Principals, s.principals[r.IntN(len(s.principals))])
		}
	}
	key := func(b identity.Binding) string { return fmt.Sprint(b.Namespace, " ", b.Principal) }
	var want []string
	for _, n := range s.namespaces {
		for _, b := range n.Bindings {
			if (f.Namespace == "" || n.Name == f.Namespace) && (f.Role == "" || b.Role == f.Role) &&
				(f.Principals == nil || slices.Contains(f.Principals, b.Principal)) {
				want = append(want, key(b))
			}
		}
	}
	got := everything(t, 1+r.IntN(7), func(p identity.Page) ([]identity.Binding, string, error) { return tx.ListBindings(f, p) }, key)
	agree(t, f, got, want)
}
