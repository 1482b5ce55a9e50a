package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"
)

// What can be wrong with a call, apart from the names it carries
// ([InvalidError]). They come wrapped with what was being done.
var (
	// ErrNotFound: what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name or identifier is taken, now or for ever.
	ErrExists = errors.New("already exists")
	// ErrConflict: the write contradicts what is there, such as removing the
	// last owner of a namespace.
	ErrConflict = errors.New("conflict")
	// ErrLocked: another server works on the data directory.
	ErrLocked = errors.New("data directory is in use by another server")
	// ErrBusy: another process held the database's write lock for too long; the
	// write did not happen and may be tried again.
	ErrBusy = errors.New("directory is busy")
	// ErrNotApplied: the write is stored and has its revision, but what is fed
	// from the directory could not be brought up to it. It will be, and until
	// then [Directory.Healthy] says why not.
	ErrNotApplied = errors.New("written but not yet applied")
)

// InvalidError says which field of a call is not acceptable, and why. It never
// repeats the value.
type InvalidError struct {
	Field string
	Why   string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Why }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// storageError is what the database said, as text only, so that nobody outside
// comes to depend on the driver's types.
type storageError string

func (e storageError) Error() string { return "directory storage: " + string(e) }

// translate turns an error of gorm, database/sql or SQLite into one of ours, and
// leaves alone what is ours already.
func translate(op string, err error) error {
	var driver sqlite3.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &driver):
		err = translateDriver(driver)
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		err = ErrNotFound
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		err = storageError("the connection is closed")
	case !isOurs(err):
		err = storageError(err.Error())
	}
	return fmt.Errorf("%s: %w", op, err)
}

func isOurs(err error) bool {
	var refused *InvalidError
	var storage storageError
	if errors.As(err, &refused) || errors.As(err, &storage) {
		return true
	}
	ours := []error{
		ErrNotFound, ErrExists, ErrConflict, ErrBusy, errReadOnly, errGap,
		context.Canceled, context.DeadlineExceeded,
	}
	return slices.ContainsFunc(ours, func(target error) bool { return errors.Is(err, target) })
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func translateDriver(err sqlite3.Error) error {
	switch err.ExtendedCode {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey:
		return fmt.Errorf("%w (%s)", ErrExists, err.Error())
	case sqlite3.ErrConstraintForeignKey, sqlite3.ErrConstraintTrigger: // RESTRICT reports the latter
		return fmt.Errorf("%w: something still refers to it (%s)", ErrConflict, err.Error())
	}
	switch err.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("%w (%s)", ErrBusy, err.Error())
	case sqlite3.ErrInterrupt:
		return context.Canceled
	default:
		return storageError(err.Error())
	}
}
