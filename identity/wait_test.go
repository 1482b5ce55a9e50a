package identity_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func set(value string) func(*identity.Tx) error {
	return func(tx *identity.Tx) error { return tx.PutSetting("issuer", value) }
}

// canceled is the context of somebody who waits for nothing.
func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestJournal_says_which_address_a_write_came_from(t *testing.T) {
	d := fresh(t)
	write(t, d, func(tx *identity.Tx) error {
		tx.From("192.0.2.7")
		return firstError([]error{tx.PutSetting("issuer", "a"), tx.PutSetting("audience", "b")})
	})
	write(t, d, set("c"))
	entries, err := d.Journal(t.Context(), 0, 0)
	is(t, err, nil)
	want := identity.Entry{
		Revision: 1, At: start, Actor: "test", Address: "192.0.2.7", Collection: "settings", Key: "issuer", After: []byte(`{"value":"a"}`),
	}
	second, third := want, want
	second.Seq, second.Key, second.After = 1, "audience", []byte(`{"value":"b"}`)
	third.Revision, third.Address, third.Before, third.After = 2, "", want.After, []byte(`{"value":"c"}`)
	same(t, entries, []identity.Entry{want, second, third})
}

func TestTransactions_know_the_revision_that_they_began_at(t *testing.T) {
	d := fresh(t)
	revision := func(tx *identity.Tx) uint64 {
		n, err := tx.Revision()
		is(t, err, nil)
		return n
	}
	write(t, d, func(tx *identity.Tx) error {
		same(t, revision(tx), 0)
		err := tx.PutSetting("issuer", "a")
		same(t, revision(tx), 0)
		return err
	})
	read(t, d, func(tx *identity.Tx) error {
		same(t, revision(tx), 1)
		write(t, d, set("b")) // which this transaction does not see
		same(t, revision(tx), 1)
		return nil
	})
	read(t, d, func(tx *identity.Tx) error { same(t, revision(tx), 2); return nil })
}

func TestWaiting_for_a_revision_that_is_there_takes_no_time(t *testing.T) {
	d := fresh(t)
	attach(t, d)
	write(t, d, set("a"))
	write(t, d, set("b"))
	for revision := range uint64(3) {
		is(t, d.WaitFor(canceled(t), revision), nil)
	}
}

func TestWaiting_for_a_revision_ends_with_the_context(t *testing.T) {
	d := fresh(t)
	write(t, d, set("a"))
	is(t, d.WaitFor(canceled(t), 2), context.Canceled)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := d.WaitFor(ctx, 2)
	is(t, err, context.DeadlineExceeded)
	same(t, fmt.Sprint(err), "wait for revision 2: context deadline exceeded")
}

func TestWaiting_ends_when_every_sink_has_the_revision(t *testing.T) {
	d := fresh(t)
	m := attach(t, d)
	type arrival struct {
		wanted, at uint64
		err        error
	}
	arrivals := make(chan arrival)
	const revisions, waiters = 20, 5
	for n := range uint64(revisions * waiters) {
		go func() {
			err := d.WaitFor(t.Context(), n/waiters+1)
			at, _ := m.state()
			arrivals <- arrival{n/waiters + 1, at, err}
		}()
	}
	for n := range uint64(revisions) {
		write(t, d, set(fmt.Sprint(n)))
		for range waiters {
			if a := <-arrivals; a.err != nil || a.wanted != n+1 || a.at != n+1 {
				t.Fatalf("revision %d: who waited for %d found the sink at %d (%v)", n+1, a.wanted, a.at, a.err)
			}
		}
	}
}

func TestWaiting_goes_on_while_a_sink_is_behind(t *testing.T) {
	d := fresh(t)
	m := attach(t, d)
	m.failWith(func(string) error { return errors.New("no room") })
	revision, err := d.Write(t.Context(), "test", set("a"))
	is(t, err, identity.ErrNotApplied)
	same(t, revision, 1)
	arrived := make(chan error)
	go func() { arrived <- d.WaitFor(t.Context(), revision) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	is(t, d.WaitFor(ctx, revision), context.DeadlineExceeded)
	m.failWith(nil)
	follow(t, d)
	is(t, <-arrived, nil)
	at, docs := m.state()
	same(t, []any{at, docs}, []any{1, documents{"settings/issuer": `{"value":"a"}`}})
}

func TestWaiting_ends_when_another_process_has_written(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	m := attach(t, d)
	follow(t, d)
	arrived := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { arrived <- d.WaitFor(ctx, 3) }()
	last := killedAfter(t, dir, 3)
	is(t, <-arrived, nil)
	is(t, d.WaitFor(ctx, last), nil)
	at, docs := m.state()
	same(t, []any{at >= last, len(docs)}, []any{true, at})
}
