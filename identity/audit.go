package identity

import (
	"context"
	"time"
)

// JournalFilter chooses journal rows; a zero field admits all.
type JournalFilter struct {
	Actor      Actor
	Collection string
	Key        string
	Since      time.Time // of this moment and later
	Until      time.Time // before this moment
	Newest     bool      // newest first
}

// JournalAt is a place in the journal.
type JournalAt struct {
	Revision uint64
	Seq      int
}

// JournalPage gives journal rows behind a place (the zero place = from the beginning, or
// from the end where Newest), at most limit of them and never more than 1,000, and
// whether there may be more.
func (d *Directory) JournalPage(ctx context.Context, f JournalFilter, after JournalAt, limit int) (rows []Entry, more bool, err error) {
	return nil, false, errSeam
}

// From notes the address that a write comes from, for the journal.
func (tx *Tx) From(address string) {}

// Revision is the revision that the transaction began at.
func (tx *Tx) Revision() (uint64, error) { return revisionOf(tx.ctx, tx.q) }

// WaitFor returns when every sink has been brought up to the revision, or with the
// error of ctx.
func (d *Directory) WaitFor(ctx context.Context, revision uint64) error { return errSeam }
