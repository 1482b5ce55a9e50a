package crud

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

const (
	usualLife = 90 * 24 * time.Hour  // of a personal token
	maxLife   = 366 * 24 * time.Hour // one that lives longer is forgotten before it ends
)

// AccessToken is what is known of a token that was given out. Its text is known to its
// holder alone.
type AccessToken struct {
	JTI     string    `json:"jti" doc:"By which it is named and revoked."`
	Account string    `json:"account" doc:"Uid of its holder."`
	Kind    string    `json:"kind" doc:"access: from signing in; personal: made here."`
	Name    string    `json:"name" example:"nightly build" doc:"What its holder calls it."`
	Scopes  []string  `json:"scopes" doc:"What it is narrowed to; none = all that its holder may do."`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

func accessTokenOf(t identity.Token) AccessToken {
	return AccessToken{
		JTI: t.JTI, Account: string(t.Account), Kind: t.Kind, Name: t.Name, Scopes: append([]string{}, t.Scopes...),
		Issued: t.Issued.UTC(), Expires: t.Expires.UTC(),
	}
}

// mintedToken is the one answer that holds a token's text.
type mintedToken struct {
	AccessToken
	Token string `json:"token" doc:"The bearer token itself; it is shown here and never again."`
}

// NewToken is what a caller says of a token that is to be made.
type NewToken struct {
	Name      string   `json:"name" minLength:"1" maxLength:"128" example:"nightly build"`
	ExpiresIn int64    `json:"expires_in,omitempty" minimum:"60" maximum:"31622400" doc:"Seconds that it is good for; 90 days where it is left out."`
	Scopes    []string `json:"scopes,omitempty" maxItems:"50" doc:"What to narrow it to."`
}

type tokenPatch struct {
	Name string `json:"name" minLength:"1" maxLength:"128" example:"nightly build"`
}

// TokenPath names a token.
type TokenPath struct {
	JTI string `path:"jti" maxLength:"128" doc:"Its jti."`
}

func (s *Surface) registerTokens() {
	tag := []string{"Tokens"}
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/accounts/{account}/tokens", OperationID: "listTokens", Tags: tag, Summary: "List the tokens of an account",
		Description: "By jti; expired and revoked ones are left out.",
	}, s.listTokens)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: "/accounts/{account}/tokens", OperationID: "createToken", Tags: tag, Summary: "Make a personal token",
		Description: "Only with a token from signing in, for oneself; platform admins also for services.", DefaultStatus: http.StatusCreated,
	}, s.createToken)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: "/accounts/{account}/tokens", OperationID: "deleteTokens", Tags: tag, Summary: "Revoke all tokens of an account",
		Description: "The next request with any of them is refused.",
	}, s.deleteTokens)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/tokens/{jti}", OperationID: "getToken", Tags: tag, Summary: "Read what is known of a token",
	}, s.getToken)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: "/tokens/{jti}", OperationID: "patchToken", Tags: tag, Summary: "Name a token",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.patchToken)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: "/tokens/{jti}", OperationID: "deleteToken", Tags: tag, Summary: "Revoke a token",
		Description: "The next request with it is refused.", Errors: []int{http.StatusPreconditionFailed},
	}, s.deleteToken)
}

func (s *Surface) listTokens(ctx context.Context, in *struct {
	AccountPath
	Paging
}) (*many[AccessToken], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.inside(ctx, in.shown(), list, resource{Kind: "token", Account: in.Account}); err != nil {
		return nil, err
	}
	return readPage(ctx, s, in.Paging, "tokens", in.AccountPath, accessTokenOf, func(tx *identity.Tx, p identity.Page) ([]identity.Token, string, error) {
		if _, err := in.find(tx); err != nil {
			return nil, "", err
		}
		return tx.ListTokens(in.id(), p)
	})
}

func (s *Surface) createToken(ctx context.Context, in *struct {
	AccountPath
	Body NewToken
}) (*written[mintedToken], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	life := usualLife
	if in.Body.ExpiresIn != 0 {
		life = min(time.Duration(in.Body.ExpiresIn)*time.Second, maxLife)
	}
	asked := resource{Kind: "token", Account: in.Account, Scopes: append([]string{}, in.Body.Scopes...)}
	if err := s.inside(ctx, in.shown(), create, asked); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[mintedToken]) error {
		if err := w.ask(create, asked); err != nil {
			return err
		}
		holder, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		raw, claims, err := s.Issuer.Access(token.UserOf(holder), holder.Generation, token.AccessOptions{
			TTL: life, Kind: token.KindPersonal, Scopes: in.Body.Scopes,
		})
		if err != nil {
			return &identity.InvalidError{Field: "scopes", Why: err.Error()}
		}
		t := identity.Token{
			JTI: claims.ID, Account: holder.ID, Kind: claims.Kind, Name: in.Body.Name, Scopes: claims.Scopes,
			Issued: claims.Issued, Expires: claims.Expires,
		}
		out.Body = mintedToken{AccessToken: accessTokenOf(t), Token: raw}
		out.made("/tokens/" + t.JTI)
		return w.PutToken(t)
	})
}

func (s *Surface) deleteTokens(ctx context.Context, in *AccountPath) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	asked := resource{Kind: "token", Account: in.Account}
	if err := s.inside(ctx, in.shown(), remove, asked); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		if err := w.ask(remove, asked); err != nil {
			return err
		}
		a, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		return w.RevokeAccountTokens(a.ID)
	})
}

// shownToken finds a token that the caller may know of.
func (s *Surface) shownToken(ctx context.Context, tx *identity.Tx, jti string) (identity.Token, resource, error) {
	t, err := tx.Token(jti)
	if err != nil {
		// Whoever asks for what is not there is told what one who may not see it is.
		if unseen := s.see(ctx, resource{Kind: "token", ID: jti}); unseen != nil {
			err = unseen
		}
		return t, resource{}, err
	}
	r := resource{Kind: "token", ID: jti, Account: string(t.Account)}
	return t, r, s.see(ctx, r)
}

func (s *Surface) getToken(ctx context.Context, in *TokenPath) (*one[AccessToken], error) {
	return readOne(ctx, s, func(tx *identity.Tx) (AccessToken, error) {
		t, _, err := s.shownToken(ctx, tx, in.JTI)
		return accessTokenOf(t), err
	})
}

func (s *Surface) patchToken(ctx context.Context, in *struct {
	TokenPath
	OnlyMatch
	Body tokenPatch
}) (*written[AccessToken], error) {
	return writeOne(ctx, s, func(w *writing, out *written[AccessToken]) error {
		there, r, err := s.shownToken(ctx, w.Tx, in.JTI)
		if err != nil {
			return err
		}
		wanted := there
		wanted.Name = in.Body.Name
		if err := w.mayPatch(r, accessTokenOf(there), accessTokenOf(wanted), in.OnlyMatch); err != nil {
			return err
		}
		out.Body = accessTokenOf(wanted)
		return w.RenameToken(in.JTI, in.Body.Name)
	})
}

func (s *Surface) deleteToken(ctx context.Context, in *struct {
	TokenPath
	OnlyMatch
}) (*RevisionHeader, error) {
	return removeOne(ctx, s, func(w *writing) error {
		t, r, err := s.shownToken(ctx, w.Tx, in.JTI)
		if err != nil {
			return err
		}
		if err := w.mayRemove(r, accessTokenOf(t), in.OnlyMatch); err != nil {
			return err
		}
		return w.RevokeToken(t.JTI, t.Account, t.Expires)
	})
}
