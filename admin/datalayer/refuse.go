package datalayer

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

const (
	// maxLoggedName bounds what a caller can make us write into the log.
	maxLoggedName = 64
	retryAfter    = "1" // seconds
)

// refuse renders a Problem in the envelope.
func refuse(c echo.Context, p web.Problem) error {
	answer := envelope{Message: p.Title}
	switch {
	case p.Field != "" && p.Detail != "":
		answer.Errors = []string{p.Field + ": " + p.Detail}
	case p.Detail != "":
		answer.Errors = []string{p.Detail}
	}
	return c.JSON(p.Status, answer)
}

// refuseLogin answers a login that failed. What failed is decided by classify; here is
// what the dialect and the log say about it. who is for the log: whom it was about, as
// far as that is known.
func (s *Surface) refuseLogin(c echo.Context, err error, who ...any) error {
	ctx, header := c.Request().Context(), c.Response().Header()
	p := classify(err)
	switch p.Status {
	case http.StatusTooManyRequests:
		s.Logger.InfoContext(ctx, "login throttled", append(who, "retry_after", p.RetryAfter)...)
		header.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	case http.StatusUnauthorized:
		s.Logger.InfoContext(ctx, "login refused", append(who, "reason", p.Code)...)
		header.Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
	case http.StatusForbidden:
		s.Logger.InfoContext(ctx, "login refused", append(who, "reason", p.Code)...)
	case http.StatusServiceUnavailable:
		s.Logger.WarnContext(ctx, "login turned away", append(who, "error", p.Cause)...)
		header.Set("Retry-After", retryAfter)
	default: // nothing else is the caller's fault here
		s.Logger.ErrorContext(ctx, "login failed", append(who, "status", p.Status, "error", p.Cause)...)
		p.Status, p.Title, p.Detail, p.Field = http.StatusInternalServerError, "Something broke on our side.", "", ""
	}
	return refuse(c, p)
}

// classify is web.Classify, and knows what can go wrong with a login alone.
func classify(err error) web.Problem {
	var (
		tooMany *authn.TooManyError
		kind    *kindError
		full    *identity.InvalidError
	)
	switch {
	case errors.As(err, &tooMany):
		return web.Problem{
			Status: http.StatusTooManyRequests, Code: "too_many_attempts", Cause: err, RetryAfter: tooMany.Seconds(),
			Title: "Too many failed logins, wait and try again.",
		}
	case errors.As(err, &kind):
		return web.Problem{
			Status: http.StatusForbidden, Code: "not_from_a_login", Cause: err,
			Title: "The login was refused.", Detail: "token: is a personal one, use it as it is",
		}
	case errors.As(err, &full): // the account holds as many tokens as it may, none of them from a login
		return web.Problem{
			Status: http.StatusForbidden, Code: "too_many_tokens", Cause: err,
			Title: "The login was refused.", Detail: full.Field + ": " + full.Why,
		}
	case errors.Is(err, identity.ErrNotFound): // the account was removed a moment ago
		return web.Classify(authn.ErrWrong)
	}
	return web.Classify(err)
}
