package crud

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// NewPassword is a password that is to be set. Neither of the two is ever answered,
// logged or kept as it is.
type NewPassword struct {
	Password string `json:"password" example:"correct horse battery" doc:"The new one, 8 to 1024 bytes."`
	Current  string `json:"current,omitempty" doc:"The one it replaces: needed for one's own."`
}

func (s *Surface) registerPasswords() {
	add(s, huma.Operation{
		Method: http.MethodPut, Path: "/accounts/{account}/password", OperationID: "putPassword", Tags: []string{"Accounts"},
		Summary: "Set a password", DefaultStatus: http.StatusNoContent,
		Description: "One's own with the current one; the first one is set by somebody else. One that somebody else has set must be changed at the next sign-in. Tokens stay good: see DELETE /accounts/{account}/tokens.",
		Errors:      []int{http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, s.putPassword)
}

func (s *Surface) putPassword(ctx context.Context, in *struct {
	AccountPath
	Body NewPassword
}) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	asked := resource{Kind: "password", Account: in.Account}
	if err := s.inside(ctx, in.shown(), update, asked); err != nil {
		return nil, err
	}
	own := callerOf(ctx).subject.ID == in.Account
	if own {
		if err := s.verifyCurrent(ctx, in.id(), in.Body.Current); err != nil {
			return nil, err
		}
	}
	hash, err := s.Passwords.Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		if err := w.ask(update, asked); err != nil {
			return err
		}
		a, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		return w.SetPassword(a.ID, hash, time.Time{}, !own)
	})
}

// verifyCurrent checks the password that is to be replaced: a stolen token must not become
// a stolen account. It is asked for whether or not there is one, so that it tells nothing.
func (s *Surface) verifyCurrent(ctx context.Context, id identity.AccountID, current string) error {
	address, _ := netip.ParseAddr(callerOf(ctx).address) // the zero one is a counter of its own
	return s.Passwords.Verify(ctx, id, current, address)
}
