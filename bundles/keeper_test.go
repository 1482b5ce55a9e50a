package bundles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// recorder is the far end of a keeper: it keeps what was activated.
type recorder struct {
	mu        sync.Mutex
	revisions []string
	compiler  *ast.Compiler
	fail      error
}

func (r *recorder) Activate(_ context.Context, revision string, c *ast.Compiler, _ map[string]any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.revisions = append(r.revisions, revision)
	r.compiler = c
	return nil
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.revisions)
}

// has tells whether the active policy contains text in the folder's module x.
func (r *recorder) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.compiler == nil {
		return false
	}
	for _, m := range r.compiler.Modules {
		if strings.HasPrefix(m.Package.String(), "package custom.ingress.x") && strings.Contains(m.String(), text) {
			return true
		}
	}
	return false
}

func denying(why string) string {
	return "package custom.ingress.x\n\ndeny contains \"" + why + "\" if input.request.host == \"a\"\n"
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("still not: %s", what)
		case <-tick.C:
		}
	}
}

type kept struct {
	*Keeper
	active *recorder
	log    *lockedBuffer
	dir    string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var someDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func keep(t *testing.T, dir string) *kept {
	t.Helper()
	k := &kept{active: &recorder{}, log: &lockedBuffer{}, dir: dir}
	folder := Folder{
		Defaults: os.DirFS("../policies"), Schemas: os.DirFS("../schemas"), Dir: dir,
		Settle: 20 * time.Millisecond, Now: func() time.Time { return someDay },
	}
	k.Keeper = NewKeeper(folder, k.active, slog.New(slog.NewTextHandler(k.log, nil)))
	return k
}

// watched is a keeper over a folder with one rule, which watches it.
func watched(t *testing.T, dir string) *kept {
	t.Helper()
	k := keep(t, dir)
	if err := k.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.watch(t)
	return k
}

func (k *kept) watch(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
}

func Test_a_keeper_without_a_folder_activates_the_defaults(t *testing.T) {
	k := keep(t, "")
	if err := k.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := k.Status()
	want := Status{Revision: k.active.revisions[0], Since: someDay}
	if got != want {
		t.Errorf("status: got %+v, want %+v", got, want)
	}
	k.watch(t)
}

func Test_a_missing_or_broken_folder_at_start_leaves_nothing_active(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	write(t, filepath.Join(broken, "x.rego"), "package custom.ingress.x\n\ndeny := true\n")
	for _, d := range []string{filepath.Join(dir, "missing"), broken} {
		k := keep(t, d)
		err := k.Load(t.Context())
		var rejected *RejectedError
		if !errors.As(err, &rejected) {
			t.Errorf("load of %s: got %v, want a refusal", d, err)
		}
		if got := k.Status(); k.active.count() != 0 || got.Revision != "" || got.Rejected == nil || got.RejectedAt != someDay {
			t.Errorf("status: got %+v and %d activations, want a refusal and none", got, k.active.count())
		}
		if !strings.Contains(k.log.String(), "policy refused") {
			t.Errorf("log: got %q, want the refusal", k.log)
		}
	}
}

func Test_a_folder_that_did_not_change_is_not_activated_again(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.rego"), denying("one"))
	k := keep(t, dir)
	for range 3 {
		if err := k.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.active.count(); got != 1 {
		t.Errorf("activations: got %d, want 1", got)
	}
	write(t, filepath.Join(dir, "x.rego"), "package")
	first, second := k.Load(t.Context()), k.Load(t.Context())
	if first == nil || !errors.Is(second, first) {
		t.Errorf("loads of a broken folder: got %v and %v, want the same refusal", first, second)
	}
	if got := strings.Count(k.log.String(), `msg="policy refused"`); got != 1 {
		t.Errorf("refusals in the log: got %d, want 1", got)
	}
}

func Test_saving_a_file_activates_it_and_breaking_it_changes_nothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "custom/ingress/x/x.rego")
	write(t, file, denying("one"))
	k := watched(t, dir)

	start := time.Now()
	write(t, file, denying("two"))
	eventually(t, "two is active", func() bool { return k.active.has("two") })
	t.Logf("from saved to active: %v", time.Since(start))

	write(t, file, "package custom.ingress.x\n\ndeny contains")
	eventually(t, "the refusal shows", func() bool { return k.Status().Rejected != nil })
	status := k.Status()
	if !k.active.has("two") || status.Revision != k.active.revisions[len(k.active.revisions)-1] {
		t.Errorf("after a broken file: got %+v, want two to stay active", status)
	}

	write(t, file, denying("three"))
	eventually(t, "three is active", func() bool { return k.active.has("three") && k.Status().Rejected == nil })
}

func Test_the_last_good_policy_becomes_good_again_without_a_change(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.rego")
	write(t, file, denying("one"))
	k := watched(t, dir)
	write(t, file, "package")
	eventually(t, "the refusal shows", func() bool { return k.Status().Rejected != nil })
	write(t, file, denying("one"))
	eventually(t, "the refusal is gone", func() bool { return k.Status().Rejected == nil })
}

func Test_editors_and_volumes_that_swap_files_are_followed(t *testing.T) {
	changes := map[string]func(t *testing.T, dir string){
		"a file renamed over another": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".x.rego.swp"), denying("two"))
			rename(t, filepath.Join(dir, ".x.rego.swp"), filepath.Join(dir, "x.rego"))
		},
		"a new folder with a file": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "a/b/c/y.rego"), "package custom.ingress.x\n\ndeny contains \"two\" if input.request.host == \"b\"\n")
		},
		"the folder replaced by another": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir+".new", "x.rego"), denying("two"))
			rename(t, dir, dir+".old")
			rename(t, dir+".new", dir)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "policies")
			write(t, filepath.Join(dir, "x.rego"), denying("one"))
			k := watched(t, dir)
			eventually(t, "one is active", func() bool { return k.active.has("one") })
			change(t, dir)
			eventually(t, "two is active", func() bool { return k.active.has("two") })
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func Test_a_file_changed_in_a_folder_that_came_later_is_noticed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.rego"), denying("one"))
	k := watched(t, dir)
	later := filepath.Join(dir, "later/y.rego")
	write(t, later, strings.Replace(denying("two"), `"a"`, `"b"`, 1))
	eventually(t, "two is active", func() bool { return k.active.has("two") })
	write(t, later, strings.Replace(denying("three"), `"a"`, `"b"`, 1))
	eventually(t, "three is active", func() bool { return k.active.has("three") })
}

// configMap is a folder as the kubelet mounts a ConfigMap: all files of a version lie in a
// folder of their own, ..data leads to it, and every name in the folder is a link through
// ..data. A new version is written beside, ..data is turned in one step, then links are
// made and removed, then the old version.
type configMap struct {
	dir     string
	version int
	names   map[string]bool // in dir
}

func (m *configMap) put(t *testing.T, files map[string]string) {
	t.Helper()
	before := fmt.Sprintf("..2026_%d", m.version)
	m.version++
	now := fmt.Sprintf("..2026_%d", m.version)
	names := map[string]bool{}
	for name, text := range files {
		write(t, filepath.Join(m.dir, now, name), text)
		top, _, _ := strings.Cut(name, "/")
		names[top] = true
	}
	link(t, now, filepath.Join(m.dir, "..data_tmp"))
	rename(t, filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data"))
	for name := range names {
		if !m.names[name] {
			link(t, "..data/"+name, filepath.Join(m.dir, name))
		}
	}
	for name := range m.names {
		if !names[name] {
			remove(t, filepath.Join(m.dir, name))
		}
	}
	m.names = names
	remove(t, filepath.Join(m.dir, before))
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

func expecting(what string) string {
	return "package custom.ingress.x_test\n\ntest_it if \"" + what + "\" in data.custom.ingress.x.deny with input.request.host as \"a\"\n"
}

func Test_a_config_map_swap_is_one_activation(t *testing.T) {
	const table = `{"reports": [{"host": "app.test", "path": "/reports/**", "application": "reports", "access": "role:admin"}]}`
	versions := map[string][]map[string]string{
		"of files side by side": {
			{"x.rego": denying("one"), "x_test.rego": expecting("one")},
			{"x.rego": denying("two"), "x_test.rego": expecting("two")},
			{"x.rego": denying("three"), "x_test.rego": expecting("three"), "y.rego": "package custom.lib.y\n\none := 1\n"},
			{"x.rego": denying("four")},
		},
		"with folders, as its items say": {
			{"custom/ingress/x.rego": denying("one"), "custom/ingress/x_test.rego": expecting("one")},
			{"custom/ingress/x.rego": denying("two"), "custom/ingress/x_test.rego": expecting("two"), "custom/routes/data.json": table},
			{"x.rego": denying("three"), "x_test.rego": expecting("three")},
			{"custom/ingress/x.rego": denying("four"), "custom/routes/data.json": table},
		},
	}
	for name, steps := range versions {
		t.Run(name, func(t *testing.T) {
			m := &configMap{dir: t.TempDir()}
			m.put(t, steps[0])
			k := keep(t, m.dir)
			k.folder.Settle = 300 * time.Millisecond // a busy machine takes its time between two steps
			if err := k.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			k.watch(t)
			for n, what := range []string{"two", "three", "four"} {
				m.put(t, steps[n+1])
				eventually(t, what+" is active", func() bool {
					if strings.Contains(k.log.String(), "policy refused") {
						t.Fatalf("something was refused on the way to %s:\n%s", what, k.log)
					}
					return k.active.has(what)
				})
				time.Sleep(2 * k.folder.Settle) // in which a second activation would have come
				if got, want := k.active.count(), n+2; got != want {
					t.Errorf("activations with %s: got %d, want %d", what, got, want)
				}
			}
		})
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func Test_a_folder_that_held_policy_and_is_empty_or_gone_is_refused(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"gone":  os.RemoveAll,
		"empty": func(dir string) error { return os.Remove(filepath.Join(dir, "x.rego")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "policies")
			write(t, filepath.Join(dir, "x.rego"), denying("one"))
			k := watched(t, dir)
			if err := remove(dir); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the refusal shows", func() bool { return k.Status().Rejected != nil })
			if !k.active.has("one") || k.active.count() != 1 {
				t.Errorf("activations: got %d, want the one rule to stay", k.active.count())
			}
			write(t, filepath.Join(dir, "x.rego"), denying("two"))
			eventually(t, "two is active", func() bool { return k.active.has("two") })
		})
	}
}

func Test_dot_files_and_other_files_cause_no_activation(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.rego"), denying("one"))
	k := watched(t, dir)
	write(t, filepath.Join(dir, ".git/x.rego"), "not rego")
	write(t, filepath.Join(dir, ".x.rego.swp"), "not rego")
	write(t, filepath.Join(dir, "notes.md"), "not rego")
	write(t, filepath.Join(dir, "x.rego"), denying("two"))
	eventually(t, "two is active", func() bool { return k.active.has("two") })
	if got := k.active.count(); got != 2 || k.Status().Rejected != nil {
		t.Errorf("activations: got %d and %v, want 2 and no refusal", got, k.Status().Rejected)
	}
}

func Test_a_refusal_by_the_activator_is_shown(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.rego"), denying("one"))
	k := keep(t, dir)
	k.active.fail = errors.New("no entry points")
	if err := k.Load(t.Context()); !errors.Is(err, k.active.fail) || k.Status().Rejected == nil {
		t.Errorf("load: got %v and %+v, want the activator's error", err, k.Status())
	}
}
