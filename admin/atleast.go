package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
)

const (
	atLeastHeader = "Gatehouse-At-Least"
	atLeastTime   = 2 * time.Second // that a request waits for the revision it asks for
)

// waiter is the directory, as far as waiting for a revision is concerned.
type waiter interface {
	// WaitFor returns when everything has been brought up to the revision.
	WaitFor(ctx context.Context, revision uint64) error
}

// behindError says that the directory has not come to the revision that was asked for.
type behindError struct{ cause error }

func (e *behindError) Error() string { return "the directory is behind: " + e.cause.Error() }

func (e *behindError) problem() web.Problem {
	return web.Problem{
		Status: http.StatusServiceUnavailable, Code: "behind", Title: "The directory has not come to that revision yet.",
		Field: atLeastHeader, RetryAfter: 1, Cause: e,
	}
}

// atLeast lets a request that names a revision wait until the directory is there, so
// that who has written something, here or elsewhere, does not read what was before.
func atLeast(directory waiter) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			given := c.Request().Header.Values(atLeastHeader)
			if len(given) == 0 {
				return next(c)
			}
			revision, err := strconv.ParseUint(given[0], 10, 64)
			if err != nil || len(given) > 1 {
				return &identity.InvalidError{Field: atLeastHeader, Why: "must be one decimal number, as Gatehouse-Revision gives it"}
			}
			ctx, cancel := context.WithTimeout(c.Request().Context(), atLeastTime)
			defer cancel()
			err = directory.WaitFor(ctx, revision)
			switch {
			case err == nil:
				return next(c)
			case errors.Is(err, context.DeadlineExceeded) && c.Request().Context().Err() == nil:
				return &behindError{err}
			}
			return err
		}
	}
}
