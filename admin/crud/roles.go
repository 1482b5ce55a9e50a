package crud

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

type roleList struct {
	Body struct {
		Items []string `json:"items" doc:"Platform roles, sorted."`
	}
}

// RolePath names a platform role of an account.
type RolePath struct {
	AccountPath
	Role string `path:"role" maxLength:"63" doc:"The role; admin may do everything."`
}

func (p RolePath) resource() resource {
	return resource{Kind: "platform_role", Account: p.Account, Role: p.Role}
}

func (s *Surface) registerRoles() {
	tag := []string{"Accounts"}
	const path = "/accounts/{account}/roles/{role}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/accounts/{account}/roles", OperationID: "listRoles", Tags: tag, Summary: "List the platform roles of an account",
	}, s.listRoles)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: path, OperationID: "putRole", Tags: tag, Summary: "Give an account a platform role", DefaultStatus: http.StatusNoContent,
	}, s.putRole)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: path, OperationID: "deleteRole", Tags: tag, Summary: "Take a platform role away",
	}, s.deleteRole)
}

func (s *Surface) listRoles(ctx context.Context, in *AccountPath) (*roleList, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.inside(ctx, in.shown(), list, resource{Kind: "platform_role", Account: in.Account}); err != nil {
		return nil, err
	}
	out := &roleList{}
	err := s.Directory.Read(ctx, func(tx *identity.Tx) error {
		a, err := in.find(tx)
		out.Body.Items = accountOf(a).Roles
		return err
	})
	return out, err
}

func (s *Surface) putRole(ctx context.Context, in *RolePath) (*RevisionHeader, error) {
	return s.changeRole(ctx, in, create, func(w *writing, a identity.Account) error {
		return w.GrantPlatformRole(a.ID, identity.PlatformRole(in.Role))
	})
}

func (s *Surface) deleteRole(ctx context.Context, in *RolePath) (*RevisionHeader, error) {
	return s.changeRole(ctx, in, remove, func(w *writing, a identity.Account) error {
		if !slices.Contains(a.Roles, identity.PlatformRole(in.Role)) {
			return identity.ErrNotFound
		}
		return w.RevokePlatformRole(a.ID, identity.PlatformRole(in.Role))
	})
}

func (s *Surface) changeRole(ctx context.Context, in *RolePath, action string, fn func(*writing, identity.Account) error) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.inside(ctx, in.shown(), action, in.resource()); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		if err := w.ask(action, in.resource()); err != nil {
			return err
		}
		a, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		return fn(w, a)
	})
}
