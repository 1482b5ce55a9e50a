package datalayer

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// maxLogin bounds the body of a login: a token of another issuer at its longest fits, and
// so do name and password, every character of them escaped.
const maxLogin = trusted.MaxLength + 4<<10

type loginRequest struct {
	Handle   *string `json:"handle"`
	Password *string `json:"password"`
	Token    *string `json:"token"`
}

type loginAnswer struct {
	envelope
	User  user   `json:"user"`
	Token string `json:"token"`
	// What a login by token tells of the token that it was given.
	ProvidedToken       string `json:"provided_token,omitempty"`
	ProvidedTokenIssuer string `json:"provided_token_issuer,omitempty"`
	ProvidedIsExternal  *bool  `json:"is_provided_token_external,omitempty"`
}

// login answers with a bearer token to whoever knows a password, or holds a token of
// somebody who is known here.
func (s *Surface) login(c echo.Context) error {
	noStore(c)
	var in loginRequest
	if err := web.DecodeJSON(c.Request(), &in, maxLogin); err != nil {
		return refuse(c, web.Classify(err))
	}
	if problem, bad := in.problem(); bad {
		return refuse(c, problem)
	}
	if in.Token != nil {
		return s.exchange(c, *in.Token)
	}
	return s.passwordLogin(c, *in.Handle, *in.Password)
}

// passwordLogin is for a name (handle or e-mail) and a password.
func (s *Surface) passwordLogin(c echo.Context, name, password string) error {
	ctx := c.Request().Context()
	account, err := s.Passwords.Check(ctx, authn.Attempt{Name: name, Password: password, Address: s.client(c.Request())})
	if err != nil {
		return s.refuseLogin(c, err, "name", web.Clip(name, maxLoggedName))
	}
	raw, err := s.issue(c, account, "password")
	if err != nil {
		return s.refuseLogin(c, err, "account", account.ID)
	}
	return c.JSON(http.StatusCreated, loginAnswer{envelope: signedIn, User: userOf(account), Token: raw})
}

var signedIn = envelope{Success: true, Message: "Signed in with success."}

// issue makes a token for an account that has signed in. The directory knows of it before
// anybody has it: a token that could not be listed and revoked must not be about.
func (s *Surface) issue(c echo.Context, a identity.Account, by string) (string, error) {
	ctx := c.Request().Context()
	raw, claims, err := s.Issuer.Access(token.UserOf(a), a.Generation, token.AccessOptions{TTL: s.TokenTTL})
	if err != nil {
		return "", err
	}
	_, err = s.Directory.Write(ctx, identity.Actor("account:"+a.ID), func(tx *identity.Tx) error {
		if address := s.client(c.Request()); address.IsValid() {
			tx.From(address.String())
		}
		return tx.PutToken(identity.Token{
			JTI: claims.ID, Account: a.ID, Kind: claims.Kind, Scopes: claims.Scopes,
			Issued: claims.Issued, Expires: claims.Expires,
		})
	})
	if err != nil {
		return "", fmt.Errorf("record a token: %w", err)
	}
	s.Logger.InfoContext(ctx, "login", "account", a.ID, "by", by, "jti", claims.ID)
	return raw, nil
}

// account is what the directory says of an account.
func (s *Surface) account(ctx context.Context, id identity.AccountID) (a identity.Account, err error) {
	err = s.Directory.Read(ctx, func(tx *identity.Tx) error {
		a, err = tx.Account(id)
		return err
	})
	return a, err
}

// problem checks what depends on the question alone, before anything is looked up or
// hashed.
func (in loginRequest) problem() (web.Problem, bool) {
	p := web.Problem{Status: http.StatusBadRequest, Code: "invalid", Title: "The login was refused."}
	empty := func(text *string) bool { return text == nil || *text == "" }
	switch {
	case in.Token != nil && (in.Handle != nil || in.Password != nil):
		p.Field, p.Detail = "token", "is given beside handle or password: sign in with one or the other"
	case in.Token != nil && *in.Token == "":
		p.Field, p.Detail = "token", "is empty"
	case in.Token != nil && len(*in.Token) > trusted.MaxLength:
		p.Field, p.Detail = "token", "is too long"
	case in.Token != nil:
		return web.Problem{}, false
	case empty(in.Handle):
		p.Field, p.Detail = "handle", "is missing or empty"
	case len(*in.Handle) > authn.MaxName:
		p.Field, p.Detail = "handle", "is too long"
	case empty(in.Password):
		p.Field, p.Detail = "password", "is missing or empty"
	case len(*in.Password) > authn.MaxPassword:
		p.Field, p.Detail = "password", "is too long"
	default:
		return web.Problem{}, false
	}
	return p, true
}
