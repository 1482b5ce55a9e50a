package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// maxJournalPage bounds one call of [Directory.Journal].
const maxJournalPage = 10_000

const journalColumns = "SELECT revision, seq, at_millis, actor, address, collection, doc_key, doc_before, doc_after FROM journal"

// Journal returns the rows of revisions above after, oldest first, at most limit
// of them (and never more than 10,000). A revision may be cut in two: go on from
// the last whole one.
func (d *Directory) Journal(ctx context.Context, after uint64, limit int) ([]Entry, error) {
	if limit < 1 || limit > maxJournalPage {
		limit = maxJournalPage
	}
	pool, err := d.reader.DB()
	if err != nil {
		return nil, translate("read journal", err)
	}
	var entries []Entry
	err = scan(ctx, pool, func(rows *sql.Rows) error {
		entry, err := scanEntry(rows)
		entries = append(entries, entry)
		return err
	}, journalColumns+" WHERE revision > ? ORDER BY revision, seq LIMIT "+strconv.Itoa(limit), after)
	return entries, translate("read journal", err)
}

func scanEntry(rows *sql.Rows) (Entry, error) {
	var e Entry
	var millis int64
	var before, after sql.NullString
	if err := rows.Scan(&e.Revision, &e.Seq, &millis, &e.Actor, &e.Address, &e.Collection, &e.Key, &before, &after); err != nil {
		return Entry{}, err
	}
	e.At = time.UnixMilli(millis).UTC()
	if before.Valid {
		e.Before = json.RawMessage(before.String)
	}
	if after.Valid {
		e.After = json.RawMessage(after.String)
	}
	return e, nil
}

// PruneJournal forgets the rows of revisions below before. Who has not read them
// by then starts over from an export.
func (d *Directory) PruneJournal(ctx context.Context, before uint64) error {
	err := d.writer.WithContext(ctx).Where("revision < ?", before).Delete(&journalRow{}).Error
	return translate("prune journal", err)
}

// PruneJournalOlder forgets the revisions that were written before than, whole ones
// only.
func (d *Directory) PruneJournalOlder(ctx context.Context, than time.Time) error {
	var last sql.NullInt64
	err := d.reader.WithContext(ctx).Model(&journalRow{}).Where("at_millis < ?", than.UnixMilli()).
		Select("MAX(revision)").Row().Scan(&last)
	if err != nil || !last.Valid {
		return translate("prune journal", err)
	}
	return d.PruneJournal(ctx, uint64(last.Int64)+1)
}

// changesSince calls each with the changes of every revision above after, in
// order, and returns the revision that the directory is at. It is errGap when
// revisions are missing, or when the database has gone back behind after.
func (d *Directory) changesSince(ctx context.Context, after uint64, each func(revision uint64, changes []Change) error) (current uint64, err error) {
	pool, err := d.reader.DB()
	if err != nil {
		return 0, err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	if current, err = revisionOf(ctx, tx); err != nil || current == after {
		return current, err
	}
	if current < after {
		return current, errGap
	}
	at := after
	var changes []Change
	err = scan(ctx, tx, func(rows *sql.Rows) error {
		var revision uint64
		var seq int
		var change Change
		if err := rows.Scan(&revision, &seq, &change.Collection, &change.Key, &change.Doc); err != nil {
			return err
		}
		if revision != at {
			if at != after {
				if err := each(at, changes); err != nil {
					return err
				}
			}
			if revision != at+1 || seq != 0 {
				return errGap
			}
			at, changes = revision, nil
		}
		changes = append(changes, change)
		return nil
	}, "SELECT revision, seq, collection, doc_key, doc_after FROM journal WHERE revision > ? ORDER BY revision, seq", after)
	if err != nil {
		return current, err
	}
	if at != current {
		return current, errGap
	}
	return current, each(at, changes)
}

// errGap: the journal does not hold every revision that is needed.
var errGap = errors.New("journal rows are missing")
