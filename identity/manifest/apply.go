package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Options of State.Batches.
type Options struct {
	// Prune removes the bindings and owners of the namespaces that the files name
	// (by a Profile, or by an entry of `namespaces`) and that the files do not hold.
	// Without it nothing is ever removed.
	Prune bool
	// Progress, where given, is told how many of the entries are done.
	Progress func(done, total int)
}

// applier is one batch being applied.
type applier struct {
	batch   *Batch
	tx      *identity.Tx
	options Options
	report  *Report
	people  *people
	queue   []*account                     // accounts to be created, in this order
	queued  map[name]bool                  // their names
	found   map[reference]identity.Account // by reference without its place
	invited map[identity.AccountID]bool    // of which no step tells yet
	teams   map[string]identity.Team       // by organisation/team as a reference writes it
	// existing are the namespaces as they were before the bindings of this import,
	// those made by it included.
	existing map[string]*identity.Namespace
	done     int
}

func (a *applier) run() error {
	for _, run := range []func() error{a.lookUp, a.accounts, a.invite, a.organisations, a.namespaces, a.bindings} {
		if err := run(); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) tick() {
	a.done++
	if a.options.Progress != nil {
		a.options.Progress(a.batch.before+a.done, a.batch.state.Entries())
	}
}

// refused puts the place in front of what the directory says.
func refused(at Position, what string, err error) error {
	text, field := what+": "+err.Error(), ""
	var bad *identity.InvalidError
	switch {
	case errors.As(err, &bad):
		field, text = bad.Field, fmt.Sprintf("%s: %s %s", what, bad.Field, bad.Why)
	case errors.Is(err, identity.ErrExists):
		text = what + ": the name is taken, or was taken once: names are never given out twice, choose another"
	}
	return &Problem{At: at, Field: field, Text: text, Err: err}
}

// refusedItem is refused for one of several things that were written at once.
func refusedItem(err error, name func(item int) (Position, string)) error {
	var item *identity.ItemError
	if !errors.As(err, &item) {
		return err
	}
	at, what := name(item.Item)
	return refused(at, what, item.Err)
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
