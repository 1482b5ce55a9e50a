package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"sync"
)

const (
	// maxLanes is how many collections are read at the same time, each over a
	// connection of its own: two make up nearly all of a directory.
	maxLanes = 2
	// batchDocuments are handed on at once, or batchBytes of them.
	batchDocuments = 256
	batchBytes     = 64 << 10
)

// errConsumed is yielded to whoever ranges over an export a second time.
var errConsumed = errors.New("an export can be read once")

// Export gives the documents of the named collections, or of all when none is
// named, and the revision that they are all of. A collection is given in the order of
// its keys; what order collections have, and how they are mixed, is not said.
// The documents must be ranged over, once; that, or the end of ctx, ends the
// transactions. After an error nothing more follows.
func (d *Directory) Export(ctx context.Context, names ...string) (uint64, iter.Seq2[Change, error], error) {
	selected, err := selectCollections(names)
	if err != nil {
		return 0, nil, fmt.Errorf("export: %w", err)
	}
	r, err := d.beginReading(ctx, selected)
	if err != nil {
		return 0, nil, fmt.Errorf("export: %w", err)
	}
	r.unwatch = context.AfterFunc(ctx, r.close)
	consumed := false
	return r.revision, func(yield func(Change, error) bool) {
		if consumed {
			yield(Change{}, fmt.Errorf("export: %w", errConsumed))
			return
		}
		consumed = true
		defer func() {
			r.unwatch()
			r.close()
		}()
		for batch, err := range r.batches(ctx) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			for _, change := range batch {
				if !yield(change, nil) {
					return
				}
			}
		}
	}, nil
}

func selectCollections(names []string) ([]collection, error) {
	if len(names) == 0 {
		return collections, nil
	}
	wanted := wanted{}
	for _, name := range names {
		if _, err := collectionNamed(name); err != nil {
			return nil, err
		}
		wanted[name] = true
	}
	var selected []collection
	for _, c := range collections {
		if wanted[c.name] {
			selected = append(selected, c)
		}
	}
	return selected, nil
}

// reading is everything in some collections at one revision: a read transaction for
// each lane, all of the same revision.
type reading struct {
	revision uint64
	tasks    []collection // each gives those beside it too
	wanted   wanted
	lanes    []*sql.Tx
	once     sync.Once
	release  func()
	unwatch  func() bool // ends the watch over the context
}

func (d *Directory) beginReading(ctx context.Context, selected []collection) (*reading, error) {
	r := &reading{wanted: make(wanted, len(selected)), release: func() {}}
	for _, c := range selected {
		r.wanted[c.name] = true
	}
	besides := wanted{}
	for _, c := range selected {
		for _, name := range c.beside {
			besides[name] = true
		}
	}
	for _, c := range selected {
		if !besides[c.name] {
			r.tasks = append(r.tasks, c)
		}
	}
	lanes := min(maxLanes, len(r.tasks))
	// Only one reading at a time holds a connection while it waits for another.
	if lanes > 1 && d.lanes.TryLock() {
		r.release = d.lanes.Unlock
	} else {
		lanes = 1
	}
	if err := r.begin(ctx, d, lanes); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// begin begins the transactions. A write in between makes them of different revisions;
// then they begin again, and at last there is only one. Equal revisions have equal
// documents: whatever changes one makes a revision.
func (r *reading) begin(ctx context.Context, d *Directory, lanes int) error {
	const tries = 10
	pool, err := d.reader.DB()
	if err != nil {
		return translate("export", err)
	}
	for try := range tries {
		if try == tries-1 {
			lanes = 1
		}
		same := true
		for range lanes {
			tx, err := pool.BeginTx(ctx, nil)
			if err != nil {
				return translate("export", err)
			}
			r.lanes = append(r.lanes, tx)
			revision, err := revisionOf(ctx, tx)
			if err != nil {
				return err
			}
			if len(r.lanes) > 1 && revision != r.revision {
				same = false
				break
			}
			r.revision = revision
		}
		if same {
			break
		}
		r.rollback()
	}
	return nil
}

func (r *reading) rollback() {
	for _, tx := range r.lanes {
		_ = tx.Rollback() // nothing was written
	}
	r.lanes = nil
}

func (r *reading) close() {
	r.once.Do(func() {
		r.rollback()
		r.release()
	})
}

// batch is a number of documents, or why there are no more.
type batch struct {
	documents []Change
	err       error
}

// batches gives all documents, which the lanes read ahead. After an error nothing more
// follows. When it ends the transactions are not in use any more.
func (r *reading) batches(ctx context.Context) iter.Seq2[[]Change, error] {
	return func(yield func([]Change, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		tasks := make(chan collection, len(r.tasks))
		for _, c := range r.tasks {
			tasks <- c
		}
		close(tasks)
		read := make(chan batch, 2*len(r.lanes))
		var lanes sync.WaitGroup
		for _, tx := range r.lanes {
			lanes.Go(func() { r.readLane(ctx, tx, tasks, read) })
		}
		go func() { lanes.Wait(); close(read) }()
		defer func() {
			cancel()
			for range read { // until the lanes have ended
			}
		}()
		for b := range read {
			if !yield(b.documents, b.err) || b.err != nil {
				return
			}
		}
		if err := ctx.Err(); err != nil { // a lane may have ended without a word
			yield(nil, translate("export", err))
		}
	}
}

// readLane reads one collection after the other.
func (r *reading) readLane(ctx context.Context, tx *sql.Tx, tasks <-chan collection, read chan<- batch) {
	hand := func(b batch) error {
		select {
		case read <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var documents []Change
	size := 0
	for c := range tasks {
		err := c.all(ctx, tx, r.wanted, func(collection, key string, document []byte) error {
			documents = append(documents, Change{Collection: collection, Key: key, Doc: document})
			if size += len(document); len(documents) < batchDocuments && size < batchBytes {
				return nil
			}
			full := batch{documents: documents}
			documents, size = make([]Change, 0, batchDocuments), 0
			return hand(full)
		})
		if err != nil {
			_ = hand(batch{err: translate("export "+c.name, err)})
			return
		}
	}
	if len(documents) > 0 {
		_ = hand(batch{documents: documents})
	}
}
