package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyFile copies as cp does, for the owner alone.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// restored is a house on a new data folder made from a backup and a sealing key.
func restored(t *testing.T, backup, secret string) *house {
	t.Helper()
	h := emptyHouse(t, nil)
	if err := os.Mkdir(h.data, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, backup, filepath.Join(h.data, "gatehouse.db"))
	if secret != "" {
		copyFile(t, secret, filepath.Join(h.data, "secret.key"))
	}
	return h
}

func TestBackup_is_restored_to_a_directory_that_serves_the_same(t *testing.T) {
	t.Parallel()
	h := startHouse(t, nil)
	const password = "correct horse battery"
	if err := h.beside(t, password, "account", "set-password", editor); err != nil {
		t.Fatal(err)
	}
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", "accounts: [{email: "+editor+", handle: eve, identities: [{issuer: \"https://id.test\", subject: e}]}]\n"))
	kept, revoked := h.bearer(t, editor), h.bearer(t, editor)
	if err := h.beside(t, strings.TrimPrefix(revoked, "Bearer "), "token", "revoke", "-"); err != nil {
		t.Fatal(err)
	}
	exported, journal := h.command(t, "export", "--data", h.data), h.command(t, "journal", "--limit", "0", "--data", h.data)

	backup := filepath.Join(t.TempDir(), "gatehouse.db")
	if out := h.command(t, "backup", backup, "--data", h.data); !strings.Contains(out, backup) || !strings.Contains(out, filepath.Join(h.data, "secret.key")) {
		t.Errorf("backup says %q", out)
	}
	info, err := os.Stat(backup)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("the backup: %v, %v, want a file of its owner's alone", info.Mode(), err)
	}
	h.importFiles(t, writeFile(t, t.TempDir(), "later.yaml", "accounts: [{handle: later}]\n"))

	t.Run("people, names, grants, identities and the journal are those of the backup", func(t *testing.T) {
		again := restored(t, backup, filepath.Join(h.data, "secret.key"))
		if got := again.command(t, "export", "--data", again.data); got != exported {
			t.Errorf("got:\n%s\nwant:\n%s", got, exported)
		}
		if got := again.command(t, "journal", "--limit", "0", "--data", again.data); got != journal {
			t.Errorf("got:\n%s\nwant:\n%s", got, journal)
		}
	})
	t.Run("served, passwords and tokens are as they were", func(t *testing.T) {
		again := restored(t, backup, filepath.Join(h.data, "secret.key"))
		again.serve(t)
		const page = "https://app.test/notebook/lab/demo/lab"
		for name, tc := range map[string]struct {
			authorization string
			want          int
		}{"a token of before": {kept, http.StatusOK}, "a revoked one": {revoked, http.StatusUnauthorized}, "a new one": {again.bearer(t, "eve"), http.StatusOK}} {
			if got := again.ask(t, "GET", page, tc.authorization); got != tc.want {
				t.Errorf("%s: status %d, want %d", name, got, tc.want)
			}
		}
		status, token := again.login(t, "eve", password)
		if status != http.StatusCreated {
			t.Errorf("login: %d, want 201", status)
		}
		// The first house has the same keys and people, so it knows the token too.
		if got := h.ask(t, "GET", page, "Bearer "+token); got != http.StatusOK {
			t.Errorf("the token of the restored house at the first: status %d, want 200", got)
		}
	})
	t.Run("without its sealing key it is not served, and says what is missing", func(t *testing.T) {
		again := restored(t, backup, "")
		_, _, err := commandWith(t, nil, "serve", "--data", again.data, "--listen", again.addr, "--ops-listen", again.ops)
		if err == nil || !strings.Contains(err.Error(), "secret.key") {
			t.Errorf("got %v, want an error that names secret.key", err)
		}
	})
	t.Run("it never takes the place of a file", func(t *testing.T) {
		file := writeFile(t, t.TempDir(), "precious", "precious")
		if err := h.beside(t, "", "backup", file); err == nil || !strings.Contains(err.Error(), "exists and is left as it is") {
			t.Errorf("got %v", err)
		}
		if got := readFile(t, file); got != "precious" {
			t.Errorf("the file holds %q now", got)
		}
		nowhere := filepath.Join(t.TempDir(), "none", "gatehouse.db")
		if err := h.beside(t, "", "backup", nowhere); err == nil || !strings.Contains(err.Error(), nowhere) {
			t.Errorf("into a folder that is not there: got %v", err)
		}
		if _, err := os.Stat(filepath.Dir(nowhere)); !os.IsNotExist(err) {
			t.Errorf("a folder was made: %v", err)
		}
	})
	if entries, err := fs.Glob(os.DirFS(filepath.Dir(backup)), "*"); err != nil || len(entries) != 1 {
		t.Errorf("beside the backup: %v, %v, want nothing", entries, err)
	}
}
