package identity_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestSinks_are_fed_before_a_write_is_answered(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	all := attach(t, d)
	some := attach(t, d, identity.CollectionGenerations, identity.CollectionRevocations)

	write(t, d, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(ada.ID) })
	write(t, d, func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "admin") })

	revision, docs := exported(t, d)
	at, fed := all.state()
	same(t, []any{at, fed}, []any{revision, docs})
	t.Run("a sink gets the collections it asked for, and every revision", func(t *testing.T) {
		at, fed := some.state()
		same(t, []any{at, fed}, []any{revision, documents{"generations/" + string(ada.ID): `{"n":2}`}})
		same(t, []any{some.replaced, some.applied}, []any{[]uint64{1}, []uint64{2, 3}})
	})
	t.Run("a collection that there is not is refused", func(t *testing.T) {
		isInvalid(t, d.Attach(t.Context(), &mirror{}, "accouts"), "collection")
		_, _, err := d.Export(t.Context(), "accouts")
		isInvalid(t, err, "collection")
	})
}

func TestFollow_applies_what_another_process_writes(t *testing.T) {
	dir := t.TempDir()
	server, command := open(t, dir), open(t, dir)
	m := attach(t, server)
	follow(t, server)
	for n := range 5 {
		revision := write(t, command, func(tx *identity.Tx) error { return tx.PutSetting("issuer", string(rune('a'+n))) })
		eventually(t, time.Second, "the write of the other process applied", func() bool { return server.Revision() == revision })
		_, docs := exported(t, command)
		at, fed := m.state()
		same(t, []any{at, fed}, []any{revision, docs})
	}
	is(t, server.Healthy(), nil)
	same(t, m.replaced, []uint64{0})
}

func TestPruned_journal_rows_mean_a_new_start(t *testing.T) {
	dir := t.TempDir()
	server, command := open(t, dir), open(t, dir)
	m := attach(t, server)
	m.trusting = true // the directory itself must see that something is missing
	for _, value := range []string{"a", "b", "c"} {
		write(t, command, func(tx *identity.Tx) error { return tx.PutSetting("issuer", value) })
	}
	prune := func(t *testing.T, before uint64) {
		t.Helper()
		is(t, command.PruneJournal(t.Context(), before), nil)
		revision := write(t, server, func(tx *identity.Tx) error { return tx.PutSetting("audience", string(rune('a'+before%20))) })
		_, docs := exported(t, command)
		at, fed := m.state()
		same(t, []any{at, fed}, []any{revision, docs})
	}
	t.Run("when some are gone", func(t *testing.T) {
		prune(t, 3)
		same(t, m.replaced, []uint64{0, 4})
	})
	t.Run("when all are gone", func(t *testing.T) {
		write(t, command, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "d") })
		prune(t, 100)
		same(t, m.replaced, []uint64{0, 4, 6})
	})
	t.Run("and the journal goes on from there", func(t *testing.T) {
		write(t, server, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "e") })
		same(t, m.replaced, []uint64{0, 4, 6})
		entries, err := command.Journal(t.Context(), 0, 0)
		is(t, err, nil)
		same(t, []uint64{entries[0].Revision, entries[1].Revision}, []uint64{6, 7})
	})
}

func TestJournal_forgets_what_is_older_than_asked(t *testing.T) {
	dir, now := t.TempDir(), start
	d, err := identity.Open(t.Context(), identity.Options{Dir: dir, Create: true, Now: func() time.Time { return now }})
	is(t, err, nil)
	t.Cleanup(func() { is(t, d.Close(), nil) })
	for n := range 4 {
		write(t, d, func(tx *identity.Tx) error {
			return firstError([]error{tx.PutSetting("issuer", string(rune('a'+n))), tx.PutSetting("audience", string(rune('a'+n)))})
		})
		now = now.Add(time.Hour)
	}
	kept := func(than time.Duration) (revisions []uint64) {
		t.Helper()
		is(t, d.PruneJournalOlder(t.Context(), start.Add(than)), nil)
		entries, err := d.Journal(t.Context(), 0, 0)
		is(t, err, nil)
		for _, e := range entries {
			revisions = append(revisions, e.Revision)
		}
		return revisions
	}
	same(t, kept(0), []uint64{1, 1, 2, 2, 3, 3, 4, 4})
	same(t, kept(time.Hour), []uint64{2, 2, 3, 3, 4, 4})
	same(t, kept(150*time.Minute), []uint64{4, 4})
	same(t, kept(150*time.Minute), []uint64{4, 4})
	same(t, d.Revision(), 4)
}

func TestSinks_that_fail_are_brought_up_again(t *testing.T) {
	failApply := func(call string) error {
		if call == "apply" {
			return errOops
		}
		return nil
	}
	failAll := func(string) error { return errOops }

	t.Run("by a load, when only applying fails", func(t *testing.T) {
		d := fresh(t)
		m := attach(t, d)
		m.failWith(failApply)
		ada := person(t, d, "ada")
		is(t, d.Healthy(), nil)
		same(t, m.replaced, []uint64{0, 1})
		m.failWith(nil)
		write(t, d, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(ada.ID) })
		same(t, []any{m.replaced, m.applied}, []any{[]uint64{0, 1}, []uint64{2}})
	})
	t.Run("by Follow, when loading fails as well", func(t *testing.T) {
		d := fresh(t)
		m, other := attach(t, d), attach(t, d)
		m.failWith(failAll)
		revision, err := d.Write(t.Context(), "test", func(tx *identity.Tx) error { return tx.PutSetting("issuer", "a") })
		is(t, err, identity.ErrNotApplied)
		same(t, revision, 1)
		if err := d.Healthy(); !errors.Is(err, errOops) {
			t.Errorf("got health %v, want why the sink is behind", err)
		}
		same(t, d.Revision(), 0)
		at, _ := other.state()
		same(t, at, 1) // one sink does not hold up another
		m.failWith(nil)
		follow(t, d)
		eventually(t, 2*time.Second, "healthy again", func() bool { return d.Healthy() == nil })
		same(t, d.Revision(), 1)
		_, docs := exported(t, d)
		at, fed := m.state()
		same(t, []any{at, fed}, []any{1, docs})
	})
	t.Run("by the next write, too", func(t *testing.T) {
		d := fresh(t)
		m := attach(t, d)
		m.failWith(failAll)
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "a") }), identity.ErrNotApplied)
		m.failWith(nil)
		revision := write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "b") })
		same(t, []any{revision, d.Revision(), d.Healthy()}, []any{2, 2, nil})
	})
	t.Run("and one that cannot be loaded at first is not attached", func(t *testing.T) {
		d := fresh(t)
		is(t, d.Attach(t.Context(), &mirror{fail: failAll}), errOops)
		write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "a") })
		is(t, d.Healthy(), nil)
	})
}

// lazy is a sink that says it took everything and did not.
type lazy struct{ take int }

func (l lazy) Apply(context.Context, uint64, []identity.Change) error { return nil }

func (l lazy) Replace(_ context.Context, _ uint64, docs iter.Seq2[identity.Change, error]) error {
	taken := 0
	for _, err := range docs {
		if err != nil {
			return err
		}
		if taken++; taken > l.take {
			break
		}
	}
	return nil
}

func TestSinks_must_take_everything(t *testing.T) {
	d := fresh(t)
	person(t, d, "ada")
	if err := d.Attach(t.Context(), lazy{take: 1}); err == nil {
		t.Error("a sink that took half of it was attached")
	}
	if err := d.Attach(t.Context(), never{}); err == nil {
		t.Error("a sink that took nothing was attached")
	}
	is(t, d.Attach(t.Context(), lazy{take: 100}), nil)
}

type never struct{ lazy }

func (never) Replace(context.Context, uint64, iter.Seq2[identity.Change, error]) error { return nil }

func TestExports_are_read_once_and_of_one_revision(t *testing.T) {
	d := fresh(t)
	person(t, d, "ada")
	revision, changes, err := d.Export(t.Context())
	is(t, err, nil)
	person(t, d, "bob") // after the export began
	docs, err := collect(changes)
	is(t, err, nil)
	same(t, []int{int(revision), len(docs)}, []int{1, 2})
	if _, err := collect(changes); err == nil {
		t.Error("an export was read twice")
	}
}

func TestJournals_are_read_in_pages(t *testing.T) {
	d := fresh(t)
	for _, value := range []string{"a", "b", "c"} {
		write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", value) })
	}
	entries, err := d.Journal(t.Context(), 1, 1)
	is(t, err, nil)
	same(t, entries, []identity.Entry{{
		Revision: 2, At: start, Actor: "test", Collection: "settings", Key: "issuer",
		Before: []byte(`{"value":"a"}`), After: []byte(`{"value":"b"}`),
	}})
}
