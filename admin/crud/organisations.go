package crud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// organisation is what teams belong to, on the wire.
type organisation struct {
	UID     string    `json:"uid" example:"01K9ZR7B8C9D0E1F2G3H4J5K6N" doc:"Given out once and never again."`
	Handle  string    `json:"handle" example:"acme" doc:"It never changes."`
	Name    string    `json:"name" example:"Acme Laboratories"`
	State   string    `json:"state" enum:"active,disabled"`
	Created time.Time `json:"created"`
}

func organisationOf(a identity.Account) organisation {
	return organisation{UID: string(a.ID), Handle: string(a.Handle), Name: a.Name, State: string(a.State), Created: a.Created.UTC()}
}

type newOrganisation struct {
	Handle string `json:"handle" maxLength:"252" example:"globex" doc:"1 to 63 of a-z, 0-9, '.', '_' and '-'; it never changes."`
	Name   string `json:"name,omitempty" maxLength:"128" example:"Globex"`
}

type organisationContent struct {
	Handle string `json:"handle,omitempty" maxLength:"252" example:"globex" doc:"It never changes; needed for a new one."`
	Name   string `json:"name,omitempty" maxLength:"128" example:"Globex"`
	State  string `json:"state" enum:"active,disabled" example:"active"`
}

type organisationPatch struct {
	Name  change[string] `json:"name,omitempty" doc:"null = none."`
	State change[string] `json:"state,omitempty" doc:"active or disabled."`
}

// OrganisationPath names an organisation.
type OrganisationPath struct {
	UID string `path:"organisation" maxLength:"64" doc:"Its uid."`
}

func (p OrganisationPath) id() identity.AccountID { return identity.AccountID(p.UID) }
func (p OrganisationPath) shown() resource        { return resource{Kind: "organisation", ID: p.UID} }

// find reads the organisation: people and services have routes of their own.
func (p OrganisationPath) find(tx *identity.Tx) (identity.Account, error) {
	a, err := tx.Account(p.id())
	if err == nil && a.Kind != identity.Organisation {
		err = fmt.Errorf("organisation: %w", identity.ErrNotFound)
	}
	return a, err
}

// OrganisationFilter chooses organisations.
type OrganisationFilter struct {
	Member string `query:"member" maxLength:"64" doc:"me or the uid of an account that is in it."`
	Handle string `query:"handle" maxLength:"252" doc:"Its handle, in any spelling."`
	Prefix string `query:"prefix" maxLength:"63" doc:"Of the handle."`
}

func (s *Surface) registerOrganisations() {
	tag := []string{"Organisations"}
	const path = "/organisations/{organisation}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/organisations", OperationID: "listOrganisations", Tags: tag, Summary: "List organisations",
		Description: "By uid, or by handle where prefix is given. Who may not see all of them gets their own.",
	}, s.listOrganisations)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: "/organisations", OperationID: "createOrganisation", Tags: tag, Summary: "Make an organisation",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.createOrganisation)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: "getOrganisation", Tags: tag, Summary: "Read an organisation",
	}, s.getOrganisation)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: path, OperationID: "putOrganisation", Tags: tag, Summary: "Make or replace an organisation",
		Description: "A uid that nobody ever had, a ULID, makes one.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, s.putOrganisation)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: path, OperationID: "patchOrganisation", Tags: tag, Summary: "Change parts of an organisation",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.patchOrganisation)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: path, OperationID: "deleteOrganisation", Tags: tag, Summary: "Remove an organisation and its teams",
		Description: "With the bindings of its teams. The only owner of a namespace cannot be removed, nor can an organisation whose team is one.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.deleteOrganisation)
}

func (s *Surface) listOrganisations(ctx context.Context, in *struct {
	Paging
	OrganisationFilter
}) (*many[organisation], error) {
	member, err := memberUID(ctx, in.Member)
	if err != nil {
		return nil, err
	}
	own, err := s.narrow(ctx, resource{Kind: "organisation", Account: member, Prefix: in.Prefix})
	if err != nil {
		return nil, err
	}
	if own {
		member = callerOf(ctx).subject.ID
	}
	filter := identity.AccountFilter{
		Kind: identity.Organisation, Member: identity.AccountID(member), Handle: identity.Handle(in.Handle), Prefix: in.Prefix,
	}
	return readPage(ctx, s, in.Paging, "organisations", filter, organisationOf, func(tx *identity.Tx, p identity.Page) ([]identity.Account, string, error) {
		return tx.ListAccounts(filter, p)
	})
}

func (s *Surface) getOrganisation(ctx context.Context, in *OrganisationPath) (*one[organisation], error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return readOne(ctx, s, func(tx *identity.Tx) (organisation, error) {
		a, err := in.find(tx)
		return organisationOf(a), err
	})
}

func (s *Surface) createOrganisation(ctx context.Context, in *struct{ Body newOrganisation }) (*written[organisation], error) {
	return writeOne(ctx, s, func(w *writing, out *written[organisation]) error {
		if err := w.ask(create, resource{Kind: "organisation"}); err != nil {
			return err
		}
		return w.makeOrganisation(identity.Account{Handle: identity.Handle(in.Body.Handle), Name: in.Body.Name, State: identity.Active}, out)
	})
}

// makeOrganisation makes one; without a uid the directory chooses it.
func (w *writing) makeOrganisation(wanted identity.Account, out *written[organisation]) error {
	wanted.Kind = identity.Organisation
	there, err := w.CreateAccount(wanted)
	if err != nil {
		return namedUID(err)
	}
	out.Body = organisationOf(there)
	out.made("/organisations/" + out.Body.UID)
	return nil
}

func (s *Surface) putOrganisation(ctx context.Context, in *struct {
	OrganisationPath
	Conditions
	Body organisationContent
}) (*written[organisation], error) {
	return writeOne(ctx, s, func(w *writing, out *written[organisation]) error {
		there, err := in.find(w.Tx)
		wanted := there
		wanted.Name, wanted.State = in.Body.Name, identity.State(in.Body.State)
		if in.Body.Handle != "" {
			wanted.Handle = identity.Handle(in.Body.Handle)
		}
		switch {
		case errors.Is(err, identity.ErrNotFound):
			if err := w.mayMake(resource{Kind: "organisation"}, in.shown(), in.Conditions); err != nil {
				return err
			}
			wanted.ID = in.id()
			return w.makeOrganisation(wanted, out)
		case err != nil:
			return err
		}
		if in.Body.Handle != "" {
			if wanted.Handle, err = identity.NormalHandle(in.Body.Handle); err != nil {
				return err
			}
		}
		if err := w.mayReplace(in.shown(), organisationOf(there), organisationOf(wanted), in.Conditions); err != nil {
			return err
		}
		return w.changeOrganisation(wanted, out)
	})
}

func (s *Surface) patchOrganisation(ctx context.Context, in *struct {
	OrganisationPath
	OnlyMatch
	Body organisationPatch
}) (*written[organisation], error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[organisation]) error {
		there, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		wanted, state := there, string(there.State)
		in.Body.Name.applyTo(&wanted.Name)
		in.Body.State.applyTo(&state)
		wanted.State = identity.State(state)
		if err := w.mayPatch(in.shown(), organisationOf(there), organisationOf(wanted), in.OnlyMatch); err != nil {
			return err
		}
		return w.changeOrganisation(wanted, out)
	})
}

func (w *writing) changeOrganisation(wanted identity.Account, out *written[organisation]) error {
	if err := w.UpdateAccount(wanted); err != nil {
		return err
	}
	there, err := w.Account(wanted.ID)
	out.Body = organisationOf(there)
	return err
}

func (s *Surface) deleteOrganisation(ctx context.Context, in *struct {
	OrganisationPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.shown(), organisationOf(there), in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveAccount(there.ID)
	})
}
