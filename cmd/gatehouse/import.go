package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// importActor is who the journal names for what an import changed.
const importActor identity.Actor = "cli:import"

type importOptions struct {
	dryRun bool
	prune  bool
}

func newImportCommand(a *app) *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import [--dry-run] [--prune] FILE...",
		Short: "Make the directory hold what files say",
		Long: `Reads Gatehouse's own YAML and Kubeflow manifests (Profile, and RoleBindings that
carry the annotations user and role; other kinds are passed over), shows what that
changes and writes it in one transaction: all of it or, after any error, nothing.
What is so already is left alone, so importing twice changes nothing the second
time. A server running on the same data directory sees the change within a second.
A FILE of - is standard input.`,
		Example: `  gatehouse import people.yaml
  kubectl get profiles,rolebindings -A -o yaml | gatehouse import --dry-run -
  gatehouse import --prune profiles/*.yaml contributors/*.yaml`,
		Args: takes("FILE..."),
		RunE: func(c *cobra.Command, files []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			state, err := a.readManifests(files)
			if err != nil {
				return err
			}
			return a.importState(c.Context(), cfg, state, o)
		},
	}
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the plan and write nothing")
	c.Flags().BoolVar(&o.prune, "prune", false, "remove bindings and owners that the files no longer hold, from the namespaces that they name")
	return c
}

// readManifests reads every file before it gives up, so that one run shows all that
// is to be mended.
func (a *app) readManifests(files []string) (*manifest.State, error) {
	state := &manifest.State{}
	var problems manifest.Problems
	usedInput := false
	for _, name := range files {
		if name == "-" {
			if usedInput {
				return nil, errors.New("import: standard input (-) is named twice")
			}
			usedInput = true
		}
		err := a.readManifest(state, name)
		var found manifest.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			return nil, fmt.Errorf("import: %w", err)
		}
	}
	a.notes(state.Notes())
	if len(problems) > 0 {
		return nil, a.refuse(problems)
	}
	return state, nil
}

func (a *app) readManifest(state *manifest.State, name string) error {
	if name == "-" {
		return state.Read("standard input", a.in)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s does not exist", name)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name its files, as in %s/*.yaml", name, name)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	return state.Read(name, file)
}

func (a *app) notes(notes []manifest.Note) {
	for _, note := range notes {
		_, _ = fmt.Fprintln(a.err, "note:", note)
	}
}

// refuse prints each problem on a line of its own, so that editors can jump to it.
func (a *app) refuse(problems manifest.Problems) error {
	for _, problem := range problems {
		_, _ = fmt.Fprintln(a.err, problem)
	}
	_, _ = fmt.Fprintf(a.err, "import: %s, nothing was changed\n", plural(len(problems), "problem"))
	return exitCode(1)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// importState applies state to the directory, or only plans it.
func (a *app) importState(ctx context.Context, cfg Config, state *manifest.State, o importOptions) error {
	dir, closeDir, err := a.directoryToImport(ctx, cfg, o.dryRun)
	if err != nil {
		return err
	}
	defer closeDir()
	progress := newProgress(a.err, a.now, "import")
	var report *manifest.Report
	apply := func(tx *identity.Tx) (err error) {
		report, err = state.Apply(tx, manifest.Options{Prune: o.prune, Progress: progress.update})
		progress.stage("writing")
		return err
	}
	var revision uint64
	if o.dryRun {
		_, err = dir.Plan(ctx, importActor, apply)
	} else {
		revision, err = dir.Write(ctx, importActor, apply)
	}
	progress.done()
	var problem *manifest.Problem
	switch {
	case errors.As(err, &problem):
		return a.refuse(manifest.Problems{problem})
	case errors.Is(err, identity.ErrBusy):
		return fmt.Errorf("import: another program is writing to %s, nothing was changed: try again", cfg.Data)
	case err != nil:
		return fmt.Errorf("import: nothing was changed: %w", err)
	}
	return a.showImport(state, report, o, revision)
}

// directoryToImport opens the directory, making it where there is none. A dry run
// for a directory that does not exist yet plans against an empty one that is thrown
// away.
func (a *app) directoryToImport(ctx context.Context, cfg Config, dryRun bool) (*identity.Directory, func(), error) {
	cleanup := func() {}
	dir, err := a.openDirectory(ctx, cfg, !dryRun)
	if dryRun && errors.Is(err, identity.ErrNotFound) {
		var empty string
		if empty, err = os.MkdirTemp("", "gatehouse-plan-"); err != nil {
			return nil, nil, fmt.Errorf("import: make an empty directory to plan against: %w", err)
		}
		cleanup = func() { _ = os.RemoveAll(empty) }
		cfg.Data = empty
		dir, err = a.openDirectory(ctx, cfg, true)
	}
	if err != nil {
		cleanup()
		return nil, nil, err
	}
	return dir, func() {
		if err := dir.Close(); err != nil {
			_, _ = fmt.Fprintln(a.err, "close the directory:", err)
		}
		cleanup()
	}, nil
}

func (a *app) showImport(state *manifest.State, report *manifest.Report, o importOptions, revision uint64) error {
	a.notes(report.Notes)
	if state.Empty() {
		_, _ = fmt.Fprintln(a.err, "note: the files hold nothing that import reads")
	}
	if o.prune && !state.Prunable() {
		_, _ = fmt.Fprintln(a.err, "note: the files name no namespace by a Profile or under namespaces: nothing is pruned")
	}
	if report.Kept > 0 {
		_, _ = fmt.Fprintf(a.err, "note: kept %s that the files do not hold: --prune removes them\n", plural(report.Kept, "grant"))
	}
	if _, err := report.WriteTo(a.out); err != nil {
		return fmt.Errorf("import: print the plan: %w", err)
	}
	return summary(a.out, report, o, revision)
}

func summary(out io.Writer, report *manifest.Report, o importOptions, revision uint64) error {
	created, updated, removed := report.Count(manifest.Create), report.Count(manifest.Update), report.Count(manifest.Remove)
	var err error
	switch {
	case len(report.Steps) == 0:
		_, err = fmt.Fprintln(out, "nothing to change")
	case o.dryRun:
		_, err = fmt.Fprintf(out, "dry run: %d to create, %d to update, %d to remove; nothing was written\n", created, updated, removed)
	default:
		_, err = fmt.Fprintf(out, "done: %d created, %d updated, %d removed; revision %d\n", created, updated, removed, revision)
	}
	return err
}
