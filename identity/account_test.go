package identity_test

import (
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestAccounts_are_found_by_every_name(t *testing.T) {
	d := fresh(t)
	var want identity.Account
	write(t, d, func(tx *identity.Tx) (err error) {
		want, err = tx.CreateAccount(identity.Account{
			Handle: "Ada", Kind: identity.Person, State: identity.Active, Email: "Ada@Corp.test",
			UserID: "Ada@corp.test", Name: "Ada Lovelace",
		})
		return err
	})
	same(t, want, identity.Account{
		ID: want.ID, Handle: "ada", Kind: identity.Person, State: identity.Active, Email: "ada@corp.test",
		UserID: "Ada@corp.test", Name: "Ada Lovelace", Generation: 1, Created: start,
		Teams: map[identity.TeamID]identity.MemberRole{}, Organisations: map[identity.AccountID]identity.MemberRole{},
	})
	read(t, d, func(tx *identity.Tx) error {
		finders := map[string]func() (identity.Account, error){
			"id":             func() (identity.Account, error) { return tx.Account(want.ID) },
			"handle":         func() (identity.Account, error) { return tx.AccountByHandle("ADA") },
			"e-mail":         func() (identity.Account, error) { return tx.AccountByEmail("ADA@corp.test") },
			"user id":        func() (identity.Account, error) { return tx.AccountByUserID("Ada@corp.test") },
			"any: handle":    func() (identity.Account, error) { return tx.FindAccount("ada") },
			"any: e-mail":    func() (identity.Account, error) { return tx.FindAccount("ada@CORP.test") },
			"list of people": func() (identity.Account, error) { return first(tx.Accounts()) },
		}
		for name, find := range finders {
			t.Run("by "+name, func(t *testing.T) {
				got, err := find()
				is(t, err, nil)
				same(t, got, want)
			})
		}
		absent := map[string]func() (identity.Account, error){
			"id":                        func() (identity.Account, error) { return tx.Account("01ARZ3NDEKTSV4RRFFQ69G5FAV") },
			"handle":                    func() (identity.Account, error) { return tx.AccountByHandle("bob") },
			"malformed handle":          func() (identity.Account, error) { return tx.AccountByHandle("a/b") },
			"malformed e-mail":          func() (identity.Account, error) { return tx.AccountByEmail("x") },
			"user id in other case":     func() (identity.Account, error) { return tx.AccountByUserID("ada@corp.test") },
			"empty user id":             func() (identity.Account, error) { return tx.AccountByUserID("") },
			"empty name":                func() (identity.Account, error) { return tx.FindAccount("") },
			"a pattern, not a name":     func() (identity.Account, error) { return tx.FindAccount("%") },
			"quotes that would end SQL": func() (identity.Account, error) { return tx.FindAccount("' OR '1'='1") },
		}
		for name, find := range absent {
			t.Run("not by "+name, func(t *testing.T) {
				_, err := find()
				is(t, err, identity.ErrNotFound)
			})
		}
		return nil
	})
}

func first[T any](seq func(func(T, error) bool)) (value T, err error) {
	seq(func(v T, e error) bool { value, err = v, e; return false })
	return value, err
}

func TestAccounts_that_are_not_whole_are_refused(t *testing.T) {
	d := fresh(t)
	for name, c := range map[string]struct {
		account identity.Account
		field   string
	}{
		"no kind":                    {identity.Account{Handle: "a", State: identity.Active}, "kind"},
		"unknown kind":               {identity.Account{Handle: "a", Kind: "robot", State: identity.Active}, "kind"},
		"no state":                   {identity.Account{Handle: "a", Kind: identity.Person}, "state"},
		"active without a handle":    {identity.Account{Kind: identity.Person, State: identity.Active, Email: "a@b.test"}, "handle"},
		"named by nothing":           {identity.Account{Kind: identity.Person, State: identity.Invited}, "handle"},
		"organisation with e-mail":   {identity.Account{Handle: "a", Kind: identity.Organisation, State: identity.Active, Email: "a@b.test"}, "kind"},
		"organisation with user id":  {identity.Account{Handle: "a", Kind: identity.Organisation, State: identity.Active, UserID: "a"}, "kind"},
		"organisation invited":       {identity.Account{Handle: "a", Kind: identity.Organisation, State: identity.Invited}, "kind"},
		"id that is no ULID":         {identity.Account{ID: "1", Handle: "a", Kind: identity.Person, State: identity.Active}, "account id"},
		"id that is a lower-case ID": {identity.Account{ID: "01arz3ndektsv4rrffq69g5fav", Handle: "a", Kind: identity.Person, State: identity.Active}, "account id"},
	} {
		t.Run(name, func(t *testing.T) {
			isInvalid(t, try(t, d, func(tx *identity.Tx) error { _, err := tx.CreateAccount(c.account); return err }), c.field)
		})
	}
	revision, docs := exported(t, d)
	if revision != 0 || len(docs) != 0 {
		t.Errorf("got revision %d and %v after refusals only", revision, docs)
	}
}

func TestUpdates_keep_what_does_not_change(t *testing.T) {
	d := fresh(t)
	var invited identity.Account
	write(t, d, func(tx *identity.Tx) (err error) {
		invited, err = tx.CreateAccount(identity.Account{Kind: identity.Person, State: identity.Invited, Email: "ada@corp.test"})
		return err
	})
	bob := person(t, d, "bob")
	update := func(a identity.Account) error {
		return try(t, d, func(tx *identity.Tx) error { return tx.UpdateAccount(a) })
	}
	active := identity.Account{ID: invited.ID, State: identity.Active, Email: "ada@corp.test", Handle: "Ada"}

	t.Run("an invited account cannot become active without a handle", func(t *testing.T) {
		isInvalid(t, update(identity.Account{ID: invited.ID, State: identity.Active, Email: "ada@corp.test"}), "handle")
	})
	t.Run("its first handle may not be somebody else's", func(t *testing.T) {
		taken := active
		taken.Handle = "BOB"
		is(t, update(taken), identity.ErrExists)
	})
	t.Run("it becomes active with a handle", func(t *testing.T) {
		is(t, update(active), nil)
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.AccountByHandle("ada")
			want := invited
			want.Handle, want.State = "ada", identity.Active
			same(t, got, want)
			return err
		})
	})
	t.Run("its handle does not change any more", func(t *testing.T) {
		other := active
		other.Handle = "lovelace"
		isInvalid(t, update(other), "handle")
	})
	t.Run("it does not become invited again", func(t *testing.T) {
		again := active
		again.State = identity.Invited
		isInvalid(t, update(again), "state")
	})
	t.Run("its kind does not change", func(t *testing.T) {
		other := active
		other.Kind = identity.Service
		isInvalid(t, update(other), "kind")
	})
	t.Run("an e-mail of somebody else is refused", func(t *testing.T) {
		is(t, update(identity.Account{ID: bob.ID, State: identity.Active, Email: "ADA@corp.test"}), identity.ErrExists)
	})
	t.Run("an empty handle keeps the one it has", func(t *testing.T) {
		is(t, update(identity.Account{ID: invited.ID, State: identity.Disabled, Name: "Ada"}), nil)
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.Account(invited.ID)
			want := invited
			want.Handle, want.State, want.Name, want.Email = "ada", identity.Disabled, "Ada", ""
			same(t, got, want)
			return err
		})
	})
	t.Run("an unknown account is not found", func(t *testing.T) {
		is(t, update(identity.Account{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", State: identity.Active}), identity.ErrNotFound)
	})
}

func TestHandles_and_ids_are_never_given_out_twice(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	research := team(t, d, acme.ID, "research")
	write(t, d, func(tx *identity.Tx) error {
		if err := tx.RemoveTeam(research.ID); err != nil {
			return err
		}
		return tx.RemoveAccount(ada.ID)
	})
	create := func(a identity.Account) error {
		a.Kind, a.State = identity.Person, identity.Active
		return try(t, d, func(tx *identity.Tx) error { _, err := tx.CreateAccount(a); return err })
	}
	createTeam := func(tm identity.Team) error {
		return try(t, d, func(tx *identity.Tx) error { _, err := tx.CreateTeam(tm); return err })
	}
	t.Run("the handle of a removed account", func(t *testing.T) { is(t, create(identity.Account{Handle: "ADA"}), identity.ErrExists) })
	t.Run("the id of a removed account", func(t *testing.T) {
		is(t, create(identity.Account{ID: ada.ID, Handle: "other"}), identity.ErrExists)
	})
	t.Run("the id of a removed team", func(t *testing.T) {
		is(t, create(identity.Account{ID: identity.AccountID(research.ID), Handle: "other"}), identity.ErrExists)
	})
	t.Run("the handle of a removed team in its organisation", func(t *testing.T) {
		is(t, createTeam(identity.Team{Organisation: acme.ID, Handle: "Research"}), identity.ErrExists)
	})
	t.Run("but teams of two organisations may share one", func(t *testing.T) {
		is(t, createTeam(identity.Team{Organisation: organisation(t, d, "umbrella").ID, Handle: "research"}), nil)
	})
	t.Run("a restored account keeps its id", func(t *testing.T) {
		const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
		is(t, create(identity.Account{ID: id, Handle: "restored"}), nil)
		is(t, create(identity.Account{ID: id, Handle: "restored2"}), identity.ErrExists)
	})
}

func TestRemoved_accounts_leave_nothing_that_grants(t *testing.T) {
	d := fresh(t)
	ada, bob, acme := person(t, d, "ada"), person(t, d, "bob"), organisation(t, d, "acme")
	research := team(t, d, acme.ID, "research")
	write(t, d, func(tx *identity.Tx) error {
		steps := []error{
			tx.PutMember(acme.ID, ada.ID, identity.Owner), tx.PutTeamMember(research.ID, ada.ID, identity.Owner),
			tx.PutTeamMember(research.ID, bob.ID, identity.Member),
			tx.GrantPlatformRole(ada.ID, "admin"),
			tx.SetPassword(ada.ID, "$argon2id$x", time.Time{}, false),
			tx.PutNamespace(identity.Namespace{Name: "lab", Owners: []identity.Principal{
				identity.AccountPrincipal(bob.ID), identity.AccountPrincipal(ada.ID), identity.TeamPrincipal(research.ID),
			}}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.AccountPrincipal(ada.ID), Role: identity.Edit}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.TeamPrincipal(research.ID), Role: identity.Edit}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.GroupPrincipal("g"), Role: identity.View}),
		}
		return firstError(steps)
	})
	_, before := exported(t, d)
	write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) })
	t.Run("a person", func(t *testing.T) {
		_, got := exported(t, d)
		want := documents{}
		for key, doc := range before {
			want[key] = doc
		}
		for _, gone := range []string{"accounts/", "generations/", "passwords/"} {
			delete(want, gone+string(ada.ID))
		}
		want["namespaces/lab"] = `{"bindings":{"group:g":{"role":"view"},"team:` + string(research.ID) +
			`":{"role":"edit"}},"labels":{},"owners":{"account:` + string(bob.ID) + `":true,"team:` + string(research.ID) + `":true}}`
		same(t, got, want)
	})
	write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(acme.ID) })
	t.Run("an organisation with its teams", func(t *testing.T) {
		_, got := exported(t, d)
		same(t, got, documents{
			"accounts/" + string(bob.ID):    `{"handle":"bob","kind":"person","organisations":{},"roles":{},"state":"active","teams":{}}`,
			"generations/" + string(bob.ID): `{"n":1}`,
			"namespaces/lab":                `{"bindings":{"group:g":{"role":"view"}},"labels":{},"owners":{"account:` + string(bob.ID) + `":true}}`,
		})
	})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
