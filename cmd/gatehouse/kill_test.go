//go:build !bench

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// The server is killed while several people write by REST, again and again on the same
// data directory. Whatever was answered is there when it runs again, and nothing is there
// by half.
func TestAnswered_writes_survive_a_server_that_is_killed(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	rounds, start := killRounds(t), time.Now()
	for k.round = range rounds {
		k.start(t)
		k.checkStorage(t)
		k.checkAnswers(t)
		k.writeUntilKilled(t)
		if t.Failed() {
			t.Fatalf("round %d, seed %d, the log of the server:\n%s", k.round, k.seed, k.log)
		}
	}
	k.start(t)
	k.checkStorage(t)
	k.checkAnswers(t)
	k.kill(t)
	t.Logf("seed %d: %d rounds in %v; %d writes were answered, %d were stored and not answered",
		k.seed, rounds, time.Since(start).Round(time.Millisecond), k.answered, k.unanswered)
}

func killRounds(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("GATEHOUSE_KILL_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("GATEHOUSE_KILL_ROUNDS: %v", err)
		}
		return n
	}
	if testing.Short() {
		return 10
	}
	return 40
}

// killing is a data directory, the server on it, and what those who wrote were told.
type killing struct {
	*house
	seed    uint64
	random  *rand.Rand
	round   int
	process *exec.Cmd
	writers []*killWriter
	acks    []ack          // of the round before
	imports map[string]int // how many accounts each was to make, by the prefix of their handles
	sum     journalSum
	// answered and unanswered count revisions of the writers; last is the greatest of them
	// that was answered.
	answered, unanswered int
	last                 uint64
}

// ack is a write that was answered.
type ack struct {
	revision        uint64 // 0 = the answer does not say
	actor           identity.Actor
	collection, key string
	holds           string // is in the document that it made; "" = the document is gone
	path, shows     string // where REST shows it and what it shows there; "" = nothing is there
}

const writersAtOnce = 4

func newKilling(t *testing.T) *killing {
	t.Helper()
	k := &killing{
		seed: uint64(time.Now().UnixNano()), imports: map[string]int{}, sum: journalSum{docs: map[string]string{}},
		house: emptyHouse(t, map[string]string{"GATEHOUSE_ISSUERS": `[{"name": "corp", "issuer": "http://127.0.0.1:1", "audience": "gatehouse"}]`}),
	}
	k.random = rand.New(rand.NewPCG(k.seed, 1))
	people := "accounts:\n"
	for n := range writersAtOnce {
		people += fmt.Sprintf("- {handle: writer%d, roles: [admin]}\n", n)
	}
	k.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", people))
	for n := range writersAtOnce {
		k.writers = append(k.writers, k.newWriter(t, n))
	}
	return k
}

// newWriter signs somebody in, with a password that is cheap to check.
func (k *killing) newWriter(t *testing.T, n int) *killWriter {
	t.Helper()
	w := &killWriter{
		number: n, handle: fmt.Sprint("writer", n), base: "http://" + k.addr, imports: map[string]int{},
		random: rand.New(rand.NewPCG(k.seed, uint64(n)+2)), client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}},
	}
	w.token = k.bearer(t, w.handle)
	hash, err := authn.Hash(killPassword, authn.Params{Memory: 64, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := k.open(t)
	defer func() { _ = dir.Close() }()
	if _, err = dir.Write(t.Context(), "test", func(tx *identity.Tx) error {
		a, err := tx.AccountByHandle(identity.Handle(w.handle))
		w.uid = string(a.ID)
		return errors.Join(err, tx.SetPassword(a.ID, hash, time.Time{}, false))
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

// open opens the directory beside the server.
func (k *killing) open(t *testing.T) *identity.Directory {
	t.Helper()
	dir, err := identity.Open(t.Context(), identity.Options{Dir: k.data})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts the command as a process of its own and waits until it is ready.
func (k *killing) start(t *testing.T) {
	t.Helper()
	k.log = &lockedBuffer{}
	k.process = exec.Command("gatehouse", "serve", "--listen", k.addr, "--ops-listen", "none", "--data", k.data)
	k.process.Env = append(os.Environ(), "GATEHOUSE_ISSUERS="+k.env["GATEHOUSE_ISSUERS"], "GATEHOUSE_ENGINE_DEADLINE=10s")
	k.process.Stdout, k.process.Stderr = k.log, k.log
	k.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive the test
	if err := k.process.Start(); err != nil {
		t.Fatal(err)
	}
	process := k.process
	t.Cleanup(func() { _ = process.Process.Kill() })
	waitFor(t, "the server to be ready", func() bool { return statusOf("http://"+k.addr+"/readyz") == http.StatusOK }, k.log)
}

// kill gives the process no time for anything.
func (k *killing) kill(t *testing.T) {
	t.Helper()
	if err := k.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := k.process.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the server ended with %v, want killed; its log:\n%s", err, k.log)
	}
}

// writeUntilKilled lets all write at once, and kills the server after some answers, in
// the middle of what comes next.
func (k *killing) writeUntilKilled(t *testing.T) {
	t.Helper()
	answers := make(chan ack, 1024) // nobody waits to tell
	var writing sync.WaitGroup
	for _, w := range k.writers {
		w.round = k.round
		writing.Go(func() { w.write(t, answers) })
	}
	go func() {
		writing.Wait()
		close(answers)
	}()
	k.acks = nil
	enough := 1 + k.random.IntN(100)
	for a := range answers {
		if k.acks = append(k.acks, a); len(k.acks) == enough {
			time.Sleep(time.Duration(k.random.IntN(5000)) * time.Microsecond) // wherever they are by then
			k.kill(t)
		}
	}
	if len(k.acks) < enough {
		t.Fatal("nobody writes any more, and the server was not killed")
	}
	for _, w := range k.writers {
		maps.Copy(k.imports, w.imports)
		w.client.CloseIdleConnections()
	}
}

// checkStorage looks at the database beside the server that has just repaired it.
func (k *killing) checkStorage(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: filepath.Join(k.data, "gatehouse.db")}).EscapedPath()+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for pragma, want := range map[string]string{"integrity_check": "ok", "foreign_key_check": ""} {
		found := ""
		if err := db.QueryRow("PRAGMA " + pragma).Scan(&found); err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatalf("%s: %v", pragma, err)
		}
		if found != want {
			t.Errorf("%s says %q, want %q", pragma, found, want)
		}
	}
	dir := k.open(t)
	defer func() { _ = dir.Close() }()
	k.sum.forward(t, dir)
	k.sum.compare(t, dir)
	k.checkJournal(t)
}

// checkJournal finds every answered write in the journal, once, by whom it was, and each
// import there as a whole or not at all.
func (k *killing) checkJournal(t *testing.T) {
	t.Helper()
	mine := map[uint64]identity.Actor{}
	for _, a := range k.acks {
		row, found := k.sum.row(a)
		switch {
		case !found:
			t.Errorf("answered and not there: %+v", a)
		case row.Actor != a.actor || a.holds == "" && row.After != nil || !strings.Contains(string(row.After), a.holds):
			t.Errorf("answered %+v, the journal has %+v with %s", a, row, row.After)
		case mine[row.Revision] != "" && mine[row.Revision] != a.actor:
			t.Errorf("revision %d was the answer to both %s and %s", row.Revision, mine[row.Revision], a.actor)
		case a.revision != 0 && row.Revision <= k.last:
			t.Errorf("revision %d was answered after the restart, %d before", row.Revision, k.last)
		}
		mine[row.Revision] = a.actor
	}
	for revision := range mine {
		k.last = max(k.last, revision)
	}
	k.answered += len(mine)
	if len(k.acks) > 0 {
		k.unanswered += k.sum.revisions - len(mine)
	}
	made := map[string]int{}
	for key, doc := range k.sum.docs {
		for prefix := range k.imports {
			if strings.HasPrefix(key, "accounts/") && strings.Contains(doc, `"handle":"`+prefix+"-") {
				made[prefix]++
			}
		}
	}
	for prefix, n := range k.imports {
		if made[prefix] != 0 && made[prefix] != n {
			t.Errorf("of the %d accounts of one import %d are there", n, made[prefix])
		}
	}
	clear(k.imports)
	for _, w := range k.writers {
		clear(w.imports)
	}
}

// checkAnswers asks the server for what was answered last about each document, unless
// something that was not answered came after it.
func (k *killing) checkAnswers(t *testing.T) {
	t.Helper()
	latest := map[string]ack{}
	for _, a := range k.acks {
		latest[a.path] = a
	}
	for path, a := range latest {
		row, _ := k.sum.row(a)
		if k.sum.changed[a.collection+"/"+a.key] > row.Revision || path == "" {
			continue
		}
		status, body := k.writers[0].get(t, path)
		switch {
		case a.shows == "" && status != http.StatusNotFound:
			t.Errorf("%s was removed in revision %d and is there: %d %s", path, a.revision, status, body)
		case a.shows != "" && (status != http.StatusOK || !strings.Contains(body, a.shows)):
			t.Errorf("%s was answered with %s in revision %d and shows %d %s", path, a.shows, a.revision, status, body)
		}
	}
}

// journalSum is what the journal adds up to.
type journalSum struct {
	revision  uint64
	docs      map[string]string
	revisions int               // how many the last forward added
	fresh     []identity.Entry  // its rows
	changed   map[string]uint64 // the last revision that changed a document, of fresh ones
}

// forward adds what is new. Each row must have found what it says it found, and no
// revision may be missing.
func (s *journalSum) forward(t *testing.T, dir *identity.Directory) {
	t.Helper()
	before := s.revision
	s.fresh, s.changed = nil, map[string]uint64{}
	for {
		rows, err := dir.Journal(t.Context(), s.revision, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			s.revisions = int(s.revision - before)
			return
		}
		for _, row := range rows {
			key := row.Collection + "/" + row.Key
			if s.docs[key] != string(row.Before) {
				t.Fatalf("revision %d found %s as %q, its row says %q", row.Revision, key, s.docs[key], row.Before)
			}
			if row.Revision != s.revision && (row.Revision != s.revision+1 || row.Seq != 0) {
				t.Fatalf("row %d of revision %d follows revision %d", row.Seq, row.Revision, s.revision)
			}
			if s.docs[key] = string(row.After); row.After == nil {
				delete(s.docs, key)
			}
			s.revision, s.changed[key] = row.Revision, row.Revision
		}
		s.fresh = append(s.fresh, rows...)
	}
}

// compare compares the sum with an export.
func (s *journalSum) compare(t *testing.T, dir *identity.Directory) {
	t.Helper()
	revision, changes, err := dir.Export(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for c, err := range changes {
		if err != nil {
			t.Fatal(err)
		}
		docs[c.Collection+"/"+c.Key] = string(c.Doc)
	}
	if revision != s.revision {
		t.Errorf("the directory is at revision %d, its journal ends at %d", revision, s.revision)
	}
	for key, doc := range docs {
		if s.docs[key] != doc {
			t.Errorf("%s is %q, by the journal %q", key, doc, s.docs[key])
		}
	}
	for key, doc := range s.docs {
		if _, there := docs[key]; !there {
			t.Errorf("%s is not there, by the journal it is %q", key, doc)
		}
	}
}

// row is the row of an answered write.
func (s *journalSum) row(a ack) (identity.Entry, bool) {
	for _, row := range s.fresh {
		if row.Collection == a.collection && row.Key == a.key && (a.revision == row.Revision || a.revision == 0) {
			return row, true
		}
	}
	return identity.Entry{}, false
}
