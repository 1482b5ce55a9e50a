//go:build !bench

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// consoleBlock is a sample session of a page: lines that begin with $ are typed, the
// others are what comes back.
var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```\n")

type sample struct{ command, want string }

// samplesOf are the sessions of a page in their order.
func samplesOf(t *testing.T, page string) []sample {
	t.Helper()
	var found []sample
	for _, block := range consoleBlock.FindAllStringSubmatch(readFile(t, page), -1) {
		for line := range strings.Lines(block[1]) {
			if command, typed := strings.CutPrefix(line, "$ "); typed {
				found = append(found, sample{command: strings.TrimSuffix(command, "\n")})
				continue
			}
			found[len(found)-1].want += line
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no sample session", page)
	}
	return found
}

// likeSample compares word for word; a line of … stands for any lines, and … within a line
// for anything on it.
func likeSample(want, got string) bool {
	var pattern strings.Builder
	for line := range strings.Lines(want) {
		if line == "…\n" {
			pattern.WriteString("(?s:.*)")
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", "[^\n]*"))
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(got)
}

func TestDocs_pages_show_what_the_commands_print(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash here")
	}
	for _, page := range []string{"import.md", "issuers.md", "operating.md"} {
		t.Run(page, func(t *testing.T) { tryPage(t, page) })
	}
	t.Run("rest.md", func(t *testing.T) {
		testtools.Program(t, "curl")
		testtools.Program(t, "jq")
		h := &house{addr: freeAddress(t), ops: freeAddress(t), data: filepath.Join(t.TempDir(), "data"), log: &lockedBuffer{}}
		h.importFiles(t, "../../testdata/demo.yaml")
		h.serve(t)
		tryPage(t, "rest.md", "./data", h.data, "127.0.0.1:9700", h.addr)
	})
}

// tryPage types the commands of a page. standIns are pairs: what the page says, and what
// it is here.
func tryPage(t *testing.T, page string, standIns ...string) {
	t.Helper()
	tmp := t.TempDir()
	typed := strings.NewReplacer(append([]string{"/tmp/", tmp + "/"}, standIns...)...)
	for _, s := range samplesOf(t, "../../docs/"+page) {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "exec 2>&1; "+typed.Replace(s.command)) // our own page's
		cmd.Dir = filepath.Join("..", "..")
		out, _ := cmd.CombinedOutput() // a sample may show a failure
		if got := strings.ReplaceAll(string(out), tmp+"/", "/tmp/"); !likeSample(s.want, got) {
			t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", s.command, got, s.want)
		}
	}
}
