package identity

import (
	"context"
	"time"
)

// Moving what was committed from the write-ahead log into the database takes as long as
// dozens of commits. SQLite does it within the commit that makes the log long, so that
// every eightieth write or so would wait for it. Here it is done a little at a time
// beside the writes, by a connection that only reads otherwise; SQLite's own way remains
// for writes that are larger, or faster than this one is.

const (
	// checkpointAfter is after how many commits the log is moved.
	checkpointAfter = 16
	// longLog is how many pages long the log becomes before a commit moves it.
	longLog = 4000
)

// committed counts commits, and moves the log when there were enough: each that is part of
// bulk writing is. It does not wait.
func (d *Directory) committed() {
	d.freed.Store(time.Now().UnixNano())
	if d.commits.Add(1) < checkpointAfter && !d.bulk.Load() || !d.checkpoints.TryLock() {
		return
	}
	d.commits.Store(0)
	go func() {
		defer d.checkpoints.Unlock()
		if err := d.checkpointBeside(context.Background()); err != nil {
			d.log.Warn("the write-ahead log was not moved, which is tried again", "error", err)
		}
	}()
}

// endCheckpoints waits for one that is under way; there will be no other.
func (d *Directory) endCheckpoints() { d.closing.Do(d.checkpoints.Lock) }

// checkpointBeside is [Directory.Checkpoint] on a connection that only reads otherwise:
// those who write need not wait for the disk meanwhile.
func (d *Directory) checkpointBeside(ctx context.Context) error {
	return translate("checkpoint", d.reader.WithContext(ctx).Exec("PRAGMA wal_checkpoint(PASSIVE)").Error)
}
