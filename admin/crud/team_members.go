package crud

import (
	"context"
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

type teamMemberAnswer struct {
	ETag string `header:"ETag"`
	Body member
}

type teamMemberWritten struct {
	Status int
	RevisionHeader
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     member
}

type teamMemberList struct {
	Body struct {
		Items []member `json:"items"`
		Next  string   `json:"next,omitempty" doc:"cursor of the next page; missing on the last."`
	}
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
}) (*teamMemberList, error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	if err := s.ask(ctx, list, resource{Kind: "team_member", Team: in.UID}); err != nil {
		return nil, err
	}
	page, err := s.page(in.Paging, "team members", in.TeamPath)
	if err != nil {
		return nil, err
	}
	var found []identity.MemberEntry
	var next string
	err = s.Directory.Read(ctx, func(tx *identity.Tx) (err error) {
		if _, err = tx.TeamHeader(in.id()); err != nil {
			return err
		}
		found, next, err = tx.ListTeamMembers(in.id(), page)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &teamMemberList{}
	out.Body.Items = make([]member, 0, len(found))
	for _, m := range found {
		out.Body.Items = append(out.Body.Items, memberOf(m))
	}
	out.Body.Next, err = s.cursor(next, "team members", in.TeamPath)
	return out, err
}

func (s *Surface) getTeamMember(ctx context.Context, in *TeamMemberPath) (*teamMemberAnswer, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.resource("")); err != nil {
		return nil, err
	}
	out := &teamMemberAnswer{}
	err := s.Directory.Read(ctx, func(tx *identity.Tx) (err error) {
		out.Body, err = teamMembership(tx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.ETag, err = etagOf(out.Body)
	return out, err
}

func (s *Surface) putTeamMember(ctx context.Context, in *struct {
	TeamMemberPath
	Conditions
	Body memberContent
}) (*teamMemberWritten, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	out := &teamMemberWritten{}
	number, err := s.write(ctx, func(w *writing) error {
		if _, err := w.TeamHeader(identity.TeamID(in.Team)); err != nil {
			return err
		}
		there, err := teamMembership(w.Tx, &in.TeamMemberPath)
		out.Status = madeOrChanged(err)
		if out.Status == http.StatusCreated {
			team := resource{Kind: "team", ID: in.Team}
			err = w.mayMake(in.resource(in.Body.Role), team, in.Conditions)
		} else if err == nil {
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
		out.Body, err = teamMembership(w.Tx, &in.TeamMemberPath)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.RevisionHeader = revision(number)
	if out.Status == http.StatusCreated {
		out.Location = base + "/teams/" + in.Team + "/members/" + in.Account
	}
	out.ETag, err = etagOf(out.Body)
	return out, err
}

func (s *Surface) deleteTeamMember(ctx context.Context, in *struct {
	TeamMemberPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	number, err := s.write(ctx, func(w *writing) error {
		there, err := teamMembership(w.Tx, &in.TeamMemberPath)
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.resource(there.Role), there, in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveTeamMember(identity.TeamID(in.Team), identity.AccountID(in.Account))
	})
	if err != nil {
		return nil, err
	}
	header := revision(number)
	return &header, nil
}

// teamMembership is what an account is to a team.
func teamMembership(tx *identity.Tx, of *TeamMemberPath) (member, error) {
	account, err := tx.Account(identity.AccountID(of.Account))
	if err != nil {
		return member{}, err
	}
	role, is := account.Teams[identity.TeamID(of.Team)]
	if !is {
		return member{}, fmt.Errorf("team member: %w", identity.ErrNotFound)
	}
	return memberOf(identity.MemberEntry{
		Account: account.ID, Handle: account.Handle, Name: account.Name, Kind: account.Kind, State: account.State, Role: role,
	}), nil
}
