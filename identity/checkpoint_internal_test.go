package identity

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWrite_ahead_log_is_moved_into_the_database_beside_small_writes(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int) {
		_, err := d.Write(t.Context(), "test", func(tx *Tx) error {
			_, err := tx.CreateAccount(Account{Handle: Handle(fmt.Sprint("moved-", n)), Kind: Person, State: Active})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	moved := func(n int) bool {
		content, err := os.ReadFile(filepath.Join(dir, databaseFile))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(content, fmt.Append(nil, "moved-", n))
	}
	for n := range checkpointAfter - 1 {
		write(n)
	}
	if moved(0) {
		t.Fatal("the log was moved at once")
	}
	write(checkpointAfter)
	for end := time.Now().Add(10 * time.Second); !moved(checkpointAfter); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the log is not moved")
		}
	}
	for range 2 { // the second time there is nothing to wait for
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if d.committed(); d.checkpoints.TryLock() {
		t.Error("a closed directory would move its log")
	}
}
