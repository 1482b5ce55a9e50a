package datalayer

import (
	"net/http"
	"strconv"

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
	account, err := s.Passwords.Check(ctx, authn.Attempt{Name: in.Handle, Password: in.Password, Address: s.client(c.Request())})
	if err != nil {
		return s.refuseLogin(c, in.Handle, err)
	}
	raw, claims, err := s.Issuer.Access(token.UserOf(account), account.Generation, token.AccessOptions{TTL: s.TokenTTL})
	if err != nil {
		return s.refuseLogin(c, in.Handle, err)
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

// refuseLogin answers a login that failed. What failed is decided by web.Classify; here
// is what the dialect and the log say about it.
func (s *Surface) refuseLogin(c echo.Context, name string, err error) error {
	ctx, header := c.Request().Context(), c.Response().Header()
	p := classify(err)
	switch p.Status {
	case http.StatusTooManyRequests:
		s.Logger.InfoContext(ctx, "login throttled", "name", web.Clip(name, maxLoggedName), "retry_after", p.RetryAfter)
		header.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	case http.StatusUnauthorized:
		s.Logger.InfoContext(ctx, "login refused", "name", web.Clip(name, maxLoggedName))
		header.Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
	case http.StatusServiceUnavailable:
		s.Logger.WarnContext(ctx, "login turned away", "error", p.Cause)
		header.Set("Retry-After", retryAfter)
	default: // nothing else is the caller's fault here
		s.Logger.ErrorContext(ctx, "login failed", "status", p.Status, "error", p.Cause)
		p.Status, p.Title, p.Detail, p.Field = http.StatusInternalServerError, "Something broke on our side.", "", ""
	}
	return refuse(c, p)
}
