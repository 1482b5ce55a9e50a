package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
)

// errConsumed is yielded to whoever ranges over an export a second time.
var errConsumed = errors.New("an export can be read once")

// Export gives the documents of the named collections, or of all when none is
// named, and the revision that they are of: all come from one read transaction.
// The documents must be ranged over, once; that, or the end of ctx, ends the
// transaction. After an error nothing more follows.
func (d *Directory) Export(ctx context.Context, names ...string) (uint64, iter.Seq2[Change, error], error) {
	selected, err := selectCollections(names)
	if err != nil {
		return 0, nil, fmt.Errorf("export: %w", err)
	}
	pool, err := d.reader.DB()
	if err != nil {
		return 0, nil, translate("export", err)
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, nil, translate("export", err)
	}
	revision, err := revisionOf(ctx, tx)
	if err != nil {
		_ = tx.Rollback()
		return 0, nil, fmt.Errorf("export: %w", err)
	}
	consumed := false
	return revision, func(yield func(Change, error) bool) {
		if consumed {
			yield(Change{}, fmt.Errorf("export: %w", errConsumed))
			return
		}
		consumed = true
		defer func() { _ = tx.Rollback() }() // nothing was written
		for _, c := range selected {
			if !exportCollection(ctx, tx, c, yield) {
				return
			}
		}
	}, nil
}

func selectCollections(names []string) ([]collection, error) {
	if len(names) == 0 {
		return collections, nil
	}
	selected := make([]collection, 0, len(names))
	for _, name := range names {
		c, err := collectionNamed(name)
		if err != nil {
			return nil, err
		}
		selected = append(selected, c)
	}
	return selected, nil
}

// exportCollection reports whether the consumer wants more.
func exportCollection(ctx context.Context, tx *sql.Tx, c collection, yield func(Change, error) bool) bool {
	for after := ""; ; {
		keys, err := c.keysAfter(ctx, tx, after, c.page)
		if err != nil {
			yield(Change{}, translate("export "+c.name, err))
			return false
		}
		if len(keys) == 0 {
			return true
		}
		after = keys[len(keys)-1]
		docs, err := c.documents(ctx, tx, keys)
		if err != nil {
			yield(Change{}, translate("export "+c.name, err))
			return false
		}
		for _, key := range keys {
			if !yield(Change{Collection: c.name, Key: key, Doc: docs[key]}, nil) {
				return false
			}
		}
	}
}
