package identity_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// writerDir makes the test binary a process that writes to the data directory
// it names and prints each revision once it has been answered.
const writerDir = "IDENTITY_TEST_WRITER_DIR"

func TestMain(m *testing.M) {
	for name, run := range map[string]func(string) error{writerDir: writeForEver, backupDirs: backUpForEver} {
		if value := os.Getenv(name); value != "" {
			if err := run(value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

func writeForEver(dir string) error {
	ctx := context.Background()
	d, err := identity.Open(ctx, identity.Options{Dir: dir, Create: true, Exclusive: true})
	if err != nil {
		return err
	}
	for n := d.Revision(); ; n++ {
		revision, err := d.Write(ctx, "writer", func(tx *identity.Tx) error {
			return tx.PutSetting(fmt.Sprintf("n%d", n), strconv.FormatUint(n, 10))
		})
		if err != nil {
			return err
		}
		fmt.Println(revision)
	}
}

func TestAnswered_writes_survive_a_killed_process(t *testing.T) {
	dir := t.TempDir()
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		last := killedAfter(t, dir, 5+7*round)
		d := open(t, dir)
		revision, docs := exported(t, d)
		if revision < last {
			t.Fatalf("round %d: revision %d was answered, the directory is at %d", round, last, revision)
		}
		if uint64(len(docs)) != revision {
			t.Errorf("round %d: %d documents at revision %d", round, len(docs), revision)
		}
		same(t, folded(t, d), docs)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killedAfter kills a writing process after so many answers, in the middle of
// what it does, and returns the last revision that it was heard to have.
func killedAfter(t *testing.T, dir string, answers int) uint64 {
	t.Helper()
	child := exec.CommandContext(t.Context(), executable(t), "-test.run=^$")
	child.Env = append(os.Environ(), writerDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < answers && lines.Scan(); n++ {
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	last, err := strconv.ParseUint(lastLine(t, lines, out), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	return last
}

// lastLine reads what the process still said before it died.
func lastLine(t *testing.T, lines *bufio.Scanner, out io.Reader) string {
	t.Helper()
	last := lines.Text()
	for lines.Scan() {
		last = lines.Text()
	}
	if last == "" {
		t.Fatalf("the writer said nothing (%v)", out)
	}
	return last
}
