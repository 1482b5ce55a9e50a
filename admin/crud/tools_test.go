package crud_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// openAPITools holds what is pinned for tests of the OpenAPI document and its page.
const openAPITools = "../../testdata/openapi"

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
	c := exec.CommandContext(tb.Context(), testtools.Node(tb), arguments...)
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
