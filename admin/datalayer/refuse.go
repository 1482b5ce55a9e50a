package datalayer

import (
	"errors"
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// maxLoggedName bounds what a caller can make us write into the log.
const maxLoggedName = 64

// refuse renders a Problem in the envelope.
func refuse(c echo.Context, p web.Problem) error {
	answer := envelope{Message: p.Title}
	switch {
	case p.Field != "" && p.Detail != "":
		answer.Errors = []string{p.Field + ": " + p.Detail}
	case p.Detail != "":
		answer.Errors = []string{p.Detail}
	}
	maps.Copy(c.Response().Header(), p.Header())
	return c.JSON(p.Status, answer)
}

// refuseLogin answers a login that failed. What failed is decided by classify; here is
// what the dialect and the log say about it. who is for the log: whom it was about, as
// far as that is known.
func (s *Surface) refuseLogin(c echo.Context, err error, who ...any) error {
	ctx, p := c.Request().Context(), classify(err)
	switch p.Status {
	case http.StatusTooManyRequests:
		s.Logger.InfoContext(ctx, "login throttled", append(who, "retry_after", p.RetryAfter)...)
	case http.StatusUnauthorized, http.StatusForbidden:
		s.Logger.InfoContext(ctx, "login refused", append(who, "reason", p.Code)...)
	case http.StatusServiceUnavailable:
		s.Logger.WarnContext(ctx, "login turned away", append(who, "error", p.Cause)...)
	default: // nothing else is the caller's fault here
		s.Logger.ErrorContext(ctx, "login failed", append(who, "status", p.Status, "error", p.Cause)...)
		p = web.Problem{Status: http.StatusInternalServerError, Title: "Something broke on our side."}
	}
	return refuse(c, p)
}

// classify is web.Classify, and knows what can go wrong with a login alone.
func classify(err error) web.Problem {
	if kind, is := errors.AsType[*kindError](err); is {
		return web.Problem{
			Status: http.StatusForbidden, Code: "not_from_a_login", Cause: kind,
			Title: "The login was refused.", Detail: "token: is a personal one, use it as it is",
		}
	}
	if errors.Is(err, identity.ErrNotFound) { // the account was removed a moment ago
		err = authn.ErrWrong
	}
	return web.Classify(err)
}
