package identity_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

var errOops = errors.New("oops")

func TestWrites_are_one_revision_or_none(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	bind := func(tx *identity.Tx, group string) error {
		return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.GroupPrincipal(group), Role: identity.View})
	}
	t.Run("many changes are one revision, one row for each document", func(t *testing.T) {
		revision := write(t, d, func(tx *identity.Tx) error {
			err := tx.PutNamespace(identity.Namespace{Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}})
			return firstError([]error{err, bind(tx, "a"), bind(tx, "b"), tx.GrantPlatformRole(ada.ID, "admin")})
		})
		entries, err := d.Journal(t.Context(), revision-1, 0)
		is(t, err, nil)
		owner := `"owners":{"account:` + string(ada.ID) + `":true}`
		same(t, entries, []identity.Entry{
			{Revision: 2, Seq: 0, At: start, Actor: "test", Collection: "namespaces", Key: "lab",
				After: []byte(`{"bindings":{"group:a":{"role":"view"},"group:b":{"role":"view"}},"labels":{},` + owner + `}`)},
			{Revision: 2, Seq: 1, At: start, Actor: "test", Collection: "accounts", Key: string(ada.ID),
				Before: []byte(`{"handle":"ada","kind":"person","organisations":{},"roles":{},"state":"active","teams":{}}`),
				After:  []byte(`{"handle":"ada","kind":"person","organisations":{},"roles":{"admin":true},"state":"active","teams":{}}`)},
		})
	})
	revision, before := exported(t, d)
	unchanged := func(t *testing.T) {
		t.Helper()
		got, after := exported(t, d)
		same(t, []any{got, after}, []any{revision, before})
	}
	t.Run("no change is no revision", func(t *testing.T) {
		got := write(t, d, func(tx *identity.Tx) error {
			err := bind(tx, "a")
			return firstError([]error{err, bind(tx, "c"), tx.RemoveBinding("lab", "group:c")})
		})
		same(t, got, revision)
		unchanged(t)
	})
	t.Run("an error takes everything back and comes out as it is", func(t *testing.T) {
		is(t, try(t, d, func(tx *identity.Tx) error { return errors.Join(bind(tx, "c"), errOops) }), errOops)
		unchanged(t)
	})
	t.Run("so does a panic", func(t *testing.T) {
		func() {
			defer func() { same(t, recover(), "oops") }()
			_ = try(t, d, func(tx *identity.Tx) error { _ = bind(tx, "c"); panic("oops") })
		}()
		unchanged(t)
	})
	t.Run("so does the end of the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := d.Write(ctx, "test", func(tx *identity.Tx) error { defer cancel(); return bind(tx, "c") })
		is(t, err, context.Canceled)
		unchanged(t)
	})
	t.Run("a refusal that is passed over leaves the rest", func(t *testing.T) {
		_, err := d.Plan(t.Context(), "test", func(tx *identity.Tx) error {
			isInvalid(t, bind(tx, "a,b"), "principal")
			return bind(tx, "c")
		})
		is(t, err, nil)
		unchanged(t)
	})
	t.Run("an unknown actor is refused", func(t *testing.T) {
		_, err := d.Write(t.Context(), "", func(tx *identity.Tx) error { return bind(tx, "c") })
		isInvalid(t, err, "actor")
		unchanged(t)
	})
	t.Run("a transaction that reads cannot write", func(t *testing.T) {
		err := d.Read(t.Context(), func(tx *identity.Tx) error {
			for _, err := range []error{bind(tx, "c"), tx.RevokeAccountTokens(ada.ID), tx.RemoveAccount(ada.ID), tx.PutSetting("issuer", "x")} {
				if err == nil {
					t.Error("a write went through")
				}
			}
			return nil
		})
		is(t, errors.Unwrap(err), nil)
		unchanged(t)
	})
}

func TestPlans_tell_what_a_write_would_do(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	m := attach(t, d)
	change := func(tx *identity.Tx) error {
		return tx.PutNamespace(identity.Namespace{Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}})
	}
	planned, err := d.Plan(t.Context(), "test", change)
	is(t, err, nil)
	revision, docs := exported(t, d)
	same(t, revision, 1)
	at, fed := m.state()
	same(t, []any{at, fed}, []any{revision, docs})

	write(t, d, change)
	written, err := d.Journal(t.Context(), 1, 0)
	is(t, err, nil)
	same(t, planned, written)

	planned, err = d.Plan(t.Context(), "test", change)
	is(t, err, nil)
	if planned != nil {
		t.Errorf("got %v planned for what is there already", planned)
	}
	_, err = d.Plan(t.Context(), "test", func(*identity.Tx) error { return errOops })
	is(t, err, errOops)
}

func TestWriters_at_once_all_get_through(t *testing.T) {
	dir := t.TempDir()
	handles := []*identity.Directory{open(t, dir), open(t, dir)} // as two processes
	m := attach(t, handles[0])
	const writers, each = 4, 10
	var group sync.WaitGroup
	for w := range writers * len(handles) {
		group.Go(func() {
			for n := range each {
				handle := identity.Handle(fmt.Sprintf("h%d-%d", w, n))
				_, err := handles[w%len(handles)].Write(t.Context(), "test", func(tx *identity.Tx) error {
					_, err := tx.CreateAccount(identity.Account{Handle: handle, Kind: identity.Person, State: identity.Active})
					return err
				})
				if err != nil {
					t.Errorf("%s: %v", handle, err)
				}
			}
		})
	}
	group.Wait()
	person(t, handles[0], "last") // whatever the other handle wrote is applied before this is answered
	revision, docs := exported(t, handles[1])
	at, fed := m.state()
	same(t, []any{at, fed}, []any{revision, docs})
	same(t, revision, len(handles)*writers*each+1)
	same(t, m.replaced, []uint64{0})
	same(t, folded(t, handles[0]), docs)
}

func TestReads_see_one_revision(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	read(t, d, func(tx *identity.Tx) error {
		before, err := tx.Account(ada.ID)
		is(t, err, nil)
		write(t, d, func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "admin") })
		after, err := tx.Account(ada.ID)
		same(t, after, before)
		return err
	})
}

func TestLists_may_be_written_to_while_they_are_read(t *testing.T) {
	d := fresh(t)
	write(t, d, func(tx *identity.Tx) error {
		for i := range 1234 { // several pages
			_, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(fmt.Sprint("h", i)), Kind: identity.Person, State: identity.Active})
			if err != nil {
				return err
			}
		}
		return nil
	})
	n := 0
	write(t, d, func(tx *identity.Tx) error {
		for a, err := range tx.Accounts() {
			if err != nil {
				return err
			}
			n++
			if err := tx.GrantPlatformRole(a.ID, "user"); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, n, 1234)
	revision, docs := exported(t, d, identity.CollectionAccounts)
	same(t, []int{int(revision), len(docs)}, []int{2, 1234})
}
