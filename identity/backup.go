package identity

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes the whole database, as it is at one revision, into a new file that only
// its owner may read. Others may write meanwhile. The file that seals its keys
// (secret.key) is not a part of it. An existing file is never touched: ErrExists.
func (d *Directory) Backup(ctx context.Context, file string) (err error) {
	made, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("backup: %s: %w", file, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := made.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file) // half of a backup is none
		}
	}()
	if err := d.vacuumInto(ctx, file); err != nil {
		return translate("backup", err)
	}
	written, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(written.Sync(), written.Close(), syncFolder(filepath.Dir(file))); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// vacuumInto copies on a connection of its own: those of the readers may write to no
// database, the copy included, and the writer is for writes. Into an empty file SQLite
// writes as into a new one; the mode stays.
func (d *Directory) vacuumInto(ctx context.Context, file string) error {
	db, err := openPool(d.path, 1, url.Values{"_txlock": {"deferred"}})
	if err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", file)
	return errors.Join(err, pool.Close())
}
