package identity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Scratch copies the directory, as it is at one revision, into a temporary folder
// (TMPDIR), so that something large can be tried out while others go on writing. Nothing
// is fed from the copy. remove closes it and takes it away.
func (d *Directory) Scratch(ctx context.Context) (_ *Directory, remove func() error, err error) {
	folder, err := os.MkdirTemp("", "gatehouse-scratch-") // only its owner may look into it
	if err != nil {
		return nil, nil, fmt.Errorf("copy the directory: %w", err)
	}
	scratch := &Directory{log: d.log, now: d.now, path: filepath.Join(folder, databaseFile), sealer: d.sealer, progressEvery: d.progressEvery}
	remove = func() error { return errors.Join(scratch.Close(), os.RemoveAll(folder)) }
	defer func() {
		if err != nil {
			_ = remove()
		}
	}()
	if err := d.vacuumInto(ctx, scratch.path); err != nil {
		return nil, nil, translate("copy the directory", err)
	}
	if err := scratch.openDatabase(ctx, scratch.path); err != nil {
		return nil, nil, fmt.Errorf("copy the directory: %w", err)
	}
	return scratch, remove, nil
}
