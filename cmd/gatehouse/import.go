package main

import (
	"context"
	"errors"
	"fmt"
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
	batch  int // entries in one transaction, at most
}

func newImportCommand(a *app) *cobra.Command {
	o := importOptions{batch: manifest.BatchEntries}
	c := &cobra.Command{
		Use:   "import [--dry-run] [--prune] FILE...",
		Short: "Make the directory hold what files say",
		Long: `Reads Gatehouse's own YAML or JSON and Kubeflow manifests (Profile, and RoleBindings
that carry the annotations user and role; other kinds are passed over), shows what
that changes and writes it in one transaction: all of it or, after any error, nothing.
What is so already is left alone, so importing twice changes nothing the second time.
A server running on the same data directory sees the change within a second.
A FILE of - is standard input.

More than 50,000 entries are written in several transactions, so that others can write
in between. When such an import stops, what it has written stays; run it again and it
goes on from there.`,
		Example: `  gatehouse import people.yaml
  kubectl get profiles,rolebindings -A -o yaml | gatehouse import --dry-run -
  gatehouse import --prune profiles/*.yaml contributors/*.yaml`,
		Args: takes("FILE..."),
		RunE: func(c *cobra.Command, files []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			state := &manifest.State{}
			defer func() { _ = state.Close() }() // it was only read from
			if err := a.readManifests(state, files); err != nil {
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
func (a *app) readManifests(state *manifest.State, files []string) error {
	progress := newProgress(a.err, a.now, "import")
	defer progress.done()
	var problems manifest.Problems
	usedInput := false
	for _, name := range files {
		if name == "-" {
			if usedInput {
				return errors.New("import: standard input (-) is named twice")
			}
			usedInput = true
		}
		err := a.readManifest(state, name, progress)
		var found manifest.Problems
		switch {
		case errors.As(err, &found):
			problems = append(problems, found...)
		case err != nil:
			return fmt.Errorf("import: %w", err)
		}
	}
	progress.done()
	a.notes(state.Notes())
	if len(problems) > 0 {
		return a.refuse(problems, "nothing was changed")
	}
	return nil
}

func (a *app) readManifest(state *manifest.State, name string, progress *progress) error {
	if name == "-" {
		return state.Read("standard input", progress.reader(a.in, "standard input", 0))
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
	return state.Read(name, progress.reader(file, name, info.Size()))
}

func (a *app) notes(notes []manifest.Note) {
	for _, note := range notes {
		_, _ = fmt.Fprintln(a.err, "note:", note)
	}
}

// refuse prints each problem on a line of its own, so that editors can jump to it.
func (a *app) refuse(problems manifest.Problems, outcome string) error {
	for _, problem := range problems {
		_, _ = fmt.Fprintln(a.err, problem)
	}
	_, _ = fmt.Fprintf(a.err, "import: %s, %s\n", plural(len(problems), "problem"), outcome)
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
	run := newImportRun(a, dir, state, o)
	err = run.run(ctx)
	run.progress.done()
	if err != nil {
		return run.explain(err, cfg)
	}
	return run.finish()
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
