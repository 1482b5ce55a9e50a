package manifest_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// newDirectory is a real, empty directory.
func newDirectory(tb testing.TB) *identity.Directory {
	tb.Helper()
	dir, err := identity.Open(context.Background(), identity.Options{
		Dir: tb.TempDir(), Create: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		tb.Fatalf("open a directory: %v", err)
	}
	tb.Cleanup(func() {
		if err := dir.Close(); err != nil {
			tb.Errorf("close the directory: %v", err)
		}
	})
	return dir
}

// read reads texts as the files f.yaml, f2.yaml, ...
func read(tb testing.TB, texts ...string) *manifest.State {
	tb.Helper()
	state := &manifest.State{}
	names := []string{"f.yaml", "f2.yaml", "f3.yaml"}
	for i, text := range texts {
		if err := state.Read(names[i], strings.NewReader(text)); err != nil {
			tb.Fatalf("read %s: %v", names[i], err)
		}
	}
	return state
}

func readFiles(tb testing.TB, paths ...string) *manifest.State {
	tb.Helper()
	state := &manifest.State{}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			tb.Fatal(err)
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if err := state.Read(name, file); err != nil {
			tb.Fatalf("read %s: %v", path, err)
		}
		if err := file.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return state
}

// apply writes state and gives the report; an error fails the test.
func apply(tb testing.TB, dir *identity.Directory, state *manifest.State, o manifest.Options) *manifest.Report {
	tb.Helper()
	report, err := tryApply(dir, state, o)
	if err != nil {
		tb.Fatalf("apply: %v", err)
	}
	return report
}

func tryApply(dir *identity.Directory, state *manifest.State, o manifest.Options) (report *manifest.Report, err error) {
	_, err = dir.Write(context.Background(), "test", func(tx *identity.Tx) (err error) {
		report, err = state.Apply(tx, o)
		return err
	})
	return report, err
}

// lines are the steps of a report as they are printed.
func lines(report *manifest.Report) []string {
	var got []string
	for _, step := range report.Steps {
		got = append(got, step.String())
	}
	return got
}

func notes(all []manifest.Note) []string {
	var got []string
	for _, note := range all {
		got = append(got, note.String())
	}
	return got
}

func export(tb testing.TB, dir *identity.Directory) string {
	tb.Helper()
	var out strings.Builder
	err := dir.Read(context.Background(), func(tx *identity.Tx) error {
		_, err := manifest.Export(tx, &out)
		return err
	})
	if err != nil {
		tb.Fatalf("export: %v", err)
	}
	return out.String()
}

func wantLines(tb testing.TB, what string, got []string, want ...string) {
	tb.Helper()
	g, w := strings.Join(got, "\n"), strings.Join(want, "\n")
	if g != w {
		tb.Errorf("%s:\ngot:\n%s\nwant:\n%s", what, g, w)
	}
}

// lookup reads one value out of a directory.
func lookup[T any](tb testing.TB, dir *identity.Directory, find func(*identity.Tx) (T, error)) T {
	tb.Helper()
	var found T
	err := dir.Read(context.Background(), func(tx *identity.Tx) (err error) {
		found, err = find(tx)
		return err
	})
	if err != nil {
		tb.Fatalf("look up: %v", err)
	}
	return found
}

func accountByUserID(tb testing.TB, dir *identity.Directory, id string) identity.Account {
	tb.Helper()
	return lookup(tb, dir, func(tx *identity.Tx) (identity.Account, error) { return tx.AccountByUserID(id) })
}

func namespaceOf(tb testing.TB, dir *identity.Directory, name identity.NamespaceName) identity.Namespace {
	tb.Helper()
	return lookup(tb, dir, func(tx *identity.Tx) (identity.Namespace, error) { return tx.Namespace(name) })
}
