package identity

import (
	"context"
	"fmt"
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
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	pool, err := d.reader.DB()
	if err != nil {
		return nil, false, translate("read journal", err)
	}
	search := journalSearch{JournalFilter: f, after: after, ctx: ctx, q: pool}
	if rows, err = search.page(limit + 1); err != nil {
		return nil, false, translate("read journal", err)
	}
	if len(rows) > limit {
		return rows[:limit], true, nil
	}
	return rows, false, nil
}

// From notes the address that a write comes from, for the journal.
func (tx *Tx) From(address string) { tx.address = address }

// Revision is the revision that the transaction began at.
func (tx *Tx) Revision() (uint64, error) { return revisionOf(tx.ctx, tx.q) }

// WaitFor returns when every sink has been brought up to the revision, or with the
// error of ctx.
func (d *Directory) WaitFor(ctx context.Context, revision uint64) error {
	for {
		arrived := d.arrival()
		if d.applied.Load() >= revision {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("wait for revision %d: %w", revision, ctx.Err())
		}
	}
}

// arrival is closed when the sinks have come forward the next time.
func (d *Directory) arrival() <-chan struct{} {
	d.arriving.Lock()
	defer d.arriving.Unlock()
	if d.arrived == nil {
		d.arrived = make(chan struct{})
	}
	return d.arrived
}

// reached says that every sink is at the revision.
func (d *Directory) reached(revision uint64) {
	if d.applied.Swap(revision) == revision {
		return
	}
	d.arriving.Lock()
	defer d.arriving.Unlock()
	if d.arrived != nil {
		close(d.arrived)
		d.arrived = nil
	}
}
