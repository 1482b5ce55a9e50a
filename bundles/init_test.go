package bundles

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func initDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policies")
	if err := Init(dir, sources(nil)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func Test_a_new_policy_folder_passes_the_gate_as_it_is(t *testing.T) {
	dir := initDir(t)
	b := mustGate(t, sources(os.DirFS(dir)))
	if b.Report.Tests != 3 {
		t.Errorf("tests: got %d, want 3", b.Report.Tests)
	}
	for _, name := range []string{
		"README.md", "custom/ingress/frozen/frozen.rego", "custom/ingress/frozen/frozen_test.rego",
		".gatehouse/capabilities.json", ".gatehouse/schemas/ingress.input.json", ".gatehouse/stubs/identity.rego",
		".gatehouse/policies/gatehouse/ingress/ingress.rego", ".gatehouse/policies/gatehouse/routes/data.json",
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("file: %v", err)
		}
	}
}

func Test_a_policy_folder_is_brought_up_to_date_and_an_authors_files_stay(t *testing.T) {
	dir := initDir(t)
	own := filepath.Join(dir, "custom/ingress/frozen/frozen.rego")
	stale := filepath.Join(dir, ".gatehouse/policies/gatehouse/old.rego")
	write(t, own, denying("mine"))
	write(t, stale, "package gatehouse.old\n")
	if err := os.Remove(filepath.Join(dir, "README.md")); err != nil {
		t.Fatal(err)
	}
	if err := Init(dir, sources(nil)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != denying("mine") {
		t.Errorf("the author's file: got %q and %v, want it as it was", text, err)
	}
	for _, name := range []string{stale, filepath.Join(dir, "README.md")} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s: got %v, want it to be absent", name, err)
		}
	}
}

func Test_init_writes_nothing_outside_the_folder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	link(t, outside, filepath.Join(dir, "custom"))
	_ = Init(dir, sources(nil))
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside: got %v and %v, want nothing", entries, err)
	}
	if err := Init(filepath.Join(dir, "file"), sources(nil)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "taken"), "")
	if err := Init(filepath.Join(dir, "taken"), sources(nil)); err == nil {
		t.Error("init where a file is: got no error")
	}
}

// The commands that the README of a new folder names, by the opa of the linked
// module.
func Test_the_stock_opa_tests_and_checks_a_new_policy_folder(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the opa command")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	opa := filepath.Join(t.TempDir(), "opa")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", opa, "github.com/open-policy-agent/opa").CombinedOutput(); err != nil {
		t.Fatalf("build opa: %v\n%s", err, out)
	}
	dir := initDir(t)
	for _, args := range [][]string{
		{"test", "--timeout", "5m", "--ignore", ".*", ".gatehouse/policies", "."},
		{"check", "--strict", "--ignore", ".*", "--capabilities", ".gatehouse/capabilities.json", "--schema", ".gatehouse/schemas", ".gatehouse/policies", ".gatehouse/stubs", "."},
	} {
		cmd := exec.CommandContext(ctx, opa, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("opa %v: %v\n%s", args, err, out)
		}
	}
}

func Test_the_sample_is_formatted_as_a_policy_folder(t *testing.T) {
	var got []string
	err := fs.WalkDir(sample, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	})
	want := []string{"sample/README.md", "sample/custom/ingress/frozen/frozen.rego", "sample/custom/ingress/frozen/frozen_test.rego"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("sample: got %v and %v, want %v", got, err, want)
	}
}
