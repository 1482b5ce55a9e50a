package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"gorm.io/gorm"
)

// Tx is one transaction on the directory. It is good until the function it was
// given to returns, for one goroutine. It holds a connection: the function must
// not call the [Directory] itself, nor wait for anybody who does.
type Tx struct {
	ctx      context.Context
	dir      *Directory
	db       *gorm.DB
	q        querier
	readOnly bool
	ledger   ledger
	address  string // that the write comes from
	// used is at least the length of the bounded lists written to so far.
	used map[string]int
	// packing is where the texts of statements are put together.
	packing []byte
	// broken is the first failure in the middle of a write. The transaction will
	// not commit, even if the function swallows that error.
	broken error
}

var errReadOnly = errors.New("a write in a transaction that only reads")

// Read runs fn in one read transaction: everything it sees is of one revision.
// Methods of Tx that write fail.
func (d *Directory) Read(ctx context.Context, fn func(*Tx) error) error {
	return d.transact(ctx, d.reader, true, func(tx *Tx) error { return fn(tx) })
}

// errRollback ends a transaction that must not be kept, without being an error.
var errRollback = errors.New("roll back")

// transact runs fn in a transaction of the pool. An error of fn is returned as
// it is.
func (d *Directory) transact(ctx context.Context, pool *gorm.DB, readOnly bool, fn func(*Tx) error) error {
	var failed error
	err := pool.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		q, ok := db.Statement.ConnPool.(querier)
		if !ok {
			return fmt.Errorf("transaction of type %T cannot be queried", db.Statement.ConnPool)
		}
		tx := &Tx{ctx: ctx, dir: d, db: db, q: q, readOnly: readOnly}
		failed = fn(tx)
		if failed == nil {
			failed = tx.broken
		}
		return failed
	})
	if failed != nil {
		return failed
	}
	return translate("transaction", err)
}

// change runs one mutation. Everything that can refuse it for what was asked
// comes before; a failure in here leaves the transaction half-written, and so
// breaks it.
func (tx *Tx) change(op string, fn func() error) error {
	if err := tx.writable(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err := translate(op, fn())
	if err == nil {
		return nil
	}
	if tx.broken == nil {
		tx.broken = err
	}
	return err
}

func (tx *Tx) writable() error {
	if tx.readOnly {
		return errReadOnly
	}
	return tx.broken
}

// count runs a query for one number.
func (tx *Tx) count(model any, where string, args ...any) (int, error) {
	var n int64
	err := tx.db.Model(model).Where(where, args...).Count(&n).Error
	return int(n), translate("count", err)
}

// room says whether one more fits into a bounded list, whose rows are those of the
// table where. Within a transaction they are counted once, and again only when the
// list may be full: counting for every new row would make long lists quadratic.
func (tx *Tx) room(list string, limit int, table, where string, args ...any) (bool, error) {
	used, known := tx.used[list]
	if !known || used >= limit {
		var n int
		err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error { return rows.Scan(&n) },
			"SELECT COUNT(*) FROM "+table+" WHERE "+where, args...)
		if err != nil {
			return false, translate("count", err)
		}
		used = n
	}
	if tx.used == nil {
		tx.used = make(map[string]int)
	}
	tx.used[list] = used + 1
	return used < limit, nil
}

// strings runs a query for one column of text.
func (tx *Tx) strings(model any, column, where string, args ...any) ([]string, error) {
	var values []string
	err := tx.db.Model(model).Where(where, args...).Distinct().Order(column).Pluck(column, &values).Error
	return values, translate("read "+column, err)
}

// pages yields everything of a collection in the order of its keys, a page at a
// time: the consumer may use the transaction while it ranges.
func pages[T any](tx *Tx, name string, load func(context.Context, querier, []string) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		c, err := collectionNamed(name)
		if err != nil {
			yield(none, err)
			return
		}
		for after := ""; ; {
			keys, err := c.keysAfter(tx.ctx, tx.q, after, c.page)
			if err != nil {
				yield(none, translate("list "+name, err))
				return
			}
			if len(keys) == 0 {
				return
			}
			after = keys[len(keys)-1]
			values, err := load(tx.ctx, tx.q, keys)
			if err != nil {
				yield(none, translate("list "+name, err))
				return
			}
			for _, value := range values {
				if !yield(value, nil) {
					return
				}
			}
		}
	}
}
