package crud_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// openAPITools holds what is pinned for tests of the OpenAPI document and its page.
const openAPITools = "../../testdata/openapi"

// missing ends a test that needs a program which is not there: on a laptop it is skipped
// with its reason, in CI it fails, so that nothing is green that never ran.
func missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

func program(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(tb, names[0]+" is not installed: run scripts/install-test-tools.sh as root, or install it by hand")
	return ""
}

// nodeModules is where the pinned npm packages are: outside of the repository, by what
// is pinned, so that they are fetched once.
func nodeModules(tb testing.TB) string {
	tb.Helper()
	npm := program(tb, "npm")
	version, err := exec.CommandContext(tb.Context(), program(tb, "node"), "--version").Output()
	if err != nil {
		tb.Fatal(err)
	}
	major := 0
	if _, err := fmt.Sscanf(string(version), "v%d.", &major); err != nil || major < 20 {
		missing(tb, "Node.js 20 or later is needed, this is "+string(version))
	}
	lock := readTool(tb, "package-lock.json")
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(tb, "npm packages have no cache folder: "+err.Error())
	}
	sum := sha256.Sum256(lock)
	parent := filepath.Join(cache, "gatehouse-test-tools")
	dir := filepath.Join(parent, "openapi-"+hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		missing(tb, "npm packages cannot be kept: "+err.Error())
	}
	fresh, err := os.MkdirTemp(parent, "fresh-")
	if err != nil {
		missing(tb, "npm packages cannot be kept: "+err.Error())
	}
	defer func() { _ = os.RemoveAll(fresh) }() // it has been moved, or is of no use
	for _, name := range []string{"package.json", "package-lock.json"} {
		if err := os.WriteFile(filepath.Join(fresh, name), readTool(tb, name), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	install := exec.CommandContext(tb.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = fresh
	if output, err := install.CombinedOutput(); err != nil {
		missing(tb, "npm packages cannot be fetched: "+err.Error()+"\n"+string(output))
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(modules); there != nil { // nobody else was faster
			tb.Fatal(err)
		}
	}
	return modules
}

func readTool(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(openAPITools, name))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// node runs a program of the pinned packages in dir, and ends the test where it fails.
func node(tb testing.TB, modules, dir string, environment []string, arguments ...string) string {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), program(tb, "node"), arguments...)
	c.Dir = dir
	// Only what it needs: no settings of whoever runs the tests, and nobody is told of it.
	c.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NODE_PATH=" + modules, "NO_COLOR=1",
		"REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true",
	}, environment...)
	output, err := c.CombinedOutput()
	if err != nil {
		tb.Fatalf("%v: %v\n%s", arguments, err, output)
	}
	return string(output)
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
