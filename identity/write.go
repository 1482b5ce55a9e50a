package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Entry is one row of the journal: what a revision did to one document. Before
// is nil for a document that is new, After for one that is gone.
type Entry struct {
	Revision        uint64
	Seq             int
	At              time.Time
	Actor           Actor
	Address         string // of who asked for it; "" where it came from no network
	Collection, Key string
	Before, After   json.RawMessage
}

// ledger keeps, for each document that a transaction may have changed, what it
// was before; the journal is the difference to what it is at the end. A method
// that writes has to name the documents it touches and nothing more.
type ledger struct {
	off    bool // nothing will be written: nobody asks
	order  []documentKey
	before map[documentKey][]byte
	// made are documents that the transaction has made, and not touched since: they need
	// not be read. nil = it has made sure that there is none.
	made map[documentKey][]byte
}

type documentKey struct{ collection, key string }

func (l *ledger) add(k documentKey, doc []byte) {
	if l.off {
		return
	}
	if l.before == nil {
		l.before = make(map[documentKey][]byte)
	}
	if _, seen := l.before[k]; seen {
		return
	}
	l.before[k] = doc
	l.order = append(l.order, k)
}

// touch must be called before documents change.
func (tx *Tx) touch(name string, keys ...string) error {
	if tx.ledger.off {
		return nil
	}
	unseen := keys[:0:0]
	for _, key := range keys {
		delete(tx.ledger.made, documentKey{name, key})
		if _, seen := tx.ledger.before[documentKey{name, key}]; !seen {
			unseen = append(unseen, key)
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	c, err := collectionNamed(name)
	if err != nil {
		return err
	}
	docs, err := c.documents(tx.ctx, tx.q, unseen)
	if err != nil {
		return err
	}
	for _, key := range unseen {
		tx.ledger.add(documentKey{name, key}, docs[key])
	}
	return nil
}

// touchNew is touch for a document that is known not to exist.
func (tx *Tx) touchNew(name, key string) { tx.ledger.add(documentKey{name, key}, nil) }

// touchMade is touchNew for one of which is known what it will be; doc is nil where there
// will be none.
func (tx *Tx) touchMade(name, key string, doc []byte) {
	tx.touchNew(name, key)
	if tx.ledger.off {
		return
	}
	if tx.ledger.made == nil {
		tx.ledger.made = make(map[documentKey][]byte)
	}
	tx.ledger.made[documentKey{name, key}] = doc
}

// entries compares every touched document with what it has become.
func (tx *Tx) entries(revision uint64, actor Actor) ([]Entry, error) {
	byCollection := make(map[string][]string)
	for _, k := range tx.ledger.order {
		if _, known := tx.ledger.made[k]; !known {
			byCollection[k.collection] = append(byCollection[k.collection], k.key)
		}
	}
	after := make(map[string]map[string][]byte, len(byCollection))
	for name, keys := range byCollection {
		c, err := collectionNamed(name)
		if err != nil {
			return nil, err
		}
		if after[name], err = c.documents(tx.ctx, tx.q, keys); err != nil {
			return nil, translate("compare documents", err)
		}
	}
	at := tx.dir.now().UTC().Truncate(time.Millisecond)
	var entries []Entry
	for _, k := range tx.ledger.order {
		was, is := tx.ledger.before[k], after[k.collection][k.key]
		if doc, known := tx.ledger.made[k]; known {
			is = doc
		}
		if bytes.Equal(was, is) {
			continue
		}
		entries = append(entries, Entry{
			Revision: revision, Seq: len(entries), At: at, Actor: actor, Address: tx.address,
			Collection: k.collection, Key: k.key, Before: was, After: is,
		})
	}
	return entries, nil
}

// Write runs fn in one transaction. If fn and the commit succeed, all of it is
// stored durably under one new revision with its journal rows, and every sink
// has been brought up to it before Write returns; otherwise none of it is. A
// function that changes nothing makes no revision. The revision returned is the
// one the directory is at. With [ErrNotApplied] the write is stored all the same.
func (d *Directory) Write(ctx context.Context, actor Actor, fn func(*Tx) error) (uint64, error) {
	var revision uint64
	err := d.transact(ctx, d.writer, false, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		entries, now, err := tx.settle(actor)
		if err != nil {
			return err
		}
		revision = now
		return tx.record(revision, entries)
	})
	if err != nil {
		return 0, err
	}
	d.committed()
	// The write has happened: whoever asked may be gone, the sinks still get it.
	if err := d.bringUp(context.WithoutCancel(ctx)); err != nil {
		return revision, fmt.Errorf("revision %d: %w: %w", revision, ErrNotApplied, err)
	}
	return revision, nil
}

// Plan does what [Directory.Write] does and takes it back: it returns the rows
// that the journal would have gained.
func (d *Directory) Plan(ctx context.Context, actor Actor, fn func(*Tx) error) ([]Entry, error) {
	var planned []Entry
	err := d.transact(ctx, d.writer, false, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		entries, _, err := tx.settle(actor)
		if err != nil {
			return err
		}
		planned = entries
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		return nil, err
	}
	return planned, nil
}

// Rehearse runs fn as [Directory.Write] would and takes all of it back. Unlike
// [Directory.Plan] it gathers nothing, so that what fn does may be of any size. Other
// writers wait meanwhile.
func (d *Directory) Rehearse(ctx context.Context, fn func(*Tx) error) error {
	err := d.transact(ctx, d.writer, false, func(tx *Tx) error {
		tx.ledger.off = true
		if err := fn(tx); err != nil {
			return err
		}
		if tx.broken != nil {
			return tx.broken
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// PrepareBulk gets a process ready that is there to write much of the database: as much
// of it as bytes is kept in memory, since indexes are written to all over and pages that
// do not stay in memory until the commit are written several times; and what was
// committed is moved from the write-ahead log into the database only by
// [Directory.Checkpoint], not in the middle of a Write.
func (d *Directory) PrepareBulk(ctx context.Context, bytes int64) error {
	for _, pragma := range []string{fmt.Sprintf("cache_size = -%d", bytes>>10), "wal_autocheckpoint = 0"} {
		if err := d.writer.WithContext(ctx).Exec("PRAGMA " + pragma).Error; err != nil {
			return translate("prepare bulk writing", err)
		}
	}
	return nil
}

// Checkpoint moves what was committed into the database, as far as no reader needs it
// to stay. Others may write meanwhile.
func (d *Directory) Checkpoint(ctx context.Context) error {
	return translate("checkpoint", d.writer.WithContext(ctx).Exec("PRAGMA wal_checkpoint(PASSIVE)").Error)
}

// settle finds out what the transaction did: its journal rows, and the revision
// that the directory is at with them.
func (tx *Tx) settle(actor Actor) ([]Entry, uint64, error) {
	if tx.broken != nil {
		return nil, 0, tx.broken
	}
	if actor == "" || len(actor) > maxActor {
		return nil, 0, invalid("actor", "must have 1 to %d bytes", maxActor)
	}
	current, err := revisionOf(tx.ctx, tx.q)
	if err != nil {
		return nil, 0, err
	}
	entries, err := tx.entries(current+1, actor)
	if err != nil || len(entries) == 0 {
		return nil, current, err
	}
	return entries, current + 1, nil
}

// record writes the revision and its journal rows.
func (tx *Tx) record(revision uint64, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return tx.change("write journal", func() error {
		if err := tx.exec(updateRevision, revision, revision-1, entries[0].At.UnixMilli()); err != nil {
			return err
		}
		rows := make([]row, len(entries))
		for i, e := range entries {
			rows[i] = row{
				e.Revision, e.Seq, e.At.UnixMilli(), string(e.Actor), e.Address, e.Collection, e.Key, orNull(e.Before), orNull(e.After),
			}
		}
		return tx.insert(insertJournal, rows)
	})
}

// updateRevision also keeps by how much the clock was set back in all.
const updateRevision = `UPDATE revisions SET revision = ?,
	set_back = set_back + max(0, ifnull((SELECT at_millis FROM journal WHERE revision = ? AND seq = 0), 0) - ?) WHERE id = 1`

var insertJournal = insertInto("journal", "",
	"revision", "seq", "at_millis", "actor", "address", "collection", "doc_key", "doc_before", "doc_after")
