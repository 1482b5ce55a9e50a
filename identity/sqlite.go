package identity

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// busyTimeout is how long a writer waits for one in another process.
const busyTimeout = 10 * time.Second

// statementsKept is how many prepared statements a connection keeps. To prepare one again
// costs as much as to find a row by it.
const statementsKept = 64

// querier is what documents are read through: a transaction, of either pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// openDatabase opens the two pools and brings the schema up to date. SQLite has
// one writer at a time, so ours is a pool of one that takes the write lock at
// once: a transaction that reads first and upgrades later would fail under
// contention. Readers are deferred, since an immediate one would take the write
// lock as well, and cannot write.
func (d *Directory) openDatabase(ctx context.Context, path string) (err error) {
	d.path = path
	if d.writer, err = openPool(path, 1, url.Values{"_txlock": {"immediate"}, "_journal_mode": {"WAL"}}); err != nil {
		return translate("open database", err)
	}
	if err := assertPragmas(ctx, d.writer, false); err != nil {
		return err
	}
	if err := d.writer.WithContext(ctx).Exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", longLog)).Error; err != nil {
		return translate("open database", err)
	}
	if err := migrate(d.writer.WithContext(ctx)); err != nil {
		return err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	if d.reader, err = openPool(path, readers, url.Values{"_txlock": {"deferred"}, "_query_only": {"1"}}); err != nil {
		return translate("open database", err)
	}
	if err := assertPragmas(ctx, d.reader, true); err != nil {
		return err
	}
	revision, err := d.storedRevision(ctx)
	if err != nil {
		return err
	}
	d.applied.Store(revision)
	return nil
}

func openPool(path string, size int, extra url.Values) (*gorm.DB, error) {
	extra.Set("_foreign_keys", "1")
	extra.Set("_synchronous", "FULL")
	extra.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	extra.Set("_stmt_cache_size", fmt.Sprint(statementsKept))
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + extra.Encode()
	db, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{
		Logger:                 logger.Discard, // errors are returned, and none holds a value
		SkipDefaultTransaction: true,           // every write is in a transaction of ours
	})
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return db, nil
}

// assertPragmas reads back what the data source name asked for: the driver
// ignores keys that it does not know without a word, and a directory that is
// not durable or not consistent must not open.
func assertPragmas(ctx context.Context, db *gorm.DB, readOnly bool) error {
	want := []struct{ name, value string }{
		{"journal_mode", "wal"},
		{"foreign_keys", "1"},
		{"synchronous", "2"}, // FULL: a commit survives the loss of power
		{"busy_timeout", fmt.Sprint(busyTimeout.Milliseconds())},
		{"query_only", "0"},
	}
	if readOnly {
		want[len(want)-1].value = "1"
	}
	for _, pragma := range want {
		var got string
		if err := db.WithContext(ctx).Raw("PRAGMA " + pragma.name).Row().Scan(&got); err != nil {
			return translate("read pragma "+pragma.name, err)
		}
		if !strings.EqualFold(got, pragma.value) {
			return fmt.Errorf("database setting %s is %q where %q is needed; is the data directory on a file system that SQLite's WAL mode supports?", pragma.name, got, pragma.value)
		}
	}
	return nil
}

// storedRevision is the revision of the database, whoever wrote it.
func (d *Directory) storedRevision(ctx context.Context) (uint64, error) {
	pool, err := d.reader.DB()
	if err != nil {
		return 0, translate("read revision", err)
	}
	return revisionOf(ctx, pool)
}

func revisionOf(ctx context.Context, q querier) (uint64, error) {
	var revision uint64
	err := scan(ctx, q, func(rows *sql.Rows) error { return rows.Scan(&revision) },
		"SELECT revision FROM revisions WHERE id = 1")
	return revision, translate("read revision", err)
}

// scan runs a query and calls each for every row of it.
func scan(ctx context.Context, q querier, each func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
