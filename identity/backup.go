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
//
// The file gets its name when it is whole. What a killed process leaves of it is called
// <file>.partial-<number> and may be removed.
func (d *Directory) Backup(ctx context.Context, file string) error {
	if _, err := os.Lstat(file); err == nil { // which is cheaper to know before the work
		return fmt.Errorf("backup: %s: %w", file, ErrExists)
	}
	partial, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".partial-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() { _ = os.Remove(partial.Name()) }() // half of a backup is none
	if err := partial.Close(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := d.vacuumInto(ctx, partial.Name()); err != nil {
		return translate("backup", err)
	}
	if err := syncFile(partial.Name()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := publish(os.Link, partial.Name(), file); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := syncFolder(filepath.Dir(file)); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func syncFile(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// publish gives a whole file the name that it is for, and never takes the name of another
// file. Its old name may stay. Where there are no hard links the new one is held by an
// empty file for a moment.
func publish(link func(from, to string) error, partial, file string) error {
	err := link(partial, file)
	if err != nil && !errors.Is(err, os.ErrExist) {
		var held *os.File
		if held, err = os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			err = errors.Join(held.Close(), os.Rename(partial, file))
		}
	}
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %w", file, ErrExists)
	}
	return err
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
