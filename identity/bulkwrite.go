package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	return b, d.PrepareBulk(ctx, bytes)
}

// Checkpoint is [Directory.Checkpoint] on a connection that only reads otherwise: those
// who write need not wait for the disk meanwhile.
func (b *Bulk) Checkpoint(ctx context.Context) error { return b.dir.checkpointBeside(ctx) }

// End puts back what BeginBulk changed. What is left in the write-ahead log is moved
// before, or the next small write would have to wait for that.
func (b *Bulk) End(ctx context.Context) error {
	errs := []error{b.Checkpoint(ctx)}
	for pragma, value := range map[string]int64{"cache_size": b.cache, "wal_autocheckpoint": b.autocheckpoint} {
		err := b.dir.writer.WithContext(ctx).Exec(fmt.Sprintf("PRAGMA %s = %d", pragma, value)).Error
		errs = append(errs, translate("end bulk writing", err))
	}
	return errors.Join(errs...)
}
