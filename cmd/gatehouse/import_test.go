package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// command runs the program in this process and gives what it printed.
func command(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, func(string) string { return "" }, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), err
}

func TestImport_works_beside_a_server_on_the_same_directory(t *testing.T) {
	data := t.TempDir()
	server, err := identity.Open(t.Context(), identity.Options{Dir: data, Create: true, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() { followed <- server.Follow(ctx) }()
	defer func() {
		stop()
		if err := <-followed; err != nil {
			t.Error(err)
		}
	}()

	if _, stderr, err := command(t, "", "import", "--data", data, "../../testdata/demo.yaml"); err != nil {
		t.Fatalf("import: %v\n%s", err, stderr)
	}
	deadline := time.Now().Add(time.Second)
	for server.Revision() == 0 && time.Now().Before(deadline) {
		<-time.After(5 * time.Millisecond)
	}
	if got := server.Revision(); got != 1 {
		t.Errorf("a second later the server is at revision %d, want 1", got)
	}
}

func TestImport_names_itself_in_the_journal(t *testing.T) {
	data := t.TempDir()
	if _, stderr, err := command(t, "accounts: [{handle: ada}]\n", "import", "--data", data, "-"); err != nil {
		t.Fatalf("import: %v\n%s", err, stderr)
	}
	dir, err := identity.Open(t.Context(), identity.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.Journal(t.Context(), 0, 10)
	if err != nil || len(entries) == 0 {
		t.Fatalf("got %d journal rows and error %v, want some", len(entries), err)
	}
	if got, want := entries[0].Actor, identity.Actor("cli:import"); got != want {
		t.Errorf("got actor %q, want %q", got, want)
	}
}

func TestImport_that_finds_problems_ends_with_status_1_and_leaves_no_directory(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new")
	_, stderr, err := command(t, "accounts: [{handel: ada}]\n", "import", "--data", data, "-")
	var code exitCode
	if !errors.As(err, &code) || code != 1 {
		t.Errorf("got error %v, want exit status 1", err)
	}
	if want := "import: 2 problems, nothing was changed\n"; !strings.HasSuffix(stderr, want) {
		t.Errorf("got stderr %q, want it to end with %q", stderr, want)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for the data folder, want it not to exist", err)
	}
}

func TestOPA_commands_are_all_embedded_under_our_name(t *testing.T) {
	found := opaCommands("test", "fmt", "eval", "bench")
	if len(found) != 4 {
		t.Fatalf("got %d commands, want 4", len(found))
	}
	for _, c := range found {
		if help := c.Long + c.Example; strings.Contains(help, opaName) || strings.Contains(help, "opa "+c.Name()) {
			t.Errorf("%s: its help speaks of another program:\n%s", c.Name(), help)
		}
	}
	t.Run("and an unknown one is left out", func(t *testing.T) {
		if got := opaCommands("teleport"); len(got) != 0 {
			t.Errorf("got %d commands, want none", len(got))
		}
	})
	t.Run("and errors that are no exit status stay what they are", func(t *testing.T) {
		broken := errors.New("broken")
		if got := ourExit(func(*cobra.Command, []string) error { return broken })(nil, nil); !errors.Is(got, broken) {
			t.Errorf("got %v, want %v", got, broken)
		}
	})
}
