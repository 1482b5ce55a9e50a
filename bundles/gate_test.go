package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

const cases = "../testdata/bundles"

// sources are the product's own policies with an overlay.
func sources(overlay fs.FS) Sources {
	return Sources{Defaults: os.DirFS("../policies"), Schemas: os.DirFS("../schemas"), Overlay: overlay}
}

// opened lets custom rules allow at the ingress.
func opened(s Sources) Sources {
	s.Settings = map[string]any{"custom_allow": map[string]any{"ingress": true}}
	return s
}

func mustGate(t *testing.T, s Sources) *Bundle {
	t.Helper()
	b, err := Gate(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rejection gates s, which must be refused.
func rejection(t *testing.T, s Sources) *RejectedError {
	t.Helper()
	b, err := Gate(t.Context(), s)
	var rejected *RejectedError
	if !errors.As(err, &rejected) {
		t.Fatalf("gate: got %v and error %v, want a refusal", b, err)
	}
	return rejected
}

func Test_good_folders_pass(t *testing.T) {
	tests := map[string]int{
		"flat_files_as_a_config_map_mounts_them": 2,
		"libraries_and_both_questions":           1,
		"keyed_reads_of_people":                  0,
		"scopes_of_an_operator":                  0,
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			b := mustGate(t, sources(os.DirFS(filepath.Join(cases, "good", name))))
			if got := b.Report.Tests; got != want {
				t.Errorf("tests: got %d, want %d", got, want)
			}
			if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(b.Revision) {
				t.Errorf("revision: got %q, want 16 hex digits", b.Revision)
			}
			for file := range b.Compiler.Modules {
				if strings.HasSuffix(file, "_test.rego") || strings.HasPrefix(file, "schemas/") {
					t.Errorf("active modules: %s is among them", file)
				}
			}
		})
	}
}

func Test_the_defaults_alone_pass(t *testing.T) {
	b := mustGate(t, sources(nil))
	if b.Report.Tests != 0 || b.Report.Modules == 0 {
		t.Errorf("report: got %+v, want modules and no tests", b.Report)
	}
}

// Each folder under broken and hostile holds a .want: the stage, and a line
// for each finding, of which the text is a part.
func Test_broken_folders_are_refused_with_their_place(t *testing.T)  { refuseAll(t, "broken") }
func Test_hostile_folders_are_refused_with_their_place(t *testing.T) { refuseAll(t, "hostile") }

func refuseAll(t *testing.T, kind string) {
	entries, err := os.ReadDir(filepath.Join(cases, kind))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Run(strings.ReplaceAll(entry.Name(), "_", " "), func(t *testing.T) {
			dir := filepath.Join(cases, kind, entry.Name())
			text, err := os.ReadFile(filepath.Join(dir, ".want"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			got := rejection(t, sources(os.DirFS(dir)))
			if got.Stage != lines[0] {
				t.Errorf("stage: got %s, want %s\n%v", got.Stage, lines[0], got)
			}
			for _, line := range lines[1:] {
				if !found(got.Findings, line) {
					t.Errorf("findings:\ngot  %v\nwant %s", got, line)
				}
			}
		})
	}
}

var placed = regexp.MustCompile(`^([^:]+):(?:(\d+):(\d+):)? ?(.*)$`)

func found(findings []Finding, line string) bool {
	m := placed.FindStringSubmatch(line)
	row, _ := strconv.Atoi(m[2])
	col, _ := strconv.Atoi(m[3])
	for _, f := range findings {
		if f.File == m[1] && (row == 0 || f.Row == row && f.Col == col) && strings.Contains(f.Text, m[4]) {
			return true
		}
	}
	return false
}

func Test_what_configuration_opens_passes(t *testing.T) {
	for _, name := range []string{"shape_allow_not_opened", "routes_public_not_opened", "routes_before_a_default", "routes_role_widened", "scopes_widened"} {
		t.Run(name, func(t *testing.T) {
			mustGate(t, opened(sources(os.DirFS(filepath.Join(cases, "broken", name)))))
		})
	}
}

func Test_opening_one_question_does_not_open_another(t *testing.T) {
	s := sources(os.DirFS(filepath.Join(cases, "broken", "shape_allow_not_opened")))
	for _, settings := range []map[string]any{
		{"custom_allow": map[string]any{"admin": true}},
		{"custom_allow": map[string]any{"ingress": false}},
		{"custom_allow": map[string]any{"ingress": "true"}},
		{"custom_allow": true},
		{"custom_allow": []string{"ingress"}},
	} {
		s.Settings = settings
		if got := rejection(t, s).Stage; got != StageShape {
			t.Errorf("stage with %v: got %s, want %s", settings, got, StageShape)
		}
	}
}

func Test_opening_the_ingress_does_not_widen_scopes_of_another_question(t *testing.T) {
	got := rejection(t, opened(sources(os.DirFS(filepath.Join(cases, "broken", "scopes_widened_in_another_question")))))
	if got.Stage != StageRoutes {
		t.Errorf("stage: got %s, want %s", got.Stage, StageRoutes)
	}
}

func Test_settings_reach_policies_as_data(t *testing.T) {
	b := mustGate(t, opened(sources(nil)))
	got, ok := lookup(b.Data, "gatehouse", "settings", "custom_allow", "ingress")
	if !ok || got != true {
		t.Errorf("data.gatehouse.settings.custom_allow.ingress: got %v, want true", got)
	}
}

func Test_the_revision_is_a_hash_of_all_sources(t *testing.T) {
	dir := filepath.Join(cases, "good", "keyed_reads_of_people")
	revisions := map[string]string{}
	for name, s := range map[string]Sources{
		"defaults": sources(nil), "settings": opened(sources(nil)), "overlay": sources(os.DirFS(dir)),
		"both": opened(sources(os.DirFS(dir))), "other overlay": sources(os.DirFS(filepath.Join(cases, "good", "libraries_and_both_questions"))),
	} {
		first, second := mustGate(t, s).Revision, mustGate(t, s).Revision
		if first != second {
			t.Errorf("%s: got %s and then %s, want the same", name, first, second)
		}
		if other, taken := revisions[first]; taken {
			t.Errorf("%s has the revision of %s", name, other)
		}
		revisions[first] = name
	}
}

func Test_a_refusal_names_file_row_column_and_text(t *testing.T) {
	err := &RejectedError{Stage: "shape", Findings: []Finding{{"a.rego", 3, 1, "wrong"}, {"data.yaml", 0, 0, "also"}, {"", 0, 0, "bare"}}}
	want := "policy refused at stage shape\na.rego:3:1: wrong\ndata.yaml: also\nbare"
	if got := err.Error(); got != want {
		t.Errorf("error: got %q, want %q", got, want)
	}
}

func Test_a_gate_whose_context_ended_does_not_pass_tests(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Gate(ctx, sources(os.DirFS(filepath.Join(cases, "good", "libraries_and_both_questions"))))
	if err == nil {
		t.Error("gate: got no error")
	}
}

func Test_a_panic_is_a_refusal(t *testing.T) {
	_, err := guarded(t.Context(), time.Minute, func(context.Context) (*Bundle, error) { panic("out of order") })
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !strings.Contains(fmt.Sprint(rejected.Findings), "out of order") {
		t.Errorf("error: got %v, want a refusal that tells of the panic", err)
	}
}

// O02: the refusal must come from the list of builtins, so the same rules
// compile with all that the linked OPA has.
func Test_what_reaches_out_is_refused_by_capabilities_alone(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(cases, "hostile", "O02_*"))
	if err != nil || len(dirs) < 20 {
		t.Fatalf("cases: got %d and error %v, want at least 20", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			files, findings := readTree(os.DirFS(dir))
			parsed, more := parseTree(files, "")
			if findings = append(findings, more...); len(findings) > 0 {
				t.Fatal(findings)
			}
			c := ast.NewCompiler().WithEnablePrintStatements(true)
			maps.Copy(parsed.modules, parsed.tests)
			if c.Compile(parsed.modules); c.Failed() {
				t.Errorf("compile with every builtin: got %v, want no error", c.Errors)
			}
		})
	}
}

func Test_opening_a_question_that_nobody_asks_is_refused(t *testing.T) {
	s := sources(nil)
	s.Settings = map[string]any{"custom_allow": map[string]any{"ingress": true, "ingres": true}}
	got := rejection(t, s)
	want := []Finding{{Text: `policies.custom_allow names "ingres", which is no question; questions are admin, ingress`}}
	if got.Stage != StageSettings || !slices.Equal(got.Findings, want) {
		t.Errorf("got %s %v, want %s %v", got.Stage, got.Findings, StageSettings, want)
	}
}

func Test_judging_that_does_not_end_is_a_refusal(t *testing.T) {
	never := func(context.Context) (*Bundle, error) { select {} }
	t.Run("after its limit", func(t *testing.T) {
		_, err := guarded(t.Context(), time.Millisecond, never)
		var rejected *RejectedError
		if !errors.As(err, &rejected) || rejected.Stage != StageCompile || !strings.Contains(rejected.Error(), "did not end within 1ms") {
			t.Errorf("got %v, want a refusal that says so", err)
		}
	})
	t.Run("and ends at once when the caller does", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := guarded(ctx, time.Hour, never); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}
