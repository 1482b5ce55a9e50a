package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// Problem is what went wrong, in two halves: what the client may see (everything but
// Cause) and what only the log sees.
type Problem struct {
	Status int    // HTTP status
	Code   string // stable word for programs
	Title  string // one short sentence, the same for each Code
	Detail string // what to do about it; "" = nothing to add
	Field  string // the member that is wrong, "" = none
	Cause  error  // for the log, never for the client
}

// Classify is the only place where kinds of errors become status numbers.
func Classify(err error) Problem {
	p := Problem{Cause: err}
	var (
		body    *BodyError
		invalid *identity.InvalidError
		routing *echo.HTTPError
		tooMuch *http.MaxBytesError
	)
	switch {
	case errors.As(err, &body):
		p.Status, p.Code, p.Title = body.Status, "malformed_body", "The body was refused."
		p.Field, p.Detail = body.Field, body.Why
	case errors.As(err, &tooMuch):
		p.Status, p.Code, p.Title = http.StatusRequestEntityTooLarge, "too_large", "The body is too large."
	case errors.As(err, &invalid):
		p.Status, p.Code, p.Title = http.StatusBadRequest, "invalid", "A value was refused."
		p.Field, p.Detail = invalid.Field, invalid.Why
	case errors.Is(err, authn.ErrWrong):
		p.Status, p.Code, p.Title = http.StatusUnauthorized, "wrong_password", "The handle or the password is wrong."
	case errors.Is(err, authn.ErrBusy):
		p.Status, p.Code, p.Title = http.StatusServiceUnavailable, "too_many_logins", "Too many people sign in right now, try again in a moment."
	case errors.Is(err, identity.ErrNotFound):
		p.Status, p.Code, p.Title = http.StatusNotFound, "not_found", "There is no such thing here."
	case errors.Is(err, identity.ErrExists):
		p.Status, p.Code, p.Title = http.StatusConflict, "exists", "That exists already."
	case errors.Is(err, identity.ErrConflict):
		p.Status, p.Code, p.Title = http.StatusConflict, "conflict", "That would break something else."
	case errors.Is(err, identity.ErrBusy):
		p.Status, p.Code, p.Title = http.StatusServiceUnavailable, "busy", "Others are writing; try again."
	case errors.Is(err, identity.ErrNotApplied):
		p.Status, p.Code, p.Title = http.StatusServiceUnavailable, "not_applied", "It is stored and does not count yet."
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p.Status, p.Code, p.Title = http.StatusServiceUnavailable, "timeout", "The request took too long."
	case errors.As(err, &routing):
		p.Status, p.Code, p.Title = routing.Code, "refused", http.StatusText(routing.Code)
		if word, known := routingCodes[routing.Code]; known {
			p.Code = word
		}
	default:
		p.Status, p.Code, p.Title = http.StatusInternalServerError, "internal", "Something broke on our side."
	}
	return p
}

var routingCodes = map[int]string{
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestEntityTooLarge: "too_large",
}
