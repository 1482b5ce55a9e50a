//go:build !bench

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, page := range []string{"import.md", "operating.md"} {
		t.Run(page, func(t *testing.T) {
			tmp := t.TempDir()
			for _, s := range samplesOf(t, "../../docs/"+page) {
				cmd := exec.CommandContext(t.Context(), shell, "-c", "exec 2>&1; "+strings.ReplaceAll(s.command, "/tmp/", tmp+"/")) // our own page's
				cmd.Dir = filepath.Join("..", "..")
				out, _ := cmd.CombinedOutput() // a sample may show a failure
				if got := strings.ReplaceAll(string(out), tmp+"/", "/tmp/"); !likeSample(s.want, got) {
					t.Errorf("$ %s\ngot:\n%s\nwant:\n%s", s.command, got, s.want)
				}
			}
		})
	}
}
