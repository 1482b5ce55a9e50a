package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Sink is fed from the directory: first everything by Replace, then every
// revision in order by Apply, with the changes to the collections it asked for,
// of which there may be none. A failed Apply is followed by a Replace. Calls
// come one at a time. A sink must not write to the directory, and must not keep
// what Replace gives it half-done: it takes all of it or stays as it was. Other
// sinks get the same documents at the same time: no sink may change them.
type Sink interface {
	Apply(ctx context.Context, revision uint64, changes []Change) error
	Replace(ctx context.Context, revision uint64, documents iter.Seq2[Change, error]) error
}

// How often Follow looks for writes of other processes, and how far it backs
// off while a sink cannot be brought up.
const (
	followEvery    = 250 * time.Millisecond
	followAtMostBy = 5 * time.Second
)

// feed is a sink and where it is.
type feed struct {
	sink     Sink
	wanted   wanted
	revision uint64
	broken   bool // only a Replace helps
}

// Feed is a sink and the collections that it is fed with: all where none is named.
type Feed struct {
	Sink        Sink
	Collections []string
}

// Attach brings the sink up by Replace and feeds it from then on. When that
// fails it is not attached.
func (d *Directory) Attach(ctx context.Context, sink Sink, names ...string) error {
	return d.AttachAll(ctx, Feed{Sink: sink, Collections: names})
}

// AttachAll is Attach for several sinks, which come up side by side from one
// reading of the directory. When one cannot, none is attached.
func (d *Directory) AttachAll(ctx context.Context, feeds ...Feed) error {
	attached := make([]*feed, len(feeds))
	for i, f := range feeds {
		selected, err := selectCollections(f.Collections)
		if err != nil {
			return fmt.Errorf("attach: %w", err)
		}
		attached[i] = &feed{sink: f.Sink, wanted: make(wanted, len(selected))}
		for _, c := range selected {
			attached[i].wanted[c.name] = true
		}
	}
	d.feeding.Lock()
	defer d.feeding.Unlock()
	if err := d.replace(ctx, attached...); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	d.sinks = append(d.sinks, attached...)
	// The others may be behind the newcomers, or they behind a write of just now. A
	// sink that cannot come up is reported by Healthy and tried again.
	_ = d.bringUpLocked(ctx)
	return nil
}

// Revision is the revision that every sink has been brought up to.
func (d *Directory) Revision() uint64 { return d.applied.Load() }

// Healthy is nil, or why sinks may be behind the directory.
func (d *Directory) Healthy() error {
	if err := d.behind.Load(); err != nil {
		return *err
	}
	return nil
}

// Follow applies what other processes write to the data directory, within half
// a second, and tries again what could not be applied. It blocks until ctx ends
// and returns nil then.
func (d *Directory) Follow(ctx context.Context) error {
	wait := followEvery
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := d.catchUp(ctx); err != nil && ctx.Err() == nil {
			wait = min(2*wait, followAtMostBy)
			d.log.Error("directory changes are not applied", "error", err, "retry_in", wait)
		} else {
			wait = followEvery
		}
		timer.Reset(wait)
	}
}

// catchUp is bringUp for the case that there is mostly nothing to do.
func (d *Directory) catchUp(ctx context.Context) error {
	current, err := d.storedRevision(ctx)
	if err == nil && current == d.applied.Load() && d.Healthy() == nil {
		return nil
	}
	return d.bringUp(ctx)
}

// bringUp is the one way in which sinks come forward, whoever wrote.
func (d *Directory) bringUp(ctx context.Context) error {
	d.feeding.Lock()
	defer d.feeding.Unlock()
	return d.bringUpLocked(ctx)
}

func (d *Directory) bringUpLocked(ctx context.Context) error {
	err := d.feedAll(ctx)
	if err != nil && ctx.Err() != nil {
		return err // whoever asked gave up; that says nothing about the sinks
	}
	if err != nil {
		d.behind.Store(&err)
		return err
	}
	if d.behind.Swap(nil) != nil {
		d.log.Info("directory changes are applied again", "revision", d.Revision())
	}
	return nil
}

func (d *Directory) feedAll(ctx context.Context) error {
	if len(d.sinks) == 0 {
		current, err := d.storedRevision(ctx)
		if err == nil {
			d.reached(current)
		}
		return err
	}
	if err := d.applyJournal(ctx); err != nil {
		return err
	}
	var broken []*feed
	for _, f := range d.sinks {
		if f.broken {
			broken = append(broken, f)
		}
	}
	if len(broken) > 0 {
		if err := d.replace(ctx, broken...); err != nil {
			return err
		}
	}
	behind := slices.MinFunc(d.sinks, func(a, b *feed) int { return cmp.Compare(a.revision, b.revision) })
	d.reached(behind.revision)
	return nil
}

// applyJournal gives every revision that is new to a sink to it. Sinks that
// cannot come forward this way are left marked as broken.
func (d *Directory) applyJournal(ctx context.Context) error {
	var from uint64
	found := false
	for _, f := range d.sinks {
		if !f.broken && (!found || f.revision < from) {
			from, found = f.revision, true
		}
	}
	if !found {
		return nil
	}
	_, err := d.changesSince(ctx, from, func(revision uint64, changes []Change) error {
		for _, f := range d.sinks {
			d.apply(ctx, f, revision, changes)
		}
		return ctx.Err()
	})
	if errors.Is(err, errGap) {
		for _, f := range d.sinks {
			f.broken = true
		}
		return nil
	}
	return translate("read journal", err)
}

func (d *Directory) apply(ctx context.Context, f *feed, revision uint64, changes []Change) {
	if f.broken || revision <= f.revision {
		return
	}
	wanted := make([]Change, 0, len(changes))
	for _, change := range changes {
		if f.wanted[change.Collection] {
			wanted = append(wanted, change)
		}
	}
	if err := f.sink.Apply(ctx, revision, wanted); err != nil {
		d.log.Warn("a change was not applied; everything is loaded again", "revision", revision, "error", err)
		f.broken = true
		return
	}
	f.revision = revision
}
