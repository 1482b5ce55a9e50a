// Package testtools finds the real programs that tests start, and the npm packages that
// they run with Node.js.
//
// It owns where those packages are kept: outside of the repository, by the lock file that
// pins them, so that they are fetched once. It starts nothing else. Nothing but tests
// imports it.
package testtools

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Missing ends a test that needs what is not there: on a laptop it is skipped with its
// reason, in CI it fails, so that nothing is green that never ran.
func Missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// Program is the path of a program, which may go by several names. Proxies may be where
// only root looks for them.
func Program(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		for _, dir := range []string{"", "/usr/sbin", "/usr/local/sbin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	Missing(tb, names[0]+" is not installed: run scripts/install-test-tools.sh as root, or install it by hand")
	return ""
}

// Node is the path of Node.js 20 or later.
func Node(tb testing.TB) string {
	tb.Helper()
	path := Program(tb, "node")
	version, err := exec.CommandContext(tb.Context(), path, "--version").Output()
	if err != nil {
		tb.Fatal(err)
	}
	major := 0
	if _, err := fmt.Sscanf(string(version), "v%d.", &major); err != nil || major < 20 {
		Missing(tb, "Node.js 20 or later is needed, this is "+string(version))
	}
	return path
}

// Modules is the folder node_modules with what the package-lock.json in the folder pins.
func Modules(tb testing.TB, folder string) string {
	tb.Helper()
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		tb.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		Missing(tb, "npm packages have no cache folder: "+err.Error())
	}
	sum := sha256.Sum256(lock)
	parent := filepath.Join(cache, "gatehouse-test-tools")
	dir := filepath.Join(parent, filepath.Base(folder)+"-"+hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := fetch(tb, folder, parent, dir); err != nil {
		Missing(tb, "npm packages cannot be had: "+err.Error())
	}
	return modules
}

// fetch installs what is pinned in folder beside dir, which it becomes when it is whole.
func fetch(tb testing.TB, folder, parent, dir string) error {
	tb.Helper()
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, "fresh-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }() // it has been moved, or is of no use
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o600); err != nil {
			return err
		}
	}
	install := exec.CommandContext(tb.Context(), Program(tb, "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = fresh
	if output, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // nobody else was faster
			return err
		}
	}
	return nil
}
