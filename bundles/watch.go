package bundles

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch loads the folder again whenever it changed and then was quiet for the
// settle time, until ctx ends. It begins with a Load, so that nothing is missed
// that changed since an earlier one. Refusals are not errors of Watch: they are
// logged and shown by Status.
func (k *Keeper) Watch(ctx context.Context) error {
	if k.folder.Dir == "" {
		<-ctx.Done()
		return nil
	}
	w, err := newWatch(k.folder.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = w.notify.Close() }()
	// Load logs and records what it refuses.
	_ = k.Load(ctx)
	settle := newSettling(k.folder.Settle)
	defer settle.timer.Stop()
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-w.notify.Events:
			if w.matters(event) {
				settle.disturb()
			}
		case err := <-w.notify.Errors:
			k.log.Warn("watching the policies: events were lost, the folder is read again", "error", err)
			settle.disturb()
		case <-recheck.C:
			settle.disturb()
		case <-settle.timer.C:
			settle.since = time.Time{}
			// Folders that came are watched before they are read: what changes
			// in them from here on is noticed.
			w.follow()
			_ = k.Load(ctx)
		}
	}
}

// settling waits until nothing happened for a while, but not for ever: a folder
// that never is quiet is read all the same.
type settling struct {
	quiet time.Duration
	since time.Time // of the first disturbance
	timer *time.Timer
}

func newSettling(quiet time.Duration) *settling {
	s := &settling{quiet: quiet, timer: time.NewTimer(quiet)}
	s.timer.Stop()
	return s
}

func (s *settling) disturb() {
	now := time.Now()
	if s.since.IsZero() {
		s.since = now
	}
	s.timer.Reset(min(s.quiet, max(0, s.since.Add(5*s.quiet).Sub(now))))
}

// recheckEvery is how often a folder is read without an event. It finds what
// file systems do not announce, network mounts above all; a folder that did not
// change costs a reading.
const recheckEvery = 10 * time.Second

// watch is the set of folders that are watched: the policy folder with all that
// is in it, and the one it lies in, through which its own replacement shows.
type watch struct {
	notify *fsnotify.Watcher
	dir    string
}

func newWatch(dir string) (*watch, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("watch policy folder: %w", err)
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch policy folder: %w", err)
	}
	w := &watch{notify: notify, dir: dir}
	w.follow()
	return w, nil
}

// follow adds every folder that is there. Adding twice is nothing; what cannot
// be added is left to the recheck, and reading reports it.
func (w *watch) follow() {
	_ = w.notify.Add(filepath.Dir(w.dir))
	target, err := filepath.EvalSymlinks(w.dir)
	if err != nil {
		return
	}
	_ = w.notify.Add(w.dir)
	entries := 0
	_ = filepath.WalkDir(target, func(name string, entry fs.DirEntry, err error) error {
		if entries++; err != nil || entries > maxEntries {
			return fs.SkipAll
		}
		if !entry.IsDir() {
			return nil
		}
		if name != target && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		_ = w.notify.Add(name)
		return nil
	})
}

// matters leaves out the neighbours of the folder and the dot files in it, but
// for ..data: a mounted ConfigMap changes by turning that link.
func (w *watch) matters(event fsnotify.Event) bool {
	base := filepath.Base(event.Name)
	switch {
	case event.Op == fsnotify.Chmod:
		return false
	case event.Name == w.dir, base == mountedData:
		return true
	case filepath.Dir(event.Name) == filepath.Dir(w.dir):
		return false
	}
	return !strings.HasPrefix(base, ".")
}
