package datalayer

import (
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

const (
	// maxLogin bounds the body of a login: name and password at their longest, every
	// character escaped, fit several times.
	maxLogin = 16 << 10
	// maxLoggedName bounds what a caller can make us write into the log.
	maxLoggedName = 64
	retryAfter    = "1" // seconds
)

type loginRequest struct {
	Handle   string  `json:"handle"`
	Password string  `json:"password"`
	Token    *string `json:"token"`
}

type loginAnswer struct {
	envelope
	User  user   `json:"user"`
	Token string `json:"token"`
}

// login exchanges a name (handle or e-mail) and a password for a bearer token.
func (s *Surface) login(c echo.Context) error {
	noStore(c)
	ctx := c.Request().Context()
	var in loginRequest
	if err := web.DecodeJSON(c.Request(), &in, maxLogin); err != nil {
		return refuse(c, web.Classify(err))
	}
	if problem, bad := in.problem(); bad {
		return refuse(c, problem)
	}
	account, err := s.Passwords.Check(ctx, in.Handle, in.Password)
	switch {
	case errors.Is(err, authn.ErrWrong):
		s.Logger.InfoContext(ctx, "login refused", "name", clip(in.Handle))
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
		return c.JSON(http.StatusUnauthorized, envelope{Message: "The handle or the password is wrong."})
	case errors.Is(err, authn.ErrBusy):
		s.Logger.WarnContext(ctx, "login turned away: too many at once")
		c.Response().Header().Set("Retry-After", retryAfter)
		return c.JSON(http.StatusServiceUnavailable, envelope{Message: "Too many people sign in right now, try again in a moment."})
	case err != nil:
		return s.broken(c, err)
	}
	raw, claims, err := s.Issuer.Access(token.UserOf(account), account.Generation, s.TokenTTL)
	if err != nil {
		return s.broken(c, err)
	}
	s.Logger.InfoContext(ctx, "login", "account", account.ID, "jti", claims.ID)
	return c.JSON(http.StatusCreated, loginAnswer{
		envelope: envelope{Success: true, Message: "Signed in with success."},
		User:     userOf(account),
		Token:    raw,
	})
}

// problem checks what depends on the question alone, before anything is looked up or
// hashed.
func (in loginRequest) problem() (web.Problem, bool) {
	p := web.Problem{Status: http.StatusBadRequest, Code: "invalid", Title: "The login was refused."}
	switch {
	case in.Token != nil:
		p.Field, p.Detail = "token", "signing in with the token of another service is not possible here"
	case in.Handle == "":
		p.Field, p.Detail = "handle", "is missing or empty"
	case len(in.Handle) > authn.MaxName:
		p.Field, p.Detail = "handle", "is too long"
	case in.Password == "":
		p.Field, p.Detail = "password", "is missing or empty"
	case len(in.Password) > authn.MaxPassword:
		p.Field, p.Detail = "password", "is too long"
	default:
		return web.Problem{}, false
	}
	return p, true
}

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

func (s *Surface) broken(c echo.Context, err error) error {
	p := web.Classify(err)
	s.Logger.ErrorContext(c.Request().Context(), "login failed", "status", p.Status, "error", p.Cause)
	if p.Status < http.StatusInternalServerError { // no error of ours is the caller's fault here
		p.Status, p.Title, p.Detail = http.StatusInternalServerError, "Something broke on our side.", ""
	}
	p.Field = ""
	return refuse(c, p)
}

func clip(name string) string {
	if len(name) <= maxLoggedName {
		return name
	}
	cut := maxLoggedName
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "…"
}
