package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

const (
	// importHold is for how long one transaction of a large import is meant to keep
	// other writers waiting, which give up after ten; importGap is for how long
	// it lets them in after that: SQLite looks ten times a second whether it may.
	importHold = 2 * time.Second
	importGap  = 120 * time.Millisecond
	// leastBatch bounds how small transactions become on a slow disk.
	leastBatch = 2000
	// importCache is how much of the database is kept in memory while it is written.
	importCache = 384 << 20
	// importGC lets garbage grow to more than is usual: one batch is small, and soon gone.
	importGC = 150
)

// importRun is one import being written, or planned. One that is not over the size of
// a batch is one transaction, and its steps are shown. A larger one is
// written in several; then only their number is shown, since nobody reads a million
// lines, unless it is a dry run.
type importRun struct {
	app      *app
	dir      *identity.Directory
	state    *manifest.State
	options  importOptions
	progress *progress

	steps    []manifest.Step // of an import in one transaction
	notes    []manifest.Note
	counts   map[manifest.Op]int
	kept     int
	written  int // entries
	batches  int
	revision uint64
}

// whole says that a batch is all there is.
func (r *importRun) whole(b *manifest.Batch) bool { return b.Entries() == r.state.Entries() }

func (r *importRun) manifestOptions() manifest.Options {
	return manifest.Options{Prune: r.options.prune, Progress: r.progress.update}
}

// write applies one batch after another, each in a transaction of its own.
func (r *importRun) write(ctx context.Context) error {
	if err := r.dir.PrepareBulk(ctx, importCache); err != nil {
		return err
	}
	if r.app.env("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(importGC))
	}
	size := r.options.batch
	for batch, err := range r.state.Batches(r.manifestOptions(), func() int { return size }) {
		if err != nil {
			return err
		}
		if r.batches > 0 {
			if err := r.letOthersIn(ctx); err != nil {
				return err
			}
		}
		started := time.Now()
		var report *manifest.Report
		revision, err := r.dir.Write(ctx, importActor, func(tx *identity.Tx) (err error) {
			report, err = batch.Apply(tx)
			r.progress.stage("writing")
			return err
		})
		if err != nil {
			return err
		}
		r.revision = revision
		r.written += batch.Entries()
		r.take(report)
		if r.whole(batch) {
			r.steps = report.Steps
		}
		size = min(nextBatch(size, time.Since(started)), r.options.batch)
	}
	return nil
}

// nextBatch is how many entries the next transaction may have, by how long the last
// one took.
func nextBatch(size int, took time.Duration) int {
	fits := float64(size) * float64(importHold) / float64(max(took, time.Millisecond))
	return min(max(int(fits), size/2, leastBatch), 2*size)
}

// letOthersIn does between two transactions what keeps nobody from writing, and lets
// those who wait find that they can.
func (r *importRun) letOthersIn(ctx context.Context) error {
	if err := r.dir.Checkpoint(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(importGap)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// rehearse applies everything in one transaction that is taken back: a later batch
// needs what an earlier one would write.
func (r *importRun) rehearse(ctx context.Context) error {
	if err := r.dir.PrepareBulk(ctx, importCache); err != nil {
		return err
	}
	return r.dir.Rehearse(ctx, func(tx *identity.Tx) error {
		for batch, err := range r.state.Batches(r.manifestOptions(), func() int { return r.options.batch }) {
			if err != nil {
				return err
			}
			report, err := batch.Apply(tx)
			if err != nil {
				return err
			}
			r.take(report)
			if r.whole(batch) {
				r.steps = report.Steps
				continue
			}
			r.progress.clear()
			if _, err := report.WriteTo(r.app.out); err != nil {
				return fmt.Errorf("print the plan: %w", err)
			}
		}
		return nil
	})
}

// maxImportNotes bounds what is told at the end.
const maxImportNotes = 1000

func (r *importRun) take(report *manifest.Report) {
	if r.counts == nil {
		r.counts = map[manifest.Op]int{}
	}
	for _, step := range report.Steps {
		r.counts[step.Op]++
	}
	room := min(len(report.Notes), maxImportNotes-len(r.notes))
	r.notes = append(r.notes, report.Notes[:room]...)
	r.kept += report.Kept
	r.batches++
}

// explain says what an error leaves behind, and what to do.
func (r *importRun) explain(err error, cfg Config) error {
	var problem *manifest.Problem
	isProblem := errors.As(err, &problem)
	outcome, again := "nothing was changed", "try again"
	if r.written > 0 {
		outcome = fmt.Sprintf("%d of %d entries are written (up to revision %d), the rest is not", r.written, r.state.Entries(), r.revision)
		again = "import again, which goes on from there"
	}
	switch {
	case errors.Is(err, context.Canceled): // whatever was being done then
		return fmt.Errorf("import: stopped, %s: %s", outcome, again)
	case errors.Is(err, identity.ErrBusy):
		return fmt.Errorf("import: another program is writing to %s, %s: %s", cfg.Data, outcome, again)
	case isProblem && r.written > 0:
		return r.app.refuse(manifest.Problems{problem}, outcome+": mend it and "+again)
	case isProblem:
		return r.app.refuse(manifest.Problems{problem}, outcome)
	}
	return fmt.Errorf("import: %s: %w", outcome, err)
}

// finish shows what was done, or would be.
func (r *importRun) finish() error {
	a, o := r.app, r.options
	a.notes(r.notes)
	if r.state.Empty() {
		_, _ = fmt.Fprintln(a.err, "note: the files hold nothing that import reads")
	}
	if o.prune && !r.state.Prunable() {
		_, _ = fmt.Fprintln(a.err, "note: the files name no namespace by a Profile or under namespaces: nothing is pruned")
	}
	if r.kept > 0 {
		_, _ = fmt.Fprintf(a.err, "note: kept %s that the files do not hold: --prune removes them\n", plural(r.kept, "grant"))
	}
	shown := &manifest.Report{Steps: r.steps}
	if _, err := shown.WriteTo(a.out); err != nil {
		return fmt.Errorf("import: print the plan: %w", err)
	}
	_, err := fmt.Fprintln(a.out, r.summary())
	return err
}

func (r *importRun) summary() string {
	created, updated, removed := r.counts[manifest.Create], r.counts[manifest.Update], r.counts[manifest.Remove]
	switch {
	case created+updated+removed == 0:
		return "nothing to change"
	case r.options.dryRun:
		return fmt.Sprintf("dry run: %d to create, %d to update, %d to remove; nothing was written", created, updated, removed)
	case r.batches > 1:
		return fmt.Sprintf("done: %d created, %d updated, %d removed in %d transactions; revision %d", created, updated, removed, r.batches, r.revision)
	}
	return fmt.Sprintf("done: %d created, %d updated, %d removed; revision %d", created, updated, removed, r.revision)
}
