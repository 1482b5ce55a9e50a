package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Options of Apply.
type Options struct {
	// Prune removes the bindings and owners of the namespaces that the files name
	// (by a Profile, or by an entry of `namespaces`) and that the files do not hold.
	// Without it nothing is ever removed.
	Prune bool
	// Progress, where given, is told how many of the entries are done.
	Progress func(done, total int)
}

// Apply makes the directory hold what the files say, and changes nothing that is so
// already: a second Apply reports no steps. What a file leaves out stays as it is.
// It stops at the first thing that the directory refuses, with a *Problem that names
// the place; the caller's transaction then has to be rolled back, as Directory.Write
// and Directory.Plan do.
func (s *State) Apply(tx *identity.Tx, o Options) (*Report, error) {
	a := &applier{
		state: s, tx: tx, options: o, report: &Report{},
		people:   &people{tx: tx},
		found:    map[reference]identity.Account{},
		existing: map[string]*identity.Namespace{},
		total:    len(s.accounts) + len(s.organisations) + len(s.namespaces) + len(s.bindings),
	}
	if a.total >= preloadFrom {
		if err := a.preload(); err != nil {
			return nil, err
		}
	}
	for _, run := range []func() error{a.accounts, a.organisations, a.namespaces, a.bindings} {
		if err := run(); err != nil {
			return nil, err
		}
	}
	return a.report, nil
}

// applier is one Apply.
type applier struct {
	state   *State
	tx      *identity.Tx
	options Options
	report  *Report
	people  *people
	found   map[reference]identity.Account // by reference without its place
	// existing are the namespaces as they were before the bindings of this import.
	existing map[string]*identity.Namespace
	loaded   bool // existing holds every namespace
	done     int
	total    int
}

// preload reads accounts and namespaces in one sweep each.
func (a *applier) preload() error {
	if err := a.people.load(); err != nil {
		return err
	}
	a.loaded = true
	for namespace, err := range a.tx.Namespaces() {
		if err != nil {
			return fmt.Errorf("read the namespaces: %w", err)
		}
		a.existing[string(namespace.Name)] = &namespace
	}
	return nil
}

func (a *applier) tick() {
	a.done++
	if a.options.Progress != nil {
		a.options.Progress(a.done, a.total)
	}
}

// refused puts the place in front of what the directory says.
func refused(at Position, what string, err error) error {
	text := what + ": " + err.Error()
	var bad *identity.InvalidError
	switch {
	case errors.As(err, &bad):
		text = fmt.Sprintf("%s: %s %s", what, bad.Field, bad.Why)
	case errors.Is(err, identity.ErrExists):
		text = what + ": the name is taken, or was taken once: names are never given out twice, choose another"
	}
	return &Problem{At: at, Text: text, Err: err}
}

func problem(at Position, format string, args ...any) error {
	return &Problem{At: at, Text: fmt.Sprintf(format, args...)}
}

func missing(err error) bool { return errors.Is(err, identity.ErrNotFound) }

// sortedKeys keeps plans in the same order from run to run.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
