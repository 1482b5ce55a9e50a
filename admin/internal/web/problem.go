package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"

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
	// RetryAfter is how many seconds to wait before trying again, 0 = not said.
	RetryAfter int
}

// DeniedError says that policy does not let the caller do it. Why is a custom rule's own
// words.
type DeniedError struct {
	Login  bool // signing in may change that
	Reason string
	Why    string
}

func (e *DeniedError) Error() string { return "denied: " + e.Reason }

// PreconditionError says that a conditional request does not apply to what is there, or
// that it has to be made conditional (RFC 9110, 13; RFC 6585, 3).
type PreconditionError struct {
	Header  string
	Missing bool
	Why     string
}

func (e *PreconditionError) Error() string { return e.Header + ": " + e.Why }

// ProblemBody is a Problem on the wire: RFC 9457 with members of ours.
type ProblemBody struct {
	Type   string  `json:"type" doc:"about:blank: code tells kinds of problems apart."`
	Title  string  `json:"title" doc:"One sentence, the same for each code."`
	Status int     `json:"status" doc:"The HTTP status."`
	Detail string  `json:"detail,omitempty" doc:"What to do about it."`
	Code   string  `json:"code" doc:"A word for programs."`
	Field  string  `json:"field,omitempty" doc:"The member, parameter or header that is wrong."`
	Errors []Place `json:"errors,omitempty" doc:"Everything that is wrong, where it is more than one thing."`
}

// Place is one thing that is wrong with a request. It names the field, never its value.
type Place struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Body is what the client sees.
func (p Problem) Body() ProblemBody {
	return ProblemBody{Type: "about:blank", Title: p.Title, Status: p.Status, Detail: p.Detail, Code: p.Code, Field: p.Field}
}

// Header is what the client sees beside the body. Every 401 says how to sign in (RFC 9110,
// 11.6.1).
func (p Problem) Header() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	return h
}

// soon is after how many seconds it is worth a try where nobody knows.
const soon = 1

// Classify is the only place where kinds of errors become status numbers.
func Classify(err error) Problem {
	p := Problem{Cause: err}
	var (
		body    *BodyError
		invalid *identity.InvalidError
		routing *echo.HTTPError
		tooMuch *http.MaxBytesError
		denied  *DeniedError
		refused *authn.Refused
		unmet   *PreconditionError
		tooMany *authn.TooManyError
	)
	switch {
	case errors.As(err, &refused):
		p.Status, p.Code, p.Title = http.StatusUnauthorized, refused.Reason, "The credential was refused."
	case errors.As(err, &denied) && denied.Login:
		p.Status, p.Code, p.Title = http.StatusUnauthorized, denied.Reason, "Sign in first."
	case errors.As(err, &denied):
		p.Status, p.Code, p.Title, p.Detail = http.StatusForbidden, denied.Reason, "You may not do that.", denied.Why
	case errors.As(err, &tooMany):
		p.Status, p.Code, p.Title = http.StatusTooManyRequests, "too_many_attempts", "Too many attempts failed; wait before the next one."
		p.RetryAfter = tooMany.Seconds()
	case errors.As(err, &unmet) && unmet.Missing:
		p.Status, p.Code, p.Title = http.StatusPreconditionRequired, "precondition_required", "The request must be conditional."
		p.Field, p.Detail = unmet.Header, unmet.Why
	case errors.As(err, &unmet):
		p.Status, p.Code, p.Title = http.StatusPreconditionFailed, "precondition_failed", "A precondition does not hold."
		p.Field, p.Detail = unmet.Header, unmet.Why
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
	if p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = soon
	}
	return p
}

var routingCodes = map[int]string{
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestEntityTooLarge: "too_large",
}
