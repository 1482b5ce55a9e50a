package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"gorm.io/gorm"
)

// The files in a data directory.
const (
	databaseFile = "gatehouse.db"
	secretFile   = "secret.key"
	lockFile     = "gatehouse.lock"
)

// Options say how to open a directory.
type Options struct {
	// Dir is the data directory: database, sealing key, lock file.
	Dir string
	// Logger hears what has no caller to be told to; nil is silence.
	Logger *slog.Logger
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Exclusive keeps a second exclusive opener off the same data directory. A
	// server sets it; commands that work beside one do not.
	Exclusive bool
	// Create makes what is missing. Without it a missing directory is
	// ErrNotFound.
	Create bool
}

// Directory is an open data directory. Its methods may be called concurrently.
type Directory struct {
	log    *slog.Logger
	now    func() time.Time
	lock   *flock.Flock
	path   string   // of the database
	writer *gorm.DB // one connection, transactions begin immediate
	reader *gorm.DB // a pool of query_only connections
	sealer *sealer
	// progressEvery is the constant, unless a test has less time.
	progressEvery time.Duration
	// lanes is held by the one reading that may use several readers.
	lanes sync.Mutex

	// feeding serialises everything that brings sinks forward.
	feeding sync.Mutex
	sinks   []*feed
	applied atomic.Uint64
	// arrived is closed when applied has risen.
	arriving sync.Mutex
	arrived  chan struct{}
	behind   atomic.Pointer[error]

	// commits are those since the log was moved last, freed is when the last of them let
	// others write, and bulk is whether much is being written; checkpoints is held while
	// the log is moved, and from closing on.
	commits     atomic.Int64
	freed       atomic.Int64
	bulk        atomic.Bool
	checkpoints sync.Mutex
	closing     sync.Once
}

// Open opens the data directory, bringing its schema up to date. It fails when
// the database was written by a newer Gatehouse, when the settings that make it
// durable cannot be had, and with [ErrLocked] when Exclusive is asked for and
// somebody else has it.
func Open(ctx context.Context, o Options) (_ *Directory, err error) {
	d := &Directory{log: o.Logger, now: o.Now, progressEvery: progressEvery}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.now == nil {
		d.now = time.Now
	}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	fresh, err := prepareFiles(o)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", o.Dir, err)
	}
	if o.Exclusive {
		if err := d.takeLock(o.Dir); err != nil {
			return nil, fmt.Errorf("open directory %s: %w", o.Dir, err)
		}
	}
	if d.sealer, err = openSealer(filepath.Join(o.Dir, secretFile), fresh, d.log); err != nil {
		return nil, fmt.Errorf("open directory %s: %w", o.Dir, err)
	}
	if err := d.openDatabase(ctx, filepath.Join(o.Dir, databaseFile)); err != nil {
		return nil, fmt.Errorf("open directory %s: %w", o.Dir, err)
	}
	return d, nil
}

// prepareFiles makes the folder and an empty database file where it may, so that
// both have their modes before SQLite sees them: it gives its -wal and -shm
// files the mode of the database. It reports whether a sealing key may be made:
// only while nothing can have been sealed yet.
func prepareFiles(o Options) (fresh bool, err error) {
	path := filepath.Join(o.Dir, databaseFile)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case !o.Create:
		return false, fmt.Errorf("%w: there is no Gatehouse directory here; `gatehouse serve` or `gatehouse import` with this data directory makes one", ErrNotFound)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return false, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	return true, file.Close()
}

func (d *Directory) takeLock(dir string) error {
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock file: %w", err)
	}
	if !held {
		return fmt.Errorf("%w; stop it, or give this one a data directory of its own", ErrLocked)
	}
	d.lock = lock
	return nil
}

// Close closes the directory; sinks are not fed any more. It waits for a write
// that is under way.
func (d *Directory) Close() error {
	var errs []error
	d.endCheckpoints()
	for _, db := range []*gorm.DB{d.reader, d.writer} {
		if db == nil {
			continue
		}
		pool, err := db.DB()
		if err == nil {
			err = pool.Close()
		}
		errs = append(errs, err)
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close directory: %w", err)
	}
	return nil
}
