package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Bulk is the writing of much of the database by a process that has other things to do
// beside and afterwards, such as a server: [Directory.PrepareBulk] with a way back.
type Bulk struct {
	dir            *Directory
	cache          int64 // PRAGMA cache_size as it was
	autocheckpoint int64
}

// BeginBulk gets the directory ready as [Directory.PrepareBulk] does. Whoever began has
// to call End, and nobody else may begin before that.
func (d *Directory) BeginBulk(ctx context.Context, bytes int64) (*Bulk, error) {
	b := &Bulk{dir: d}
	pool, err := d.writer.DB()
	if err != nil {
		return nil, translate("begin bulk writing", err)
	}
	for pragma, into := range map[string]*int64{"cache_size": &b.cache, "wal_autocheckpoint": &b.autocheckpoint} {
		read := func(rows *sql.Rows) error { return rows.Scan(into) }
		if err := scan(ctx, pool, read, "PRAGMA "+pragma); err != nil {
			return nil, translate("begin bulk writing", err)
		}
	}
	if err := d.PrepareBulk(ctx, bytes); err != nil {
		return nil, errors.Join(err, b.End(context.WithoutCancel(ctx)))
	}
	d.bulk.Store(true)
	return b, nil
}

// Pause is for between two writes: it returns when the log has been moved, which begins
// with each commit, and when others have had so much time since then to find that they
// may write.
func (b *Bulk) Pause(ctx context.Context, gap time.Duration) error {
	timer := time.NewTimer(min(gap, gap-time.Since(time.Unix(0, b.dir.freed.Load()))))
	defer timer.Stop()
	if err := b.checkpoint(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// checkpoint waits for the one that the last commit began, or does it.
func (b *Bulk) checkpoint(ctx context.Context) error {
	b.dir.checkpoints.Lock()
	defer b.dir.checkpoints.Unlock()
	if b.dir.commits.Load() == 0 {
		return nil
	}
	b.dir.commits.Store(0)
	return b.dir.checkpointBeside(ctx)
}

// End puts back what BeginBulk changed. What is left in the write-ahead log is moved
// before, or the next small write would have to wait for that.
func (b *Bulk) End(ctx context.Context) error {
	b.dir.bulk.Store(false)
	errs := []error{b.checkpoint(ctx)}
	for pragma, value := range map[string]int64{"cache_size": b.cache, "wal_autocheckpoint": b.autocheckpoint} {
		err := b.dir.writer.WithContext(ctx).Exec(fmt.Sprintf("PRAGMA %s = %d", pragma, value)).Error
		errs = append(errs, translate("end bulk writing", err))
	}
	return errors.Join(errs...)
}
