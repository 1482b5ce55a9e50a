package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

const (
	// importCache is how much of the database is kept in memory while it is written.
	importCache = 384 << 20
	// importGC lets garbage grow to more than is usual: one batch is small, and soon gone.
	importGC = 150
)

// importRun is one import being written, or planned, for somebody at a terminal. The steps
// of one that is not over the size of a batch are shown; of a larger one only their
// number is, since nobody reads a million lines, unless it is a dry run.
type importRun struct {
	*manifest.Run
	app      *app
	options  importOptions
	progress *progress
	steps    []manifest.Step // of an import in one transaction
}

func newImportRun(a *app, dir *identity.Directory, state *manifest.State, o importOptions) *importRun {
	r := &importRun{app: a, options: o, progress: newProgress(a.err, a.now, "import")}
	r.Run = &manifest.Run{
		Directory: dir, State: state, Options: manifest.Options{Prune: o.prune, Progress: r.progress.update},
		Write: r.transaction, Took: r.took, Batch: o.batch, Cache: importCache,
	}
	return r
}

func (r *importRun) transaction(ctx context.Context, fn func(*identity.Tx) error) (uint64, error) {
	return r.Directory.Write(ctx, importActor, func(tx *identity.Tx) error {
		err := fn(tx)
		r.progress.stage("writing")
		return err
	})
}

// took keeps what is to be shown at the end, and prints the plan of a large dry run.
func (r *importRun) took(batch *manifest.Batch, report *manifest.Report) error {
	switch {
	case r.Whole(batch):
		r.steps = report.Steps
	case r.options.dryRun:
		r.progress.clear()
		if _, err := report.WriteTo(r.app.out); err != nil {
			return fmt.Errorf("print the plan: %w", err)
		}
	}
	return nil
}

// run writes the import, or plans it.
func (r *importRun) run(ctx context.Context) error {
	if r.options.dryRun {
		return r.Rehearse(ctx, nil)
	}
	if r.app.env("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(importGC))
	}
	return r.Apply(ctx)
}

// explain says what an error leaves behind, and what to do.
func (r *importRun) explain(err error, cfg Config) error {
	var problem *manifest.Problem
	isProblem := errors.As(err, &problem)
	outcome, again := r.Left()
	switch {
	case errors.Is(err, context.Canceled): // whatever was being done then
		return fmt.Errorf("import: stopped, %s: %s", outcome, again)
	case errors.Is(err, identity.ErrBusy):
		return fmt.Errorf("import: another program is writing to %s, %s: %s", cfg.Data, outcome, again)
	case isProblem && r.Written > 0:
		return r.app.refuse(manifest.Problems{problem}, outcome+": mend it and "+again)
	case isProblem:
		return r.app.refuse(manifest.Problems{problem}, outcome)
	}
	return fmt.Errorf("import: %s: %w", outcome, err)
}

// finish shows what was done, or would be.
func (r *importRun) finish() error {
	a, o := r.app, r.options
	a.notes(r.Notes)
	if r.State.Empty() {
		_, _ = fmt.Fprintln(a.err, "note: the files hold nothing that import reads")
	}
	if o.prune && !r.State.Prunable() {
		_, _ = fmt.Fprintln(a.err, "note: the files name no namespace by a Profile or under namespaces: nothing is pruned")
	}
	if r.Kept > 0 {
		_, _ = fmt.Fprintf(a.err, "note: kept %s that the files do not hold: --prune removes them\n", plural(r.Kept, "grant"))
	}
	shown := &manifest.Report{Steps: r.steps}
	if _, err := shown.WriteTo(a.out); err != nil {
		return fmt.Errorf("import: print the plan: %w", err)
	}
	_, err := fmt.Fprintln(a.out, r.summary())
	return err
}

func (r *importRun) summary() string {
	switch {
	case r.Created+r.Updated+r.Removed == 0:
		return "nothing to change"
	case r.options.dryRun:
		return fmt.Sprintf("dry run: %d to create, %d to update, %d to remove; nothing was written", r.Created, r.Updated, r.Removed)
	case r.Batches > 1:
		return fmt.Sprintf("done: %d created, %d updated, %d removed in %d transactions; revision %d", r.Created, r.Updated, r.Removed, r.Batches, r.Revision)
	}
	return fmt.Sprintf("done: %d created, %d updated, %d removed; revision %d", r.Created, r.Updated, r.Removed, r.Revision)
}
