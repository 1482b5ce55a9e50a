package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// progressEvery is how often the log hears of a load that takes long, unless the
// Directory has another idea.
const progressEvery = 3 * time.Second

// replace gives each of the feeds everything, from one reading. Those that took it are
// at its revision; the others stay broken, and are what the error is about.
func (d *Directory) replace(ctx context.Context, feeds ...*feed) error {
	union := wanted{}
	for _, f := range feeds {
		f.broken = true
		for name := range f.wanted {
			union[name] = true
		}
	}
	var selected []collection
	for _, c := range collections {
		if union[c.name] {
			selected = append(selected, c)
		}
	}
	r, err := d.beginReading(ctx, selected)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer r.close()
	about := r.about(ctx) // before anything is read: afterwards the lanes are in use
	deliveries := make([]*delivery, len(feeds))
	var sinks sync.WaitGroup
	for i, f := range feeds {
		deliveries[i] = &delivery{feed: f, batches: make(chan batch, 4), gone: make(chan struct{})}
		sinks.Go(func() { deliveries[i].run(ctx, r.revision) })
	}
	d.deliver(ctx, r, about, deliveries)
	sinks.Wait()
	var errs []error
	for _, delivery := range deliveries {
		if err := delivery.outcome(); err != nil {
			errs = append(errs, fmt.Errorf("load revision %d: %w", r.revision, err))
			continue
		}
		delivery.feed.revision, delivery.feed.broken = r.revision, false
	}
	return errors.Join(errs...)
}

// deliver hands everything to all of the deliveries, as fast as the slowest takes it.
// There are about so many documents.
//
// It may wait for no connection but those of the reading: feeding is held, and whoever
// writes while they range over an export of their own waits for it with a connection in
// their hands.
func (d *Directory) deliver(ctx context.Context, r *reading, about int64, deliveries []*delivery) {
	begin := time.Now()
	told, documents := begin, 0
	for read, err := range r.batches(ctx) {
		taking := false
		for _, delivery := range deliveries {
			taking = delivery.hand(batch{documents: read, err: err}) || taking
		}
		documents += len(read)
		if !taking {
			break
		}
		if time.Since(told) < d.progressEvery {
			continue
		}
		told = time.Now()
		d.log.Info("loading the directory", "documents", documents, "of_about", max(about, int64(documents)), "revision", r.revision)
	}
	if told != begin {
		d.log.Info("the directory is loaded", "documents", documents, "revision", r.revision, "took", time.Since(begin).Round(time.Millisecond))
	}
	for _, delivery := range deliveries {
		close(delivery.batches)
	}
}

// about is roughly how many documents there are in the collections: where rows were
// removed there may be fewer. It is for people to look at: 0 where it cannot be had. It
// needs the first lane, and only what is at the end of each table.
func (r *reading) about(ctx context.Context) (total int64) {
	counts := []string{"0"}
	for _, c := range collections {
		if r.wanted[c.name] && c.where == "" {
			counts = append(counts, "(SELECT ifnull(max(rowid), 0) FROM "+c.table+")")
		}
	}
	_ = r.lanes[0].QueryRowContext(ctx, "SELECT "+strings.Join(counts, " + ")).Scan(&total)
	return total
}

// delivery is everything on its way to one sink.
type delivery struct {
	feed    *feed
	batches chan batch
	gone    chan struct{} // closed when the sink has returned
	err     error         // of the sink
	// What the sink was given: broken is an error, complete everything. Both are known
	// when gone is closed.
	broken   error
	begun    bool
	complete bool
}

// hand reports whether the sink still takes anything.
func (d *delivery) hand(b batch) bool {
	select {
	case d.batches <- b:
		return true
	case <-d.gone:
		return false
	}
}

func (d *delivery) run(ctx context.Context, revision uint64) {
	defer close(d.gone)
	d.err = d.feed.sink.Replace(ctx, revision, d.documents)
}

// documents is what the sink ranges over. A sink that does so again gets nothing.
func (d *delivery) documents(yield func(Change, error) bool) {
	if d.begun {
		return
	}
	d.begun = true
	for b := range d.batches {
		if b.err != nil {
			d.broken = b.err
			yield(Change{}, b.err)
			return
		}
		for _, change := range b.documents {
			if d.feed.wanted[change.Collection] && !yield(change, nil) {
				return
			}
		}
	}
	d.complete = d.broken == nil
}

func (d *delivery) outcome() error {
	switch {
	case d.err != nil:
		return d.err
	case d.broken != nil:
		return d.broken
	case !d.complete:
		return errors.New("the sink did not take everything")
	}
	return nil
}
