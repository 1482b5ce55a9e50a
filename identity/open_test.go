package identity_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestOpen_makes_what_is_missing_only_when_told_to(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "da ta?%23#", "deep")
	_, err := identity.Open(t.Context(), identity.Options{Dir: dir})
	is(t, err, identity.ErrNotFound)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("opening without Create left something behind: %v", err)
	}
	d := open(t, dir)
	t.Run("and nobody else can read it", func(t *testing.T) {
		got := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			got[strings.TrimPrefix(path, dir)] = info.Mode().String()
			return err
		})
		is(t, err, nil)
		same(t, got, map[string]string{
			"": "drwx------", "/gatehouse.db": "-rw-------", "/gatehouse.db-shm": "-rw-------",
			"/gatehouse.db-wal": "-rw-------", "/secret.key": "-rw-------",
		})
	})
	person(t, d, "ada")
	t.Run("and what is there opens without being told", func(t *testing.T) {
		again, err := identity.Open(t.Context(), identity.Options{Dir: dir})
		is(t, err, nil)
		same(t, again.Revision(), 1)
		is(t, again.Close(), nil)
	})
}

func TestOpen_keeps_a_second_server_off(t *testing.T) {
	dir := t.TempDir()
	exclusive := identity.Options{Dir: dir, Create: true, Exclusive: true}
	first, err := identity.Open(t.Context(), exclusive)
	is(t, err, nil)
	_, err = identity.Open(t.Context(), exclusive)
	is(t, err, identity.ErrLocked)
	t.Run("but not a command beside it", func(t *testing.T) { person(t, open(t, dir), "ada") })
	t.Run("and lets go when closed", func(t *testing.T) {
		is(t, first.Close(), nil)
		second, err := identity.Open(t.Context(), exclusive)
		is(t, err, nil)
		is(t, second.Close(), nil)
	})
}

func TestOpen_refuses_a_directory_that_is_not_whole(t *testing.T) {
	written := func(t *testing.T) string {
		dir := t.TempDir()
		d, err := identity.Open(t.Context(), identity.Options{Dir: dir, Create: true})
		is(t, err, nil)
		person(t, d, "ada")
		is(t, d.Close(), nil)
		return dir
	}
	for name, c := range map[string]struct {
		damage func(dir string) error
		say    string
	}{
		"without its sealing key": {func(dir string) error { return os.Remove(filepath.Join(dir, "secret.key")) }, "secret.key is missing"},
		"with half a sealing key": {func(dir string) error { return os.Truncate(filepath.Join(dir, "secret.key"), 16) }, "exactly 32 bytes"},
		"that is no database": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "gatehouse.db"), bytes.Repeat([]byte("x"), 4096), 0o600)
		}, "not a database"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			is(t, c.damage(dir), nil)
			d, err := identity.Open(t.Context(), identity.Options{Dir: dir, Create: true})
			if err == nil {
				_ = d.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want it to say %q", err, c.say)
			}
		})
	}
}

func TestSealed_values_open_only_where_they_belong(t *testing.T) {
	d := fresh(t)
	sealed, err := d.Seal([]byte("private"), "key/1")
	is(t, err, nil)
	again, err := d.Seal([]byte("private"), "key/1")
	is(t, err, nil)
	if bytes.Contains(sealed, []byte("private")) || bytes.Equal(sealed, again) {
		t.Error("sealing shows the value, or that two are equal")
	}
	plain, err := d.Unseal(sealed, "key/1")
	is(t, err, nil)
	same(t, string(plain), "private")

	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another label":     func() ([]byte, error) { return d.Unseal(sealed, "key/2") },
		"another directory": func() ([]byte, error) { return fresh(t).Unseal(sealed, "key/1") },
		"a flipped bit":     func() ([]byte, error) { return d.Unseal(flipped, "key/1") },
		"another version":   func() ([]byte, error) { return d.Unseal(append([]byte{2}, sealed[1:]...), "key/1") },
		"a short value":     func() ([]byte, error) { return d.Unseal(sealed[:8], "key/1") },
		"no value":          func() ([]byte, error) { return d.Unseal(nil, "key/1") },
	} {
		t.Run("not with "+name, func(t *testing.T) {
			if plain, err := open(); err == nil {
				t.Errorf("got %q", plain)
			}
		})
	}
}
