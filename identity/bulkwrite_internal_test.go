package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writerPragmas(t *testing.T, d *Directory) string {
	t.Helper()
	var cache, checkpoint int64
	for pragma, into := range map[string]*int64{"cache_size": &cache, "wal_autocheckpoint": &checkpoint} {
		if err := d.writer.Raw("PRAGMA " + pragma).Row().Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint("cache_size ", cache, ", wal_autocheckpoint ", checkpoint)
}

func TestBulk_puts_the_connection_back_and_leaves_nothing_in_the_log_for_others_to_move(t *testing.T) {
	ctx, path := t.Context(), t.TempDir()
	d, err := Open(ctx, Options{Dir: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	before := writerPragmas(t, d)
	if want := "wal_autocheckpoint 4000"; !strings.HasSuffix(before, want) {
		t.Errorf("before: got %s, want %s", before, want)
	}
	bulk, err := d.BeginBulk(ctx, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := writerPragmas(t, d), "cache_size -8192, wal_autocheckpoint 0"; got != want {
		t.Errorf("while writing: got %s, want %s", got, want)
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(path, databaseFile))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	part := 0
	grow := func() {
		part++
		accounts := make([]Account, 1000)
		for i := range accounts {
			accounts[i] = Account{Handle: Handle(fmt.Sprintf("p-%d-%d", part, i)), Kind: Person, State: Active}
		}
		if _, err := d.Write(ctx, "test", func(tx *Tx) error { _, err := tx.CreateAccounts(accounts); return err }); err != nil {
			t.Fatal(err)
		}
	}
	was := size()
	for _, step := range []struct {
		what  string
		do    func() error
		moves bool
	}{
		{"a write, and a pause", func() error { grow(); return bulk.Pause(ctx, 0) }, true},
		{"a pause without a write", func() error { return bulk.Pause(ctx, 0) }, false},
		{"a write, and the end", func() error { grow(); return bulk.End(ctx) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		now := size()
		if (now > was) != step.moves {
			t.Errorf("%s: the database went from %d to %d bytes, moved from the log: want %v", step.what, was, now, step.moves)
		}
		was = now
	}
	grow() // by itself
	if now := size(); now != was {
		t.Errorf("a write after the end: the database went from %d to %d bytes, moved from the log at once", was, now)
	}
	if got := writerPragmas(t, d); got != before {
		t.Errorf("afterwards: got %s, want %s", got, before)
	}
}
