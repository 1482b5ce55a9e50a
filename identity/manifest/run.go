package manifest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

const (
	// Hold is for how long one transaction of a large import is meant to keep other
	// writers waiting, unless a Run says otherwise; in another process they give up after
	// ten seconds. gap is for how long they are let in after that: SQLite looks ten times a
	// second whether it may.
	Hold = 2 * time.Second
	gap  = 120 * time.Millisecond
	// leastBatch bounds how small transactions become on a slow disk.
	leastBatch = 2000
	// maxRunNotes bounds what is kept of what batches have to tell.
	maxRunNotes = 1000
)

// Run is one import: what a State holds, written to a directory one batch after another.
// An import of no more than Batch entries is one transaction, and so whole or not there. A
// Run is used once.
type Run struct {
	Directory *identity.Directory
	State     *State
	Options   Options
	// Write runs one transaction, as identity.Directory.Write does. It may refuse.
	Write func(ctx context.Context, fn func(*identity.Tx) error) (revision uint64, err error)
	// Took, where given, is told of each batch after its transaction, when nobody waits. Of
	// a rehearsal all batches are one transaction, in which it is told of them.
	Took func(*Batch, *Report) error
	// Batch is how many entries a transaction may have; 0 = BatchEntries.
	Batch int
	// First is how many the first of several transactions may have; 0 = Batch. How many the
	// later ones have depends on how long it took.
	First int
	// Hold replaces the constant.
	Hold time.Duration
	// Cache is how many bytes of the database are kept in memory while it is written.
	Cache int64

	// What was done so far; of a rehearsal, what would be.

	Created, Updated, Removed int
	Kept                      int // as in Report
	Notes                     []Note
	Written                   int // entries
	Batches                   int
	Revision                  uint64
}

// Whole says that a batch is all there is.
func (r *Run) Whole(b *Batch) bool { return b.Entries() == r.State.Entries() }

// Apply writes the batches. After an error, those that were written stay; [Run.Left] says
// what that means.
func (r *Run) Apply(ctx context.Context) (err error) {
	bulk, err := r.Directory.BeginBulk(ctx, r.Cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bulk.End(context.WithoutCancel(ctx))) }()
	size := r.first()
	for batch, err := range r.State.Batches(r.Options, func() int { return size }) {
		if err != nil {
			return err
		}
		if r.Batches > 0 {
			if err := bulk.Pause(ctx, gap); err != nil {
				return err
			}
		}
		started := time.Now()
		if err := r.apply(ctx, batch); err != nil {
			return err
		}
		size = min(r.next(size, time.Since(started)), r.batch())
	}
	return nil
}

// apply writes one batch and tells of it.
func (r *Run) apply(ctx context.Context, batch *Batch) error {
	var report *Report
	revision, err := r.Write(ctx, func(tx *identity.Tx) (err error) {
		report, err = batch.Apply(tx)
		return err
	})
	stored := err == nil || errors.Is(err, identity.ErrNotApplied)
	if !stored {
		return err
	}
	r.Revision = revision
	r.Written += batch.Entries()
	return errors.Join(r.take(batch, report), err)
}

func (r *Run) batch() int {
	if r.Batch > 0 {
		return r.Batch
	}
	return BatchEntries
}

func (r *Run) first() int {
	if r.First > 0 && r.State.Entries() > r.batch() {
		return min(r.First, r.batch())
	}
	return r.batch()
}

// next is how many entries the next transaction may have, by how long the last one took.
func (r *Run) next(size int, took time.Duration) int {
	hold := r.Hold
	if hold <= 0 {
		hold = Hold
	}
	fits := float64(size) * float64(hold) / float64(max(took, time.Millisecond))
	return min(max(int(fits), size/2, leastBatch), 2*size)
}

// Rehearse applies everything in one transaction that is taken back: a later batch needs
// what an earlier one would write. Who writes to the directory waits meanwhile. allowed
// is asked in the transaction first.
func (r *Run) Rehearse(ctx context.Context, allowed func(*identity.Tx) error) (err error) {
	bulk, err := r.Directory.BeginBulk(ctx, r.Cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bulk.End(context.WithoutCancel(ctx))) }()
	return r.Directory.Rehearse(ctx, func(tx *identity.Tx) error {
		if allowed != nil {
			if err := allowed(tx); err != nil {
				return err
			}
		}
		for batch, err := range r.State.Batches(r.Options, r.batch) {
			if err != nil {
				return err
			}
			report, err := batch.Apply(tx)
			if err != nil {
				return err
			}
			if err := r.take(batch, report); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Run) take(batch *Batch, report *Report) error {
	for _, step := range report.Steps {
		switch step.Op {
		case Create:
			r.Created++
		case Update:
			r.Updated++
		case Remove:
			r.Removed++
		}
	}
	room := min(len(report.Notes), maxRunNotes-len(r.Notes))
	r.Notes = append(r.Notes, report.Notes[:room]...)
	r.Kept += report.Kept
	r.Batches++
	if r.Took == nil {
		return nil
	}
	return r.Took(batch, report)
}

// Left says what an error leaves behind, and what to do after it was mended.
func (r *Run) Left() (outcome, again string) {
	if r.Written == 0 {
		return "nothing was changed", "try again"
	}
	return fmt.Sprintf("%d of %d entries are written (up to revision %d), the rest is not", r.Written, r.State.Entries(), r.Revision),
		"import again, which goes on from there"
}
