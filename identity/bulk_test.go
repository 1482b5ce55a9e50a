package identity_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// item is the place in an error about one of several things.
func item(tb testing.TB, err error) int {
	tb.Helper()
	var refused *identity.ItemError
	if !errors.As(err, &refused) {
		tb.Fatalf("got error %v, want one with a place", err)
	}
	return refused.Item
}

// Whether accounts come one by one or all at once, the same ones must be refused, and
// for the same reason: names are folded, so that twins are easy to miss.
func TestAccounts_at_once_are_refused_like_those_one_by_one(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	spellings := []string{"a@x.org", "A@x.org", "b@x.org", "B@X.org", "c"}
	random := func() identity.Account {
		a := identity.Account{Kind: identity.Person, State: identity.Invited}
		if r.IntN(2) == 0 {
			a.Handle = identity.Handle(pick(r, []string{"h1", "H1", "h2", "h3", "-"}))
		}
		if r.IntN(2) == 0 {
			a.Email = identity.Email(pick(r, spellings))
		}
		if r.IntN(2) == 0 {
			a.UserID = pick(r, spellings)
		}
		if r.IntN(4) == 0 {
			a.ID = identity.AccountID(pick(r, []string{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW", "x"}))
		}
		return a
	}
	d := fresh(t)
	write(t, d, func(tx *identity.Tx) error {
		_, err := tx.CreateAccounts([]identity.Account{
			{Kind: identity.Person, State: identity.Active, Handle: "h3", Email: "c@x.org", UserID: "B@x.org"},
		})
		return err
	})
	outcomes := map[string]int{}
	for range 400 {
		accounts := make([]identity.Account, 1+r.IntN(4))
		for i := range accounts {
			accounts[i] = random()
		}
		var single, many error
		_, err := d.Plan(t.Context(), "test", func(tx *identity.Tx) error {
			for i, a := range accounts {
				if _, err := tx.CreateAccount(a); err != nil {
					single = &identity.ItemError{Item: i, Err: err}
					return nil
				}
			}
			return nil
		})
		is(t, err, nil)
		planned, err := d.Plan(t.Context(), "test", func(tx *identity.Tx) error {
			_, many = tx.CreateAccounts(accounts)
			return nil
		})
		is(t, err, nil)
		outcomes[fmt.Sprint(many)]++
		if (single == nil) != (many == nil) || many != nil && len(planned) > 0 {
			t.Fatalf("%+v: one by one %v, at once %v with %d documents", accounts, single, many, len(planned))
		}
		// A malformed name is found before any is compared with others, so that the
		// two may name different ones of several that are wrong.
		var malformed *identity.InvalidError
		if many != nil && !errors.As(many, &malformed) && !errors.As(single, &malformed) &&
			many.Error()+fmt.Sprint(item(t, many)) != single.Error()+fmt.Sprint(item(t, single)) && !idTaken(many, single) {
			t.Errorf("%+v:\none by one %v (%d)\nat once    %v (%d)", accounts, single, item(t, single), many, item(t, many))
		}
	}
	if len(outcomes) < 6 {
		t.Errorf("only these outcomes were met: %v", outcomes)
	}
}

// idTaken: identifiers are looked at before names.
func idTaken(errs ...error) bool {
	for _, err := range errs {
		if err.Error() == "create account: account id: already exists" {
			return true
		}
	}
	return false
}

func TestMany_written_at_once_are_as_if_written_one_by_one(t *testing.T) {
	people := make([]identity.Account, 40)
	for i := range people {
		people[i] = identity.Account{
			ID:     identity.AccountID(fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69G5F%02d", i)),
			Handle: identity.Handle(fmt.Sprint("p", i)), Kind: identity.Person, State: identity.Active, Name: `<&> \ 'é' \u0041`,
		}
	}
	spaces := make([]identity.Namespace, 30)
	var bindings []identity.Binding
	for i := range spaces {
		spaces[i] = identity.Namespace{
			Name: identity.NamespaceName(fmt.Sprint("ns", i)), Labels: map[string]string{"k": fmt.Sprint(i), "empty": ""},
			Owners: []identity.Principal{identity.AccountPrincipal(people[i].ID), identity.GroupPrincipal(`/a \n 'group`)},
		}
		for _, p := range []identity.Principal{identity.AccountPrincipal(people[i+3].ID), "group:g"} {
			bindings = append(bindings, identity.Binding{Namespace: spaces[i].Name, Principal: p, Role: identity.View, Expires: start})
		}
	}
	members := []identity.Membership{{Account: people[0].ID, Role: identity.Owner}, {Account: people[1].ID, Role: identity.Member}}
	several, each := fresh(t), fresh(t)
	org := identity.Account{ID: "01ARZ3NDEKTSV4RRFFQ69G5FZZ", Handle: "acme", Kind: identity.Organisation, State: identity.Active}
	team := identity.Team{ID: "01ARZ3NDEKTSV4RRFFQ69G5FZY", Organisation: org.ID, Handle: "r"}
	write(t, several, func(tx *identity.Tx) error {
		_, err := tx.CreateAccounts(append(people, org))
		_, errTeam := tx.CreateTeam(team)
		return firstError([]error{
			err, errTeam, tx.PutMembers(org.ID, members), tx.PutTeamMembers(team.ID, members),
			tx.PutNamespaces(spaces), tx.PutBindings(bindings),
		})
	})
	write(t, each, func(tx *identity.Tx) error {
		var errs []error
		for _, a := range append(people, org) {
			_, err := tx.CreateAccount(a)
			errs = append(errs, err)
		}
		_, err := tx.CreateTeam(team)
		errs = append(errs, err)
		for _, m := range members {
			errs = append(errs, tx.PutMember(org.ID, m.Account, m.Role), tx.PutTeamMember(team.ID, m.Account, m.Role))
		}
		for _, n := range spaces {
			errs = append(errs, tx.PutNamespace(n))
		}
		for _, b := range bindings {
			errs = append(errs, tx.PutBinding(b))
		}
		return firstError(errs)
	})
	_, got := exported(t, several)
	_, want := exported(t, each)
	same(t, got, want)
	same(t, folded(t, several), want)
	t.Run("and written again they change nothing", func(t *testing.T) {
		revision := write(t, several, func(tx *identity.Tx) error {
			return firstError([]error{
				tx.PutNamespaces(spaces), tx.PutBindings(bindings),
				tx.PutMembers(org.ID, members), tx.PutTeamMembers(team.ID, members),
			})
		})
		same(t, revision, 1)
	})
}

func TestOne_of_many_that_is_refused_is_named_and_takes_all_back(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	namespace(t, d, "lab", identity.AccountPrincipal(ada.ID))
	const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	owned := func(names ...identity.NamespaceName) (spaces []identity.Namespace) {
		for _, name := range names {
			spaces = append(spaces, identity.Namespace{Name: name, Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}})
		}
		return spaces
	}
	bound := func(principals ...identity.Principal) (bindings []identity.Binding) {
		for _, p := range principals {
			bindings = append(bindings, identity.Binding{Namespace: "lab", Principal: p, Role: identity.View})
		}
		return bindings
	}
	full := make([]identity.Principal, 10_001)
	for i := range full {
		full[i] = identity.GroupPrincipal(fmt.Sprint("g", i))
	}
	full[7] = full[6] // is not one more
	full = append(full, "group:one-too-many")
	for name, c := range map[string]struct {
		write func(*identity.Tx) error
		item  int
		cause error // nil = an InvalidError
	}{
		"a namespace with a bad name":     {func(tx *identity.Tx) error { return tx.PutNamespaces(owned("a", "b", "C")) }, 2, nil},
		"a namespace that is there twice": {func(tx *identity.Tx) error { return tx.PutNamespaces(owned("a", "b", "a")) }, 2, identity.ErrConflict},
		"a namespace of nobody": {func(tx *identity.Tx) error {
			return tx.PutNamespaces(append(owned("a"), identity.Namespace{Name: "b"}))
		}, 1, identity.ErrConflict},
		"an owner whom nobody knows": {func(tx *identity.Tx) error {
			return tx.PutNamespaces(append(owned("a"), identity.Namespace{Name: "b", Owners: []identity.Principal{"account:" + nobody}}))
		}, 1, identity.ErrNotFound},
		"a binding of nobody": {func(tx *identity.Tx) error { return tx.PutBindings(bound("group:a", "team:"+nobody)) }, 1, identity.ErrNotFound},
		"a binding of an organisation": {func(tx *identity.Tx) error {
			return tx.PutBindings(bound("group:a", identity.AccountPrincipal(acme.ID)))
		}, 1, nil},
		"a binding in no namespace": {func(tx *identity.Tx) error {
			return tx.PutBindings(append(bound("group:a"), identity.Binding{Namespace: "x", Principal: "group:a", Role: "r"}))
		}, 1, identity.ErrNotFound},
		"a binding too many": {func(tx *identity.Tx) error { return tx.PutBindings(bound(full...)) }, 10_001, nil},
		"a member whom nobody knows": {func(tx *identity.Tx) error {
			return tx.PutMembers(acme.ID, []identity.Membership{{Account: ada.ID, Role: "owner"}, {Account: nobody, Role: "owner"}})
		}, 1, identity.ErrNotFound},
		"a member that is an organisation": {func(tx *identity.Tx) error {
			return tx.PutMembers(acme.ID, []identity.Membership{{Account: ada.ID, Role: "owner"}, {Account: acme.ID, Role: "owner"}})
		}, 1, nil},
		"a member with a role of his own": {func(tx *identity.Tx) error {
			return tx.PutMembers(acme.ID, []identity.Membership{{Account: ada.ID, Role: "owner"}, {Account: ada.ID, Role: "boss"}})
		}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var refused error
			planned, err := d.Plan(t.Context(), "test", func(tx *identity.Tx) error {
				refused = c.write(tx)
				return nil
			})
			is(t, err, nil)
			same(t, item(t, refused), c.item)
			var invalid *identity.InvalidError
			if c.cause != nil && !errors.Is(refused, c.cause) || c.cause == nil && !errors.As(refused, &invalid) {
				t.Errorf("got cause %v, want %v", refused, c.cause)
			}
			same(t, len(planned), 0)
		})
	}
	t.Run("but a namespace may be filled to the brim", func(t *testing.T) {
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.PutBindings(bound(full[:10_001]...)) }), nil)
		isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.PutBinding(bound("group:one-too-many")[0]) }), "namespace")
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.PutBindings(bound(full[5], full[9])) }), nil)
	})
}

func TestRehearsals_refuse_what_a_write_would_and_leave_nothing(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	m := attach(t, d)
	change := func(tx *identity.Tx) error {
		return tx.PutNamespace(identity.Namespace{Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}})
	}
	is(t, d.Rehearse(t.Context(), func(tx *identity.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		_, err := tx.Namespace("lab") // is there for whatever comes after
		return err
	}), nil)
	is(t, d.Rehearse(t.Context(), func(*identity.Tx) error { return errOops }), errOops)
	is(t, d.Rehearse(t.Context(), func(tx *identity.Tx) error { return tx.RemoveNamespace("lab") }), identity.ErrNotFound)
	at, docs := m.state()
	revision, want := exported(t, d)
	same(t, []any{revision, at, docs}, []any{1, 1, want})
	same(t, write(t, d, change), 2)
}

func TestAccounts_are_looked_up_by_any_of_many_names(t *testing.T) {
	d := fresh(t)
	var want []identity.Account
	write(t, d, func(tx *identity.Tx) (err error) {
		want, err = tx.CreateAccounts([]identity.Account{
			{Handle: "ada", Email: "ada@x.org", Kind: identity.Person, State: identity.Active, Name: "Ada"},
			{UserID: "System:SA", Kind: identity.Person, State: identity.Invited},
			{Handle: "unasked", Kind: identity.Service, State: identity.Active},
		})
		return err
	})
	for i := range want {
		want[i].Teams, want[i].Organisations = nil, nil
	}
	namespace(t, d, "lab", "group:g")
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.AccountsNamed(identity.Names{
			Handles: []string{"ADA", "nobody", "not/one"}, Emails: []string{"Ada@X.org", "x"}, UserIDs: []string{"System:SA", "system:sa"},
		})
		is(t, err, nil)
		same(t, got, want[:2])
		none, err := tx.AccountsNamed(identity.Names{})
		is(t, err, nil)
		same(t, none, []identity.Account(nil))
		spaces, err := tx.NamespacesNamed([]string{"lab", "none", "lab"})
		is(t, err, nil)
		same(t, spaces, []identity.Namespace{{Name: "lab", Owners: []identity.Principal{"group:g"}, Labels: map[string]string{}}})
		return nil
	})
}

func TestBulk_writing_leaves_the_directory_as_any_writing_does(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	beside := open(t, dir) // as another process
	is(t, d.PrepareBulk(t.Context(), 1<<20), nil)
	for n := range 3 {
		write(t, d, func(tx *identity.Tx) error {
			_, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(fmt.Sprint("h", n)), Kind: identity.Person, State: identity.Active})
			return err
		})
		is(t, d.Checkpoint(t.Context()), nil)
	}
	person(t, beside, "other")
	revision, want := exported(t, d)
	again, got := exported(t, beside)
	same(t, []any{again, got}, []any{revision, want})
	same(t, revision, 4)
	same(t, folded(t, beside), want)
}
