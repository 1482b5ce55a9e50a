package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// start is what the clock of a test shows, unless it brings another.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens the data directory, making it, and closes it with the test.
func open(tb testing.TB, dir string) *identity.Directory {
	tb.Helper()
	d, err := identity.Open(tb.Context(), identity.Options{
		Dir: dir, Create: true, Now: func() time.Time { return start },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// fresh opens a new data directory.
func fresh(tb testing.TB) *identity.Directory {
	tb.Helper()
	return open(tb, filepath.Join(tb.TempDir(), "data"))
}

// write does one write that must succeed.
func write(tb testing.TB, d *identity.Directory, fn func(*identity.Tx) error) uint64 {
	tb.Helper()
	revision, err := d.Write(context.Background(), "test", fn)
	if err != nil {
		tb.Fatal(err)
	}
	return revision
}

// try does one write and returns its error.
func try(tb testing.TB, d *identity.Directory, fn func(*identity.Tx) error) error {
	tb.Helper()
	_, err := d.Write(tb.Context(), "test", fn)
	return err
}

// read does one read that must succeed.
func read(tb testing.TB, d *identity.Directory, fn func(*identity.Tx) error) {
	tb.Helper()
	if err := d.Read(tb.Context(), fn); err != nil {
		tb.Fatal(err)
	}
}

// person, organisation and team make one; the write must succeed.
func person(tb testing.TB, d *identity.Directory, handle identity.Handle) (a identity.Account) {
	tb.Helper()
	write(tb, d, func(tx *identity.Tx) (err error) {
		a, err = tx.CreateAccount(identity.Account{Handle: handle, Kind: identity.Person, State: identity.Active})
		return err
	})
	return a
}

func organisation(tb testing.TB, d *identity.Directory, handle identity.Handle) (a identity.Account) {
	tb.Helper()
	write(tb, d, func(tx *identity.Tx) (err error) {
		a, err = tx.CreateAccount(identity.Account{Handle: handle, Kind: identity.Organisation, State: identity.Active})
		return err
	})
	return a
}

func team(tb testing.TB, d *identity.Directory, org identity.AccountID, handle identity.Handle) (t identity.Team) {
	tb.Helper()
	write(tb, d, func(tx *identity.Tx) (err error) {
		t, err = tx.CreateTeam(identity.Team{Organisation: org, Handle: handle})
		return err
	})
	return t
}

func namespace(tb testing.TB, d *identity.Directory, name identity.NamespaceName, owners ...identity.Principal) {
	tb.Helper()
	write(tb, d, func(tx *identity.Tx) error {
		return tx.PutNamespace(identity.Namespace{Name: name, Owners: owners})
	})
}

// same compares whole values by their JSON.
func same(tb testing.TB, got, want any) {
	tb.Helper()
	g, w := asJSON(tb, got), asJSON(tb, want)
	if g != w {
		tb.Errorf("got  %s\nwant %s", g, w)
	}
}

func asJSON(tb testing.TB, value any) string {
	tb.Helper()
	raw, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

// is checks an error against a sentinel; nil wants none.
func is(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("got error %v, want %v", err, want)
	}
}

// isInvalid checks that a field was refused.
func isInvalid(tb testing.TB, err error, field string) {
	tb.Helper()
	var refused *identity.InvalidError
	if !errors.As(err, &refused) {
		tb.Errorf("got error %v, want %s refused", err, field)
	} else if refused.Field != field {
		tb.Errorf("got %s refused (%v), want %s", refused.Field, err, field)
	}
}

// documents are what a sink or an export holds, by "collection/key".
type documents map[string]string

func exported(tb testing.TB, d *identity.Directory, collections ...string) (uint64, documents) {
	tb.Helper()
	revision, changes, err := d.Export(tb.Context(), collections...)
	if err != nil {
		tb.Fatal(err)
	}
	docs, err := collect(changes)
	if err != nil {
		tb.Fatal(err)
	}
	return revision, docs
}

func collect(changes iter.Seq2[identity.Change, error]) (documents, error) {
	docs := documents{}
	for change, err := range changes {
		if err != nil {
			return nil, err
		}
		docs[change.Collection+"/"+change.Key] = string(change.Doc)
	}
	return docs, nil
}

func (d documents) apply(changes []identity.Change) {
	for _, change := range changes {
		if change.Doc == nil {
			delete(d, change.Collection+"/"+change.Key)
		} else {
			d[change.Collection+"/"+change.Key] = string(change.Doc)
		}
	}
}

// mirror is a sink that keeps what it is fed and refuses what a sink must not be
// given. What goes wrong next is set by fail.
type mirror struct {
	mu       sync.Mutex
	docs     documents
	revision uint64
	applied  []uint64
	replaced []uint64
	fail     func(call string) error
	trusting bool // takes whatever it is given
}

func (m *mirror) Apply(_ context.Context, revision uint64, changes []identity.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail("apply"); err != nil {
			return err
		}
	}
	if revision != m.revision+1 && !m.trusting {
		return fmt.Errorf("revision %d follows %d", revision, m.revision)
	}
	m.docs.apply(changes)
	m.revision = revision
	m.applied = append(m.applied, revision)
	return nil
}

func (m *mirror) Replace(_ context.Context, revision uint64, changes iter.Seq2[identity.Change, error]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail("replace"); err != nil {
			return err
		}
	}
	docs, err := collect(changes)
	if err != nil {
		return err
	}
	m.docs, m.revision = docs, revision
	m.replaced = append(m.replaced, revision)
	return nil
}

func (m *mirror) failWith(fail func(call string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

func (m *mirror) state() (uint64, documents) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision, maps.Clone(m.docs)
}

// attach feeds a new mirror from the directory.
func attach(tb testing.TB, d *identity.Directory, collections ...string) *mirror {
	tb.Helper()
	m := &mirror{}
	if err := d.Attach(tb.Context(), m, collections...); err != nil {
		tb.Fatal(err)
	}
	return m
}

// follow runs Follow until the test ends.
func follow(tb testing.TB, d *identity.Directory) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Follow(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
}

// eventually waits for a condition, looking every few milliseconds.
func eventually(tb testing.TB, within time.Duration, what string, condition func() bool) {
	tb.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			tb.Fatalf("after %v still not: %s", within, what)
		case <-tick.C:
		}
	}
}
