package manifest

import (
	"cmp"
	"iter"
	"slices"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// BatchEntries is how many entries are applied at once, at most: of so many all that
// is needed to apply them fits well into memory. Entries are accounts, organisations,
// their members, namespaces and bindings.
const BatchEntries = 50_000

// Batch is a part of what the files say that can be applied in a transaction of its
// own, after the batches before it. All that the files say of one namespace is in one
// batch.
type Batch struct {
	state         *State
	options       Options
	accounts      []account
	organisations []organisation
	namespaces    []ordered[namespace]
	bindings      []ordered[binding]
	weight        int
	before        int // entries of the batches before
}

// ordered is an entry and where it stands among all of the files.
type ordered[T any] struct {
	order uint64
	entry T
}

// Apply makes the directory hold what the batch says, and changes nothing that is so
// already: a second Apply reports no steps. What a file leaves out stays as it is.
// It stops at the first thing that the directory refuses, with a *Problem that names
// the place; the caller's transaction then has to be rolled back, as Directory.Write
// and Directory.Plan do.
func (b *Batch) Apply(tx *identity.Tx) (*Report, error) {
	a := &applier{
		batch: b, tx: tx, options: b.options, report: &Report{},
		people:   newPeople(tx),
		queued:   map[name]bool{},
		found:    map[reference]identity.Account{},
		invited:  map[identity.AccountID]bool{},
		teams:    map[string]identity.Team{},
		existing: map[string]*identity.Namespace{},
	}
	if err := a.run(); err != nil {
		return nil, err
	}
	return a.report, nil
}

// Entries is how many accounts, organisations, namespaces and bindings the batch
// holds; those of all batches add up to [State.Entries].
func (b *Batch) Entries() int {
	return len(b.accounts) + len(b.organisations) + len(b.namespaces) + len(b.bindings)
}

// Batches cuts what the files say into parts of as many entries as atMost says when
// one begins; a namespace or an organisation that has more is a part by itself. All
// files must have been read.
func (s *State) Batches(o Options, atMost func() int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := s.settle(); err != nil {
			yield(nil, err)
			return
		}
		batch, group, limit := &Batch{state: s, options: o}, uint64(0), atMost()
		for record, err := range s.spool.sorted() {
			if err != nil {
				yield(nil, err)
				return
			}
			// What is said of one namespace stays together.
			begins := record.group != group || record.group < groupNamespaces
			group = record.group
			if begins && batch.weight >= limit {
				if !yield(batch.inOrder(), nil) {
					return
				}
				batch = &Batch{state: s, options: o, before: batch.before + batch.Entries()}
				limit = atMost()
			}
			if err := batch.add(record); err != nil {
				yield(nil, err)
				return
			}
		}
		if batch.weight > 0 {
			yield(batch.inOrder(), nil)
		}
	}
}

// inOrder brings namespaces and bindings back into the order of the files.
func (b *Batch) inOrder() *Batch {
	slices.SortFunc(b.namespaces, byOrder)
	slices.SortFunc(b.bindings, byOrder)
	return b
}

func byOrder[T any](a, b ordered[T]) int { return cmp.Compare(a.order, b.order) }

func (b *Batch) add(r record) error {
	files := &b.state.files
	b.weight++
	switch {
	case r.group == groupAccounts:
		entry, err := decode(files, r.data, accountFields)
		b.accounts = append(b.accounts, entry)
		return err
	case r.group == groupOrganisations:
		entry, err := decode(files, r.data, organisationFields)
		b.organisations = append(b.organisations, entry)
		b.weight += len(entry.members)
		for _, team := range entry.teams {
			b.weight += 1 + len(team.members)
		}
		return err
	case r.data[0] == recordNamespace:
		entry, err := decode(files, r.data[1:], namespaceFields)
		b.namespaces = append(b.namespaces, ordered[namespace]{r.order, entry})
		return err
	}
	entry, err := decode(files, r.data[1:], bindingFields)
	b.bindings = append(b.bindings, ordered[binding]{r.order, entry})
	return err
}
