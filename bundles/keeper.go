package bundles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// defaultSettle is long enough for an editor or a mounted volume to finish what
// it does in several steps, and short enough to go unnoticed.
const defaultSettle = 75 * time.Millisecond

// Folder names the sources of a Keeper: as Sources, but the overlay is a folder
// that may change.
type Folder struct {
	Defaults, Schemas fs.FS
	// Dir is the operator's policy folder; "" means there is none.
	Dir      string
	Settings map[string]any
	// Settle is how long the folder must be quiet before it is read; 0 means 75 ms.
	Settle time.Duration
	// Limit is how long judging the folder may take; 0 means 30 s.
	Limit time.Duration
	// Now is the clock of Status; nil means time.Now.
	Now func() time.Time
}

// Status is what operators are shown. Rejected is about what is in the folder
// now: it is nil again once that passed.
type Status struct {
	// Revision is the active one; "" while there is none. Since is when it became so.
	Revision   string
	Since      time.Time
	Rejected   error
	RejectedAt time.Time
}

// Keeper keeps the policy in force that the folder holds. What the gate refuses
// changes nothing: the last good revision stays active, also when the folder
// vanishes. It is safe for concurrent use.
type Keeper struct {
	folder    Folder
	activator Activator
	log       *slog.Logger

	load sync.Mutex // one gate at a time
	base *base
	last string // content hash of the folder as it was last judged
	held bool   // the folder once held policy that passed

	mu     sync.Mutex
	status Status
}

// NewKeeper returns a keeper that has done nothing yet.
func NewKeeper(f Folder, a Activator, log *slog.Logger) *Keeper {
	if f.Settle <= 0 {
		f.Settle = defaultSettle
	}
	if f.Limit <= 0 {
		f.Limit = judgeLimit
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	return &Keeper{folder: f, activator: a, log: log}
}

// Status returns what is active and what was refused last.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Load reads the folder, passes it through the gate and activates it. Its error
// is what Status shows as Rejected. A folder whose content is what it was at
// the last time is not judged again.
func (k *Keeper) Load(ctx context.Context) error {
	k.load.Lock()
	defer k.load.Unlock()
	bundle, err := k.judge(ctx)
	if err == nil && bundle == nil {
		return k.Status().Rejected
	}
	if err == nil {
		err = k.activator.Activate(ctx, bundle.Revision, bundle.Compiler, bundle.Data)
	}
	if err != nil {
		if ctx.Err() == nil {
			k.refused(err)
		} else {
			k.last = "" // nothing was judged
		}
		return err
	}
	k.accepted(bundle)
	return nil
}

// judge returns no bundle and no error when the folder did not change.
func (k *Keeper) judge(ctx context.Context) (*Bundle, error) {
	if k.base == nil {
		b, err := newBase(k.folder.Defaults, k.folder.Schemas)
		if err != nil {
			return nil, err
		}
		k.base = b
	}
	files, err := k.read()
	seen := k.base.revision(files, k.folder.Settings)
	if err != nil {
		seen = err.Error()
	}
	if k.last == seen {
		return nil, nil
	}
	k.last = seen
	if err != nil {
		return nil, err
	}
	if k.held && len(files) == 0 {
		text := "held policy files and holds none now; to go on without them, restart the server"
		return nil, reject(StageSize, []Finding{{File: k.folder.Dir, Text: text}})
	}
	bundle, err := guarded(ctx, k.folder.Limit, func(ctx context.Context) (*Bundle, error) {
		return k.base.gate(ctx, files, k.folder.Settings)
	})
	if err == nil {
		k.held = len(files) > 0
	}
	return bundle, err
}

// readAttempts bounds how often a folder that changes while it is read is read
// again; the watch comes back to it anyway.
const readAttempts = 5

// read returns the files of the folder as they were together at one moment: two
// readings in a row that are equal.
func (k *Keeper) read() ([]file, error) {
	if k.folder.Dir == "" {
		return nil, nil
	}
	previous, err := readDir(k.folder.Dir)
	for range readAttempts {
		var files []file
		files, err = readDir(k.folder.Dir)
		if err == nil && slices.EqualFunc(previous, files, sameFile) {
			return files, nil
		}
		previous = files
	}
	if err == nil {
		err = fmt.Errorf("policy folder %s changes all the time", k.folder.Dir)
	}
	return nil, err
}

func sameFile(a, b file) bool { return a.name == b.name && bytes.Equal(a.text, b.text) }

// readDir reads a folder through os.Root, so that no link in it leads outside.
func readDir(dir string) ([]file, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, reject(StageSize, []Finding{{File: dir, Text: "cannot be opened: " + err.Error()}})
	}
	defer func() { _ = root.Close() }()
	files, findings := readTree(root.FS())
	return files, reject(StageSize, findings)
}

func (k *Keeper) refused(err error) {
	k.mu.Lock()
	k.status.Rejected, k.status.RejectedAt = err, k.folder.Now()
	active := k.status.Revision
	k.mu.Unlock()
	stage := ""
	var rejected *RejectedError
	if errors.As(err, &rejected) {
		stage = rejected.Stage
	}
	k.log.Error("policy refused", "stage", stage, "active", active, "error", err)
}

func (k *Keeper) accepted(b *Bundle) {
	k.mu.Lock()
	k.status = Status{Revision: b.Revision, Since: k.folder.Now()}
	k.mu.Unlock()
	k.log.Info("policy activated", "revision", b.Revision, "modules", b.Report.Modules, "tests", b.Report.Tests, "took", b.Report.Took)
}
