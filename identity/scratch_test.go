package identity_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestScratch_is_a_copy_that_writes_neither_disturb_nor_outlive(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	d := open(t, filepath.Join(t.TempDir(), "d"))
	create := func(in *identity.Directory, handle identity.Handle) {
		t.Helper()
		write(t, in, func(tx *identity.Tx) error {
			_, err := tx.CreateAccount(identity.Account{Handle: handle, Kind: identity.Person, State: identity.Active})
			return err
		})
	}
	known := func(in *identity.Directory, handle string) bool {
		t.Helper()
		found := false
		is(t, in.Read(t.Context(), func(tx *identity.Tx) error {
			accounts, err := tx.AccountsNamed(identity.Names{Handles: []string{handle}})
			found = len(accounts) == 1
			return err
		}), nil)
		return found
	}
	create(d, "before")
	scratch, remove, err := d.Scratch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Whoever writes to one of the two does not wait for the other.
	write(t, d, func(*identity.Tx) error {
		create(scratch, "tried")
		return nil
	})
	create(d, "after")
	for _, c := range []struct {
		handle             string
		inScratch, inFirst bool
	}{{"before", true, true}, {"tried", true, false}, {"after", false, true}} {
		if got, want := [2]bool{known(scratch, c.handle), known(d, c.handle)}, [2]bool{c.inScratch, c.inFirst}; got != want {
			t.Errorf("%s is in the copy and in the directory: %v, want %v", c.handle, got, want)
		}
	}
	is(t, remove(), nil)
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, error %v", len(left), err)
	}
}
