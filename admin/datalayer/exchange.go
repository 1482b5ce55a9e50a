package datalayer

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// kindError says that a token is genuine and not one to sign in with.
type kindError struct{}

func (*kindError) Error() string { return "the token was not given to somebody who signed in" }

// exchange answers a token of a trusted issuer, whose identity is linked to an account,
// with a token of ours for that account. What is a token of ours already is answered
// with itself, and only if a login gave it: out of one that was made for a program, and
// narrowed maybe, no other comes (J18).
func (s *Surface) exchange(c echo.Context, raw string) error {
	ctx := c.Request().Context()
	holder, err := s.Authn.Holder(ctx, raw)
	if err == nil {
		err = maySignIn(holder)
	}
	if err != nil {
		return s.refuseLogin(c, err, "by", "token")
	}
	account, err := s.account(ctx, identity.AccountID(holder.ID))
	if err != nil {
		return s.refuseLogin(c, err, "account", holder.ID)
	}
	external := holder.Token.Kind != token.KindLogin
	given := raw
	if external {
		if raw, err = s.issue(c, account, "token of "+holder.Token.Issuer); err != nil {
			return s.refuseLogin(c, err, "account", account.ID)
		}
	}
	return c.JSON(http.StatusCreated, loginAnswer{
		envelope: signedIn, User: userOf(account), Token: raw,
		ProvidedToken: given, ProvidedTokenIssuer: holder.Token.Issuer, ProvidedIsExternal: &external,
	})
}

// maySignIn says whether the credential is one that a login can be made of.
func maySignIn(holder identity.Subject) error {
	switch {
	case holder.Kind != identity.SubjectAccount: // whom groups let in has nothing to sign in to
		return &authn.Refused{Reason: authn.ReasonNotLinked, Detail: "no account to sign in to"}
	case holder.Token.Kind == authn.KindExternal:
		return nil
	case holder.Token.Kind != token.KindLogin, len(holder.Token.Scopes) > 0:
		return &kindError{}
	}
	return nil
}
