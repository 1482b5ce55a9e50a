package crud

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// team is a team on the wire. Its members are a list of their own.
type team struct {
	UID          string `json:"uid" example:"01K9ZQ4M3T5V7X8Y9A0B1C2D3E" doc:"Given out once and never again."`
	Organisation string `json:"organisation" example:"01K9ZPX2N4R6S8T0V1W3Y5Z7A9" doc:"Uid of the organisation that it belongs to. It never changes."`
	Handle       string `json:"handle" example:"ml" doc:"Its name in URLs, unique in its organisation. It never changes."`
	Name         string `json:"name" example:"Machine learning" doc:"What people read."`
}

func teamOf(t identity.Team) team {
	return team{UID: string(t.ID), Organisation: string(t.Organisation), Handle: string(t.Handle), Name: t.Name}
}

// teamContent is what a caller says of a team; the path says which.
type teamContent struct {
	Organisation string `json:"organisation" maxLength:"64" example:"01K9ZPX2N4R6S8T0V1W3Y5Z7A9" doc:"Uid of the organisation that it belongs to. It never changes."`
	Handle       string `json:"handle" maxLength:"252" example:"vision" doc:"Its name in URLs, unique in its organisation. It never changes."`
	Name         string `json:"name,omitempty" maxLength:"512" example:"Computer vision" doc:"What people read."`
}

// teamPatch has no more members: the others never change.
type teamPatch struct {
	Name change[string] `json:"name,omitempty" maxLength:"512" example:"Computer vision" doc:"null = none."`
}

type TeamPath struct {
	UID string `path:"team" maxLength:"64" doc:"Its uid."`
}

func (p TeamPath) id() identity.TeamID { return identity.TeamID(p.UID) }
func (p TeamPath) shown() resource     { return resource{Kind: "team", ID: p.UID} }

type TeamFilter struct {
	Organisation string `query:"organisation" maxLength:"64" doc:"Uid of the organisation that it belongs to."`
	Member       string `query:"member" maxLength:"64" doc:"me or the uid of an account that is in it."`
	Handle       string `query:"handle" maxLength:"252" doc:"Its handle, in any spelling."`
}

func (s *Surface) registerTeams() {
	tag := []string{"Teams"}
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/teams", OperationID: "listTeams", Tags: tag, Summary: "List teams",
		Description: "By uid. Who may not see all that the filter names gets those that they are in.",
	}, s.listTeams)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: "/teams", OperationID: "createTeam", Tags: tag, Summary: "Make a team",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.createTeam)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/teams/{team}", OperationID: "getTeam", Tags: tag, Summary: "Read a team",
	}, s.getTeam)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: "/teams/{team}", OperationID: "putTeam", Tags: tag, Summary: "Make or replace a team",
		Description: "A uid that nobody ever had makes a team. A new uid is a ULID; POST /teams gives one out.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, s.putTeam)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: "/teams/{team}", OperationID: "patchTeam", Tags: tag, Summary: "Change parts of a team",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.patchTeam)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: "/teams/{team}", OperationID: "deleteTeam", Tags: tag, Summary: "Remove a team",
		Description: "With its memberships and bindings. A team that is the only owner of a namespace cannot be removed.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.deleteTeam)
}

func (s *Surface) listTeams(ctx context.Context, in *struct {
	Paging
	TeamFilter
}) (*many[team], error) {
	member, err := memberUID(ctx, in.Member)
	if err != nil {
		return nil, err
	}
	// The handle is not asked about: it only chooses from what may be seen.
	own, err := s.narrow(ctx, resource{Kind: "team", Organisation: in.Organisation, Account: member})
	if err != nil {
		return nil, err
	}
	if own {
		member = callerOf(ctx).subject.ID
	}
	in.Member = member
	filter := identity.TeamFilter{
		Organisation: identity.AccountID(in.Organisation), Member: identity.AccountID(member), Handle: identity.Handle(in.Handle),
	}
	return readPage(ctx, s, in.Paging, "teams", in.TeamFilter, teamOf, func(tx *identity.Tx, p identity.Page) ([]identity.Team, string, error) {
		return tx.ListTeams(filter, p)
	})
}

func (s *Surface) createTeam(ctx context.Context, in *struct{ Body teamContent }) (*written[team], error) {
	return s.writeTeam(ctx, func(w *writing, out *written[team]) (identity.TeamID, error) {
		if err := w.ask(create, resource{Kind: "team", Organisation: in.Body.Organisation}); err != nil {
			return "", err
		}
		out.Status = http.StatusCreated
		return w.makeTeam("", in.Body)
	})
}

func (s *Surface) getTeam(ctx context.Context, in *TeamPath) (*one[team], error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return readOne(ctx, s, func(tx *identity.Tx) (team, error) {
		found, err := tx.TeamHeader(in.id())
		return teamOf(found), err
	})
}

func (s *Surface) putTeam(ctx context.Context, in *struct {
	TeamPath
	Conditions
	Body teamContent
}) (*written[team], error) {
	return s.writeTeam(ctx, func(w *writing, out *written[team]) (identity.TeamID, error) {
		there, err := w.TeamHeader(in.id())
		if errors.Is(err, identity.ErrNotFound) {
			asked := resource{Kind: "team", Organisation: in.Body.Organisation}
			if err := w.mayMake(asked, in.shown(), in.Conditions); err != nil {
				return "", err
			}
			out.Status = http.StatusCreated
			return w.makeTeam(in.id(), in.Body)
		}
		if err == nil {
			err = s.see(ctx, in.shown())
		}
		if err != nil {
			return "", err
		}
		wanted, err := in.Body.over(there)
		if err != nil {
			return "", err
		}
		if err := w.mayReplace(in.shown(), teamOf(there), teamOf(wanted), in.Conditions); err != nil {
			return "", err
		}
		return wanted.ID, w.UpdateTeam(wanted)
	})
}

func (s *Surface) patchTeam(ctx context.Context, in *struct {
	TeamPath
	OnlyMatch
	Body teamPatch
}) (*written[team], error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return s.writeTeam(ctx, func(w *writing, _ *written[team]) (identity.TeamID, error) {
		there, err := w.TeamHeader(in.id())
		if err != nil {
			return "", err
		}
		wanted := there
		in.Body.Name.applyTo(&wanted.Name)
		if err := w.mayPatch(in.shown(), teamOf(there), teamOf(wanted), in.OnlyMatch); err != nil {
			return "", err
		}
		return wanted.ID, w.UpdateTeam(wanted)
	})
}

func (s *Surface) deleteTeam(ctx context.Context, in *struct {
	TeamPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := w.TeamHeader(in.id())
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.shown(), teamOf(there), in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveTeam(there.ID)
	})
}

// writeTeam runs one write and answers with the team that fn names, as the directory made
// it. fn says where it is new.
func (s *Surface) writeTeam(ctx context.Context, fn func(*writing, *written[team]) (identity.TeamID, error)) (*written[team], error) {
	return writeOne(ctx, s, func(w *writing, out *written[team]) error {
		id, err := fn(w, out)
		if err != nil {
			return err
		}
		there, err := w.TeamHeader(id)
		out.Body = teamOf(there)
		if out.Status == http.StatusCreated {
			out.made("/teams/" + out.Body.UID)
		}
		return err
	})
}

// makeTeam makes a team; "" lets the directory choose its uid.
func (w *writing) makeTeam(id identity.TeamID, c teamContent) (identity.TeamID, error) {
	_, err := w.Account(identity.AccountID(c.Organisation))
	if errors.Is(err, identity.ErrNotFound) {
		return "", &identity.InvalidError{Field: "organisation", Why: "there is no organisation with this uid"}
	}
	if err != nil {
		return "", err
	}
	made, err := w.CreateTeam(identity.Team{
		ID: id, Organisation: identity.AccountID(c.Organisation), Handle: identity.Handle(c.Handle), Name: c.Name,
	})
	return made.ID, err
}

// over is the content in the place of what is there.
func (c teamContent) over(there identity.Team) (identity.Team, error) {
	handle, err := identity.NormalHandle(c.Handle)
	switch {
	case err != nil:
		return there, err
	case handle != there.Handle:
		return there, &identity.InvalidError{Field: "handle", Why: "never changes: leave it as it is"}
	case c.Organisation != string(there.Organisation):
		return there, &identity.InvalidError{Field: "organisation", Why: "never changes: leave it as it is"}
	}
	there.Name = c.Name
	return there, nil
}
