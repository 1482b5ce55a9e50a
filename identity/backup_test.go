package identity_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// inhabited is a directory with some of everything.
func inhabited(t *testing.T) (d *identity.Directory, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	d = open(t, dir)
	people(t, d, 1000)
	ada := person(t, d, "ada")
	link(t, d, linked("ada", ada.ID))
	issue(t, d, kept("t1", ada.ID, start))
	write(t, d, func(tx *identity.Tx) error { return tx.SetPassword(ada.ID, "$argon2id$x", time.Time{}, false) })
	return d, dir
}

// state is all that a directory has to say.
type state struct {
	Revision uint64
	Docs     documents
	Journal  []identity.Entry
}

func stateOf(t *testing.T, d *identity.Directory) (s state) {
	t.Helper()
	s.Revision, s.Docs = exported(t, d)
	s.Journal, _ = d.Journal(t.Context(), 0, 0)
	return s
}

// restored opens a data directory that is made of a backup and the sealing key of the
// directory dir.
func restored(t *testing.T, dir, backup string) (*identity.Directory, error) {
	t.Helper()
	again := t.TempDir()
	for from, to := range map[string]string{backup: "gatehouse.db", filepath.Join(dir, "secret.key"): "secret.key"} {
		raw, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(again, to), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := identity.Open(t.Context(), identity.Options{Dir: again})
	if err == nil {
		t.Cleanup(func() { is(t, d.Close(), nil) })
	}
	return d, err
}

// files are the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestBackup_opens_and_is_the_same(t *testing.T) {
	d, dir := inhabited(t)
	out := t.TempDir()
	file := filepath.Join(out, "backup.db")
	before := files(t, dir)
	is(t, d.Backup(t.Context(), file), nil)
	info, err := os.Stat(file)
	is(t, err, nil)
	same(t, info.Mode(), os.FileMode(0o600))
	same(t, files(t, out), []string{"backup.db"})
	same(t, files(t, dir), before)

	again, err := restored(t, dir, file)
	is(t, err, nil)
	if got, want := asJSON(t, stateOf(t, again)), asJSON(t, stateOf(t, d)); got != want {
		t.Errorf("the backup holds %d bytes, of %d", len(got), len(want))
	}
	write(t, again, set("of the copy"))
	write(t, d, set("of the first"))
	_, docs := exported(t, again, identity.CollectionSettings)
	same(t, docs, documents{"settings/issuer": `{"value":"of the copy"}`})

	t.Run("and a part of it does not open", func(t *testing.T) {
		half := filepath.Join(out, "half")
		raw, err := os.ReadFile(file)
		is(t, err, nil)
		is(t, os.WriteFile(half, raw[:len(raw)/2], 0o600), nil)
		if _, err := restored(t, dir, half); err == nil {
			t.Error("half of a backup is served as if it were all")
		}
	})
}

func TestBackup_never_takes_the_place_of_a_file(t *testing.T) {
	d := fresh(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	is(t, os.WriteFile(in("file"), []byte("precious"), 0o644), nil)
	is(t, os.Symlink("nowhere", in("link")), nil)
	is(t, os.Mkdir(in("folder"), 0o700), nil)
	for _, name := range []string{"file", "link", "folder"} {
		is(t, d.Backup(t.Context(), in(name)), identity.ErrExists)
	}
	if err := d.Backup(t.Context(), in("none/backup")); err == nil || !strings.Contains(err.Error(), in("none/backup")) {
		t.Errorf("into a folder that is not there: got %v", err)
	}
	same(t, files(t, dir), []string{"file", "folder", "link"})
	raw, err := os.ReadFile(in("file"))
	same(t, string(raw), "precious")
	is(t, err, nil)
}

func TestBackup_is_of_one_revision_while_others_write(t *testing.T) {
	d, dir := inhabited(t)
	out := t.TempDir()
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			_, err := d.Write(context.Background(), "writer", func(tx *identity.Tx) error {
				return firstError([]error{tx.PutSetting("issuer", fmt.Sprint(n)), tx.PutSetting("audience", fmt.Sprint(n))})
			})
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	var backups []string
	first := d.Revision()
	for n := range 5 {
		backups = append(backups, filepath.Join(out, fmt.Sprint(n)))
		is(t, d.Backup(t.Context(), backups[n]), nil)
	}
	if d.Revision() == first {
		t.Error("nothing was written meanwhile: this shows nothing")
	}
	close(stop)
	is(t, <-stopped, nil)
	for _, backup := range backups {
		again, err := restored(t, dir, backup)
		if err != nil {
			t.Fatal(err)
		}
		s := stateOf(t, again)
		same(t, s.Docs["settings/issuer"], s.Docs["settings/audience"])
		same(t, s.Revision, s.Journal[len(s.Journal)-1].Revision)
		if got, want := asJSON(t, folded(t, again)), asJSON(t, s.Docs); got != want {
			t.Errorf("the journal of a backup adds up to %d bytes, its documents are %d", len(got), len(want))
		}
	}
}

func TestBackup_leaves_nothing_when_it_is_given_up(t *testing.T) {
	d, dir := inhabited(t)
	out, before := t.TempDir(), files(t, dir)
	gaveUp := 0
	for n := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*500*time.Microsecond)
		if err := d.Backup(ctx, filepath.Join(out, "backup.db")); err != nil {
			gaveUp++
			same(t, files(t, out), nil)
		} else {
			is(t, os.Remove(filepath.Join(out, "backup.db")), nil)
		}
		cancel()
	}
	if gaveUp == 0 {
		t.Error("none was given up: this shows nothing")
	}
	same(t, files(t, dir), before)
	is(t, d.Backup(t.Context(), filepath.Join(out, "backup.db")), nil)
}

// backupDirs makes the test binary a process that backs up the first folder that it names
// into the second, over and over, and prints the number of each: when nobody is there to
// read it any more, that ends it.
const backupDirs = "IDENTITY_TEST_BACKUP_DIRS"

func backUpForEver(dirs string) error {
	dir, out, _ := strings.Cut(dirs, "\n")
	ctx := context.Background()
	d, err := identity.Open(ctx, identity.Options{Dir: dir})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if err := d.Backup(ctx, filepath.Join(out, fmt.Sprint(n, ".db"))); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestBackup_of_a_killed_process_is_whole_or_not_there(t *testing.T) {
	d, dir := inhabited(t)
	want := asJSON(t, stateOf(t, d))
	rounds, whole, partial := 8, 0, 0
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		out := t.TempDir()
		child := exec.CommandContext(t.Context(), executable(t), "-test.run=^$")
		child.Env = append(os.Environ(), backupDirs+"="+dir+"\n"+out)
		child.Stderr = os.Stderr
		_, err := child.StdoutPipe() // which is closed with this process
		is(t, err, nil)
		is(t, child.Start(), nil)
		begun := fmt.Sprint(round%3, ".db.partial-")
		eventually(t, time.Minute, "a backup begun", func() bool { return strings.Contains(strings.Join(files(t, out), " "), begun) })
		time.Sleep(time.Duration(round) * time.Millisecond) // to somewhere in the middle of it
		is(t, child.Process.Kill(), nil)
		_ = child.Wait() // it was killed
		for _, name := range files(t, out) {
			if strings.Contains(name, ".db.partial-") {
				partial++
				continue
			}
			whole++
			again, err := restored(t, dir, filepath.Join(out, name))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := asJSON(t, stateOf(t, again)); got != want {
				t.Errorf("%s holds %d bytes, of %d", name, len(got), len(want))
			}
		}
	}
	t.Logf("%d were whole, %d were not and say so", whole, partial)
	if whole == 0 || partial == 0 {
		t.Error("this shows nothing")
	}
}

func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}
