package crud

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// member is an account in a team or an organisation, with what people know it by.
type member struct {
	UID    string `json:"uid" example:"01K9ZR7B8C9D0E1F2G3H4J5K6M" doc:"Of the account."`
	Handle string `json:"handle,omitempty" example:"nia" doc:"Missing while the account has none."`
	Name   string `json:"name" example:"Nia Adeyemi"`
	Kind   string `json:"kind" enum:"person,service"`
	State  string `json:"state" enum:"invited,active,disabled"`
	Role   string `json:"role" enum:"member,owner" doc:"Owners say who is a member."`
}

func memberOf(m identity.MemberEntry) member {
	return member{
		UID: string(m.Account), Handle: string(m.Handle), Name: m.Name,
		Kind: string(m.Kind), State: string(m.State), Role: string(m.Role),
	}
}

// membership is what the account is to something where it has that role.
func membership(a identity.Account, role identity.MemberRole) member {
	return memberOf(identity.MemberEntry{Account: a.ID, Handle: a.Handle, Name: a.Name, Kind: a.Kind, State: a.State, Role: role})
}

type memberContent struct {
	Role string `json:"role" enum:"member,owner" example:"member" doc:"Owners say who is a member."`
}

type TeamMemberPath struct {
	Team    string `path:"team" maxLength:"64" doc:"Uid of the team."`
	Account string `path:"account" maxLength:"64" doc:"me or the uid of the account."`
}

func (p *TeamMemberPath) resolve(ctx context.Context) (err error) {
	p.Account, err = memberUID(ctx, p.Account)
	return err
}

func (p *TeamMemberPath) resource(role string) resource {
	return resource{Kind: "team_member", Team: p.Team, Account: p.Account, Role: role}
}

func (s *Surface) registerTeamMembers() {
	tag := []string{"Teams"}
	const one = "/teams/{team}/members/{account}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/teams/{team}/members", OperationID: "listTeamMembers", Tags: tag, Summary: "List who is in a team",
		Description: "By uid.",
	}, s.listTeamMembers)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: one, OperationID: "getTeamMember", Tags: tag, Summary: "Read a membership of a team",
	}, s.getTeamMember)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: one, OperationID: "putTeamMember", Tags: tag, Summary: "Set what an account is to a team",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.putTeamMember)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: one, OperationID: "deleteTeamMember", Tags: tag, Summary: "Take an account out of a team",
		Description: "Anybody may leave a team.",
		Errors:      []int{http.StatusPreconditionFailed},
	}, s.deleteTeamMember)
}

func (s *Surface) listTeamMembers(ctx context.Context, in *struct {
	TeamPath
	Paging
}) (*many[member], error) {
	if err := s.inside(ctx, in.shown(), list, resource{Kind: "team_member", Team: in.UID}); err != nil {
		return nil, err
	}
	return readPage(ctx, s, in.Paging, "team members", in.TeamPath, memberOf,
		func(tx *identity.Tx, p identity.Page) ([]identity.MemberEntry, string, error) {
			if _, err := tx.TeamHeader(in.id()); err != nil {
				return nil, "", err
			}
			return tx.ListTeamMembers(in.id(), p)
		})
}

func (s *Surface) getTeamMember(ctx context.Context, in *TeamMemberPath) (*one[member], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.resource("")); err != nil {
		return nil, err
	}
	return readOne(ctx, s, in.find)
}

func (s *Surface) putTeamMember(ctx context.Context, in *struct {
	TeamMemberPath
	Conditions
	Body memberContent
}) (*written[member], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[member]) error {
		if _, err := w.TeamHeader(identity.TeamID(in.Team)); err != nil {
			return err
		}
		there, err := in.find(w.Tx)
		switch {
		case errors.Is(err, identity.ErrNotFound):
			err = w.mayMake(in.resource(in.Body.Role), resource{Kind: "team", ID: in.Team}, in.Conditions)
			out.made("/teams/" + in.Team + "/members/" + in.Account)
		case err == nil:
			wanted := there
			wanted.Role = in.Body.Role
			err = w.mayReplace(in.resource(in.Body.Role), there, wanted, in.unread())
		}
		if err != nil {
			return err
		}
		if err := w.PutTeamMember(identity.TeamID(in.Team), identity.AccountID(in.Account), identity.MemberRole(in.Body.Role)); err != nil {
			return err
		}
		out.Body, err = in.find(w.Tx)
		return err
	})
}

func (s *Surface) deleteTeamMember(ctx context.Context, in *struct {
	TeamMemberPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.resource(there.Role), there, in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveTeamMember(identity.TeamID(in.Team), identity.AccountID(in.Account))
	})
}

// find is what the account is to the team.
func (p *TeamMemberPath) find(tx *identity.Tx) (member, error) {
	account, err := tx.Account(identity.AccountID(p.Account))
	if err != nil {
		return member{}, err
	}
	role, is := account.Teams[identity.TeamID(p.Team)]
	if !is {
		return member{}, fmt.Errorf("team member: %w", identity.ErrNotFound)
	}
	return membership(account, role), nil
}
