package identity

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gorm.io/gorm"
)

func openInternal(t *testing.T) *Directory {
	t.Helper()
	d, err := Open(t.Context(), Options{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestDatabase_settings_are_asserted(t *testing.T) {
	d := openInternal(t)
	for name, c := range map[string]struct {
		pool     *gorm.DB
		pragma   string
		readOnly bool
	}{
		"foreign keys off":        {d.writer, "foreign_keys = 0", false},
		"commits that may vanish": {d.writer, "synchronous = NORMAL", false},
		"no waiting for others":   {d.writer, "busy_timeout = 0", false},
		"a writer that cannot":    {d.writer, "query_only = 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := assertPragmas(t.Context(), c.pool, c.readOnly); err != nil {
				t.Fatalf("before: %v", err)
			}
			if err := c.pool.Exec("PRAGMA " + c.pragma).Error; err != nil {
				t.Fatal(err)
			}
			if err := assertPragmas(t.Context(), c.pool, c.readOnly); err == nil {
				t.Error("went unnoticed")
			}
			for _, back := range []string{"query_only = 0", "foreign_keys = 1", "synchronous = FULL", fmt.Sprint("busy_timeout = ", busyTimeout.Milliseconds())} {
				if err := c.pool.Exec("PRAGMA " + back).Error; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	t.Run("readers cannot write", func(t *testing.T) {
		if err := d.reader.Create(&settingRow{Name: "x", Value: "y"}).Error; err == nil {
			t.Error("a reading connection wrote")
		}
	})
}

func TestDatabase_refuses_to_leave_references_dangling(t *testing.T) {
	d := openInternal(t)
	var tables []string
	err := d.writer.Raw("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").Scan(&tables).Error
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, table := range tables {
		var keys []struct{ From, Table, OnDelete, OnUpdate string }
		if err := d.writer.Raw("SELECT \"from\", \"table\", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY 1", table).Scan(&keys).Error; err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			got = append(got, fmt.Sprintf("%s.%s -> %s %s %s", table, k.From, k.Table, k.OnDelete, k.OnUpdate))
		}
	}
	want := []string{
		"bindings.account_id -> accounts RESTRICT RESTRICT", "bindings.namespace -> namespaces RESTRICT RESTRICT",
		"bindings.team_id -> teams RESTRICT RESTRICT", "identities.account_id -> accounts RESTRICT RESTRICT", "labels.namespace -> namespaces RESTRICT RESTRICT",
		"members.account_id -> accounts RESTRICT RESTRICT", "members.organisation_id -> accounts RESTRICT RESTRICT",
		"owners.account_id -> accounts RESTRICT RESTRICT", "owners.namespace -> namespaces RESTRICT RESTRICT",
		"owners.team_id -> teams RESTRICT RESTRICT", "passwords.account_id -> accounts RESTRICT RESTRICT",
		"platform_roles.account_id -> accounts RESTRICT RESTRICT", "team_members.account_id -> accounts RESTRICT RESTRICT",
		"team_members.team_id -> teams RESTRICT RESTRICT", "teams.organisation_id -> accounts RESTRICT RESTRICT",
		"tokens.account_id -> accounts RESTRICT RESTRICT",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFailures_in_the_middle_of_a_write(t *testing.T) {
	d := openInternal(t)
	var id AccountID
	_, err := d.Write(t.Context(), "test", func(tx *Tx) error {
		a, err := tx.CreateAccount(Account{Handle: "ada", Kind: Person, State: Active})
		id = a.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("take everything back even when they are swallowed", func(t *testing.T) {
		_, err := d.Write(t.Context(), "test", func(tx *Tx) error {
			_ = tx.PutSetting("issuer", "x")
			_ = tx.change("fail", func() error { return errors.New("disk on fire") })
			return nil
		})
		var storage storageError
		if !errors.As(err, &storage) {
			t.Errorf("got %v", err)
		}
		if d.Revision() != 1 {
			t.Errorf("got revision %d", d.Revision())
		}
	})
	t.Run("say what they are and not what the driver is", func(t *testing.T) {
		_, err := d.Write(t.Context(), "test", func(tx *Tx) error {
			return tx.change("remove", func() error {
				if err := tx.db.Create(&platformRoleRow{AccountID: string(id), Role: "r"}).Error; err != nil {
					return err
				}
				return tx.db.Where("id = ?", string(id)).Delete(&accountRow{}).Error
			})
		})
		if !errors.Is(err, ErrConflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		_, err = d.Write(t.Context(), "test", func(tx *Tx) error {
			return tx.change("create", func() error { return tx.db.Create(&accountRow{ID: string(id)}).Error })
		})
		if !errors.Is(err, ErrExists) {
			t.Errorf("got %v, want that it exists", err)
		}
	})
	t.Run("such as a full disk, after which there may be room again", func(t *testing.T) {
		fill := func(tx *Tx) error {
			for i := range 500 {
				if _, err := tx.CreateAccount(Account{Handle: Handle(fmt.Sprint("h", i)), Kind: Person, State: Active}); err != nil {
					return err
				}
			}
			return nil
		}
		limitPages := func(n int) {
			if err := d.writer.Exec(fmt.Sprint("PRAGMA max_page_count = ", n)).Error; err != nil {
				t.Fatal(err)
			}
		}
		limitPages(1) // SQLite takes the present size for less
		if _, err := d.Write(t.Context(), "test", fill); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("got %v, want that the disk is full", err)
		}
		limitPages(1 << 30)
		if revision, err := d.Write(t.Context(), "test", fill); err != nil || revision != 2 {
			t.Errorf("got revision %d, %v", revision, err)
		}
	})
}

func TestDatabases_of_a_newer_version_are_refused(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.writer.Exec("INSERT INTO migrations (id) VALUES ('9999_future')").Error; err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "newer Gatehouse") {
		t.Errorf("got %v, want that a newer one wrote it", err)
	}
}

func TestErrors_of_a_closed_directory_are_ours(t *testing.T) {
	d := openInternal(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, exporting := func() (uint64, error) { n, _, err := d.Export(t.Context()); return n, err }()
	_, writing := d.Write(t.Context(), "test", func(*Tx) error { return nil })
	for name, err := range map[string]error{
		"write": writing, "export": exporting,
		"read": d.Read(t.Context(), func(*Tx) error { return nil }),
	} {
		var storage storageError
		if !errors.As(err, &storage) {
			t.Errorf("%s: got %v (%T)", name, err, err)
		}
	}
}
