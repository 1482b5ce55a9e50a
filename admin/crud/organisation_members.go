package crud

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// OrganisationMemberPath names a membership of an organisation.
type OrganisationMemberPath struct {
	Organisation string `path:"organisation" maxLength:"64" doc:"Uid of the organisation."`
	Account      string `path:"account" maxLength:"64" doc:"me or the uid of the account."`
}

func (p *OrganisationMemberPath) resolve(ctx context.Context) (err error) {
	p.Account, err = memberUID(ctx, p.Account)
	return err
}

func (p *OrganisationMemberPath) resource(role string) resource {
	return resource{Kind: "organisation_member", Organisation: p.Organisation, Account: p.Account, Role: role}
}

// find is what the account is to the organisation.
func (p *OrganisationMemberPath) find(tx *identity.Tx) (member, error) {
	account, err := tx.Account(identity.AccountID(p.Account))
	if err != nil {
		return member{}, err
	}
	role, is := account.Organisations[identity.AccountID(p.Organisation)]
	if !is {
		return member{}, fmt.Errorf("organisation member: %w", identity.ErrNotFound)
	}
	return membership(account, role), nil
}

func (s *Surface) registerOrganisationMembers() {
	tag := []string{"Organisations"}
	const path = "/organisations/{organisation}/members/{account}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/organisations/{organisation}/members", OperationID: "listOrganisationMembers", Tags: tag,
		Summary: "List who is in an organisation", Description: "By uid.",
	}, s.listOrganisationMembers)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: "getOrganisationMember", Tags: tag, Summary: "Read a membership of an organisation",
	}, s.getOrganisationMember)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: path, OperationID: "putOrganisationMember", Tags: tag, Summary: "Set what an account is to an organisation",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.putOrganisationMember)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: path, OperationID: "deleteOrganisationMember", Tags: tag, Summary: "Take an account out of an organisation",
		Description: "And out of its teams. Anybody may leave.",
		Errors:      []int{http.StatusPreconditionFailed},
	}, s.deleteOrganisationMember)
}

func (s *Surface) listOrganisationMembers(ctx context.Context, in *struct {
	OrganisationPath
	Paging
}) (*many[member], error) {
	if err := s.inside(ctx, in.shown(), list, resource{Kind: "organisation_member", Organisation: in.UID}); err != nil {
		return nil, err
	}
	return readPage(ctx, s, in.Paging, "organisation members", in.OrganisationPath, memberOf,
		func(tx *identity.Tx, p identity.Page) ([]identity.MemberEntry, string, error) {
			if _, err := in.find(tx); err != nil {
				return nil, "", err
			}
			return tx.ListMembers(in.id(), p)
		})
}

func (s *Surface) getOrganisationMember(ctx context.Context, in *OrganisationMemberPath) (*one[member], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.resource("")); err != nil {
		return nil, err
	}
	return readOne(ctx, s, in.find)
}

func (s *Surface) putOrganisationMember(ctx context.Context, in *struct {
	OrganisationMemberPath
	Conditions
	Body memberContent
}) (*written[member], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[member]) error {
		there, err := in.find(w.Tx)
		switch {
		case errors.Is(err, identity.ErrNotFound):
			err = w.mayMake(in.resource(in.Body.Role), resource{Kind: "organisation", ID: in.Organisation}, in.Conditions)
			out.made("/organisations/" + in.Organisation + "/members/" + in.Account)
		case err == nil:
			wanted := there
			wanted.Role = in.Body.Role
			err = w.mayReplace(in.resource(in.Body.Role), there, wanted, in.unread())
		}
		if err != nil {
			return err
		}
		err = w.PutMember(identity.AccountID(in.Organisation), identity.AccountID(in.Account), identity.MemberRole(in.Body.Role))
		if err != nil {
			return err
		}
		out.Body, err = in.find(w.Tx)
		return err
	})
}

func (s *Surface) deleteOrganisationMember(ctx context.Context, in *struct {
	OrganisationMemberPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := in.find(w.Tx)
		if errors.Is(err, identity.ErrNotFound) {
			if hidden := s.see(ctx, resource{Kind: "organisation", ID: in.Organisation}); hidden != nil {
				return hidden
			}
		}
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.resource(there.Role), there, in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveMember(identity.AccountID(in.Organisation), identity.AccountID(in.Account))
	})
}
