package bundles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func Test_a_folder_is_bounded(t *testing.T) {
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("%04d.rego", i)] = &fstest.MapFile{Data: []byte("package custom.lib.x\n")}
	}
	entries := fstest.MapFS{}
	for i := range maxEntries + 1 {
		entries[fmt.Sprintf("%05d.txt", i)] = &fstest.MapFile{}
	}
	large := make([]byte, maxFileBytes-1)
	tests := map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"file larger than a MiB":  {fstest.MapFS{"x.rego": {Data: make([]byte, maxFileBytes+1)}}, "is larger than"},
		"folder larger than four": {fstest.MapFS{"a.rego": {Data: large}, "b.rego": {Data: large}, "c.rego": {Data: large}, "d.rego": {Data: large}, "e.rego": {Data: large}}, "more than 4194304 bytes"},
		"folder of many files":    {many, "more than 1000 policy files"},
		"folder of many entries":  {entries, "more than 20000 entries"},
		"folder nested deeply":    {fstest.MapFS{strings.Repeat("a/", maxDepth+1) + "x.rego": {}}, "nested deeper"},
		"file in upper case":      {fstest.MapFS{"X.REGO": {}}, "in lower case"},
		"table under its name":    {fstest.MapFS{"custom/routes.json": {}}, "data.json and data.yaml"},
		"table of a short ending": {fstest.MapFS{"data.yml": {}}, "data.json and data.yaml"},
	}
	for name, test := range tests {
		t.Run("O05 "+name, func(t *testing.T) {
			got := rejection(t, sources(test.fsys))
			if got.Stage != StageSize || !strings.Contains(got.Error(), test.want) || len(got.Findings) > maxFindings {
				t.Errorf("refusal: got %v, want %q at stage size", got, test.want)
			}
		})
	}
}

func Test_links_are_followed_inside_the_folder_only(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "x.rego"), denying("outside"))
	tests := map[string]struct {
		make func(dir string) error
		want string
	}{
		"a link out of it": {func(dir string) error {
			return os.Symlink(filepath.Join(outside, "x.rego"), filepath.Join(dir, "x.rego"))
		}, "cannot be followed"},
		"a relative link out of it": {func(dir string) error {
			return os.Symlink("../../../../../../etc/hostname", filepath.Join(dir, "x.rego"))
		}, "cannot be followed"},
		"a link to nothing":    {func(dir string) error { return os.Symlink("nothing", filepath.Join(dir, "x.rego")) }, "cannot be followed"},
		"a link to itself":     {func(dir string) error { return os.Symlink("x.rego", filepath.Join(dir, "x.rego")) }, "cannot be followed"},
		"a link to the folder": {func(dir string) error { return os.Symlink(".", filepath.Join(dir, "loop")) }, "link to a folder"},
		"a link through ..data to another folder": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "..1", "b"), 0o700), os.Symlink("..1", filepath.Join(dir, "..data")), os.Symlink("..data/b", filepath.Join(dir, "a")))
		}, "link to a folder"},
		"a link through ..data out of the folder": {func(dir string) error {
			return errors.Join(os.Symlink(outside, filepath.Join(dir, "..data")), os.Symlink("..data/x.rego", filepath.Join(dir, "x.rego")))
		}, "cannot be followed"},
		"a link in a folder of a mount": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "..1", "a"), 0o700), os.Symlink("..1", filepath.Join(dir, "..data")), os.Symlink("..data/a", filepath.Join(dir, "a")),
				os.Symlink("../../..data/a", filepath.Join(dir, "..1", "a", "a")))
		}, "link to a folder"},
		"a pipe that would never end": {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "x.rego"), 0o600) }, "not a regular file"},
		"a link to a pipe": {func(dir string) error {
			return errors.Join(syscall.Mkfifo(filepath.Join(dir, "p"), 0o600), os.Symlink("p", filepath.Join(dir, "x.rego")))
		}, "not a regular file"},
		"a folder named like a module": {func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "x.rego")) }, "cannot be followed"},
	}
	for name, test := range tests {
		t.Run("O05 "+name, func(t *testing.T) {
			dir := t.TempDir()
			if err := test.make(dir); err != nil {
				t.Fatal(err)
			}
			_, err := readDir(dir)
			var rejected *RejectedError
			if !errors.As(err, &rejected) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("read: got %v, want %q", err, test.want)
			}
		})
	}
}

func Test_a_link_inside_the_folder_is_the_file_it_leads_to(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".hidden/real.rego"), denying("one"))
	link(t, ".hidden/real.rego", filepath.Join(dir, "x.rego"))
	got, err := readDir(dir)
	if err != nil || len(got) != 1 || got[0].name != "x.rego" || string(got[0].text) != denying("one") {
		t.Errorf("read: got %v and %v, want x.rego", got, err)
	}
}

func Test_a_file_that_cannot_be_read_is_refused(t *testing.T) {
	_, findings := readTree(unreadable{fstest.MapFS{"x.rego": {}}})
	if len(findings) != 1 || findings[0].File != "x.rego" {
		t.Errorf("findings: got %v, want one about x.rego", findings)
	}
}

type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if name == "x.rego" {
		return nil, fs.ErrPermission
	}
	return u.MapFS.Open(name)
}
