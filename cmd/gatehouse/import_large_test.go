package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// largeImport imports a text as if no more than batch entries fitted into one
// transaction.
func largeImport(t *testing.T, ctx context.Context, data, text string, o importOptions) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{env: func(string) string { return "" }, in: strings.NewReader(text), out: &out, err: &errs, now: time.Now, dataDir: data}
	state := &manifest.State{}
	defer func() { _ = state.Close() }()
	if err := a.readManifests(state, []string{"-"}); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	cfg, err := a.load(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = a.importState(ctx, cfg, state, o)
	return out.String(), errs.String(), err
}

// manyPeople is a text of so many accounts, each with a namespace and a binding in it.
func manyPeople(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"accounts\":[{\"handle\":\"p%d\"}]}\n", i)
	}
	for i := range n {
		fmt.Fprintf(&b, "{\"namespaces\":[{\"name\":\"ns-%d\",\"owners\":[{\"account\":\"p%d\"}],\"bindings\":[{\"account\":\"p%d\",\"role\":\"view\"}]}]}\n", i, i, (i+1)%n)
	}
	return b.String()
}

// follower counts the accounts and namespaces that a server's memory has been given.
type follower struct{ documents, revisions atomic.Int64 }

func (f *follower) Apply(_ context.Context, _ uint64, changes []identity.Change) error {
	f.documents.Add(int64(len(changes)))
	f.revisions.Add(1)
	return nil
}

func (f *follower) Replace(_ context.Context, _ uint64, documents iter.Seq2[identity.Change, error]) error {
	f.documents.Store(0)
	for _, err := range documents {
		if err != nil {
			return err
		}
		f.documents.Add(1)
	}
	return nil
}

func TestLarge_import_lets_a_server_write_and_follow_in_between(t *testing.T) {
	data := t.TempDir()
	server, err := identity.Open(t.Context(), identity.Options{Dir: data, Create: true, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	memory := &follower{}
	if err := server.Attach(t.Context(), memory, identity.CollectionAccounts, identity.CollectionNamespaces); err != nil {
		t.Fatal(err)
	}
	type done struct {
		stdout, stderr string
		err            error
	}
	imported := make(chan done, 1)
	go func() {
		stdout, stderr, err := largeImport(t, t.Context(), data, manyPeople(200), importOptions{batch: 60})
		imported <- done{stdout, stderr, err}
	}()
	// The server writes all the while; each write is answered once its own memory has
	// it, and with it whatever the import has written by then.
	writes, between := 0, 0
	var end done
	for running := true; running; writes++ {
		select {
		case end = <-imported:
			running = false
		default:
		}
		revision, err := server.Write(t.Context(), "server", func(tx *identity.Tx) error {
			_, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(fmt.Sprint("s", writes)), Kind: identity.Person, State: identity.Active})
			return err
		})
		if err != nil {
			t.Fatalf("write %d: %v", writes, err)
		}
		if running && int(revision) > writes+1 {
			between++
		}
		if server.Revision() < revision {
			t.Fatalf("write %d is at revision %d, the server's memory at %d", writes, revision, server.Revision())
		}
	}
	if end.err != nil {
		t.Fatalf("%v\n%s", end.err, end.stderr)
	}
	var transactions, revision int
	if _, err := fmt.Sscanf(end.stdout, "done: 600 created, 0 updated, 0 removed in %d transactions; revision %d\n", &transactions, &revision); err != nil {
		t.Fatalf("got %q: %v", end.stdout, err)
	}
	if transactions < 10 || between == 0 {
		t.Errorf("got %d transactions with %d writes of the server in between, want at least 10 and 1", transactions, between)
	}
	if got, want := int(memory.documents.Load()), 400+writes; got != want {
		t.Errorf("the server was given %d documents, want %d", got, want)
	}
	if got, want := int(memory.revisions.Load()), transactions+writes; got != want {
		t.Errorf("the server was given %d revisions, want %d", got, want)
	}
}

func TestLarge_import_that_is_refused_says_what_it_wrote_and_goes_on_from_there(t *testing.T) {
	data := t.TempDir()
	people := manyPeople(50)
	stdout, stderr, err := largeImport(t, t.Context(), data, people+"{\"bindings\":[{\"namespace\":\"elsewhere\",\"account\":\"p1\",\"role\":\"view\"}]}\n", importOptions{batch: 40})
	var code exitCode
	if !errors.As(err, &code) || code != 1 || stdout != "" {
		t.Fatalf("got %v and %q, want exit status 1 and nothing printed", err, stdout)
	}
	want := "standard input:101:14: namespace \"elsewhere\" is neither in the files nor in the directory: import its Profile (or an entry of namespaces) too\n" +
		"import: 1 problem, 120 of 151 entries are written (up to revision 3), the rest is not: mend it and import again, which goes on from there\n"
	if stderr != want {
		t.Errorf("got stderr\n%swant\n%s", stderr, want)
	}
	t.Run("after a dry run that shows the rest", func(t *testing.T) {
		stdout, stderr, err := largeImport(t, t.Context(), data, people, importOptions{batch: 40, dryRun: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		if got, want := strings.Count(stdout, "\n"), 31; got != want {
			t.Errorf("got %d lines, want %d:\n%s", got, want, stdout)
		}
		if want := "dry run: 30 to create, 0 to update, 0 to remove; nothing was written\n"; !strings.HasSuffix(stdout, want) {
			t.Errorf("got %q, want it to end with %q", stdout, want)
		}
	})
	stdout, stderr, err = largeImport(t, t.Context(), data, people, importOptions{batch: 40})
	if err != nil || stdout != "done: 30 created, 0 updated, 0 removed in 4 transactions; revision 4\n" {
		t.Errorf("got %q and %v\n%s", stdout, err, stderr)
	}
	t.Run("and does nothing a third time", func(t *testing.T) {
		stdout, _, err := largeImport(t, t.Context(), data, people, importOptions{batch: 40})
		if err != nil || stdout != "nothing to change\n" {
			t.Errorf("got %q and %v", stdout, err)
		}
	})
}

func TestLarge_import_that_is_stopped_says_what_it_wrote(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	data := t.TempDir()
	server, err := identity.Open(t.Context(), identity.Options{Dir: data, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		defer stop()
		for ctx.Err() == nil { // until there is something
			if docs, err := server.Journal(ctx, 0, 1); err != nil || len(docs) > 0 {
				return
			}
			<-time.After(time.Millisecond)
		}
	}()
	_, _, err = largeImport(t, ctx, data, manyPeople(500), importOptions{batch: 10})
	if err == nil || !strings.HasPrefix(err.Error(), "import: stopped, ") || !strings.Contains(err.Error(), " of 1500 entries are written (up to revision ") {
		t.Errorf("got %v, want what was written", err)
	}
}

func TestImport_that_is_stopped_while_something_is_looked_up_found_no_problem(t *testing.T) {
	run := &importRun{app: &app{err: io.Discard}, Run: &manifest.Run{State: &manifest.State{}, Written: 5, Revision: 2}}
	looking := &manifest.Problem{Text: "view in namespace lab: ada", Err: fmt.Errorf("look up: %w", context.Canceled)}
	want := "import: stopped, 5 of 0 entries are written (up to revision 2), the rest is not: import again, which goes on from there"
	if err := run.explain(looking, Config{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
