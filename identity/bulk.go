package identity

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Whatever is written, whether one thing or fifty thousand, is checked and written by the
// same few statements, each of which is prepared once. Keys that are looked up travel as
// one JSON text, which SQLite's json_each opens; rows are bound one by one, which costs
// half of that.

// ItemError says which of several things that were to be written at once was
// refused; without it nothing of the call has been written.
type ItemError struct {
	Item int
	Err  error
}

func (e *ItemError) Error() string { return e.Err.Error() }

// Unwrap gives why it was refused.
func (e *ItemError) Unwrap() error { return e.Err }

// one takes the place off an error about the only item there was.
func one(err error) error {
	if item, ok := err.(*ItemError); ok { //nolint:errorlint // as it was made, not what may lie within
		return item.Err
	}
	return err
}

// row is the columns of one row, in the order that its statement names them: text,
// whole numbers, and nil for NULL.
type row []any

// insertInto is an INSERT of a row. What follows a conflict, if anything may, is given
// as conflict.
func insertInto(table, conflict string, columns ...string) string {
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (?" +
		strings.Repeat(", ?", len(columns)-1) + ") " + conflict
}

// among is the condition that a column is one of a list of texts.
func among(column string) string { return column + " IN (SELECT value FROM json_each(?))" }

// insert runs a statement made by insertInto for each of the rows.
func (tx *Tx) insert(statement string, rows []row) (err error) {
	if len(rows) < 2 {
		for _, one := range rows {
			err = tx.exec(statement, one...)
		}
		return err
	}
	ctx := context.WithoutCancel(tx.ctx)
	prepared, err := tx.db.Statement.ConnPool.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	for i, one := range rows {
		if i%1000 == 0 && tx.ctx.Err() != nil {
			return tx.ctx.Err()
		}
		if _, err := prepared.ExecContext(ctx, one...); err != nil {
			return err
		}
	}
	return nil
}

// packKeys writes the JSON text that a statement takes.
func packKeys[K ~string](tx *Tx, keys []K) string {
	b := append(tx.packing[:0], '[')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, string(key))
	}
	tx.packing = append(b, ']')
	return string(tx.packing)
}

// exec runs one of the statements, which are short. A context that may end would cost
// the driver a goroutine for each.
func (tx *Tx) exec(statement string, args ...any) error {
	if err := tx.ctx.Err(); err != nil {
		return err
	}
	_, err := tx.db.Statement.ConnPool.ExecContext(context.WithoutCancel(tx.ctx), statement, args...)
	return err
}

// deleteAmong removes the rows of a table whose column is one of keys.
func deleteAmong[K ~string](tx *Tx, table, column string, keys []K) error {
	if len(keys) == 0 {
		return nil
	}
	return tx.exec("DELETE FROM "+table+" WHERE "+among(column), packKeys(tx, keys))
}

// scanAmong runs a query that takes keys once.
func scanAmong[K ~string](tx *Tx, query string, keys []K, each func(*sql.Rows) error) error {
	if len(keys) == 0 {
		return nil
	}
	return translate("look up", scan(tx.ctx, tx.q, each, query, packKeys(tx, keys)))
}

// lookUp gives, for those keys that are there, the text that the query finds beside
// them: its two columns are a key and a text.
func lookUp[K, V ~string](tx *Tx, query string, keys []K) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	err := scanAmong(tx, query, keys, func(rows *sql.Rows) error {
		var key, value string
		err := rows.Scan(&key, &value)
		found[K(key)] = V(value)
		return err
	})
	return found, err
}

// orNull is a text for a column that has NULL rather than an empty one.
func orNull[T ~string | ~[]byte](value T) any {
	if len(value) == 0 {
		return nil
	}
	return string(value)
}

// distinct is every value once, in the order of their first appearance.
func distinct[T comparable](values []T) []T {
	seen := make(map[T]struct{}, len(values))
	kept := make([]T, 0, len(values))
	for _, value := range values {
		if _, twice := seen[value]; !twice {
			seen[value] = struct{}{}
			kept = append(kept, value)
		}
	}
	return kept
}
