package crud

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// account is a person or a service on the wire. What it is a member of, and its platform
// roles, change through routes of their own.
type account struct {
	UID           string            `json:"uid" example:"01K9ZR7B8C9D0E1F2G3H4J5K6M" doc:"Given out once and never again."`
	Handle        string            `json:"handle,omitempty" example:"nia" doc:"Its name in URLs. Missing while an invited account has none; it never changes after that."`
	Kind          string            `json:"kind" enum:"person,service" doc:"It never changes."`
	State         string            `json:"state" enum:"invited,active,disabled" doc:"Only active accounts may act. An invited one has not signed in yet."`
	Email         string            `json:"email,omitempty" example:"nia@example.com"`
	UserID        string            `json:"user_id,omitempty" doc:"What another platform calls it, exactly."`
	Name          string            `json:"name" example:"Nia Adeyemi" doc:"What people read."`
	Roles         []string          `json:"roles" doc:"Platform roles."`
	Organisations map[string]string `json:"organisations" doc:"What it is to organisations: member or owner, by their uids."`
	Teams         map[string]string `json:"teams" doc:"What it is to teams: member or owner, by their uids."`
	Created       time.Time         `json:"created"`
}

func accountOf(a identity.Account) account {
	wire := account{
		UID: string(a.ID), Handle: string(a.Handle), Kind: string(a.Kind), State: string(a.State),
		Email: string(a.Email), UserID: a.UserID, Name: a.Name, Created: a.Created.UTC(),
		Roles: []string{}, Organisations: map[string]string{}, Teams: map[string]string{},
	}
	for _, role := range a.Roles {
		wire.Roles = append(wire.Roles, string(role))
	}
	slices.Sort(wire.Roles)
	for uid, role := range a.Organisations {
		wire.Organisations[string(uid)] = string(role)
	}
	for uid, role := range a.Teams {
		wire.Teams[string(uid)] = string(role)
	}
	return wire
}

// AccountNames are what an account is called.
type AccountNames struct {
	Handle string `json:"handle,omitempty" maxLength:"252" example:"zoe" doc:"1 to 63 of a-z, 0-9, '.', '_' and '-'. Only an invited account may do without; it never changes, so it may be left out after that."`
	Email  string `json:"email,omitempty" maxLength:"1016" example:"zoe@example.com" doc:"Nobody else's."`
	UserID string `json:"user_id,omitempty" maxLength:"254" doc:"What another platform calls it, exactly. Nobody else's."`
	Name   string `json:"name,omitempty" maxLength:"128" example:"Zoe Okafor" doc:"What people read."`
}

type newAccount struct {
	AccountNames
	Kind  string `json:"kind" enum:"person,service"`
	State string `json:"state,omitempty" enum:"invited,active,disabled" default:"active"`
}

// accountContent is what a caller says of an account; the path says which. The state is
// always said: a disabled account must not come back because somebody left it out.
type accountContent struct {
	AccountNames
	Kind  string `json:"kind" enum:"person,service" doc:"It never changes."`
	State string `json:"state" enum:"invited,active,disabled"`
}

type accountPatch struct {
	Handle change[string] `json:"handle,omitempty" maxLength:"252" doc:"Only where there is none yet."`
	State  change[string] `json:"state,omitempty" enum:"invited,active,disabled" nullable:"false"`
	Email  change[string] `json:"email,omitempty" maxLength:"1016" doc:"null = none."`
	UserID change[string] `json:"user_id,omitempty" maxLength:"254" doc:"null = none."`
	Name   change[string] `json:"name,omitempty" maxLength:"128" doc:"null = none."`
}

// AccountPath names an account.
type AccountPath struct {
	Account string `path:"account" maxLength:"64" doc:"me or its uid."`
}

// resolve puts the caller in the place of me.
func (p *AccountPath) resolve(ctx context.Context) error {
	if p.Account != me {
		return nil
	}
	who := callerOf(ctx)
	if who.subject.Kind != identity.SubjectAccount {
		return fmt.Errorf("the credential belongs to no account: %w", identity.ErrNotFound)
	}
	p.Account = who.subject.ID
	return nil
}

func (p AccountPath) id() identity.AccountID { return identity.AccountID(p.Account) }
func (p AccountPath) shown() resource        { return resource{Kind: "account", ID: p.Account} }

// find reads the account: organisations have routes of their own.
func (p AccountPath) find(tx *identity.Tx) (identity.Account, error) {
	a, err := tx.Account(p.id())
	if err == nil && a.Kind == identity.Organisation {
		err = fmt.Errorf("account: %w", identity.ErrNotFound)
	}
	return a, err
}

// AccountFilter chooses accounts.
type AccountFilter struct {
	Kind   string `query:"kind" enum:"person,service" doc:"Of which kind."`
	State  string `query:"state" enum:"invited,active,disabled" doc:"In which state."`
	Role   string `query:"role" maxLength:"63" doc:"A platform role that it has."`
	Prefix string `query:"prefix" maxLength:"63" doc:"Of the handle."`
	Handle string `query:"handle" maxLength:"252" doc:"Its handle, in any spelling."`
	Email  string `query:"email" maxLength:"1016" doc:"Its e-mail address, in any spelling."`
	UserID string `query:"user_id" maxLength:"254" doc:"Its user id, exactly."`
}

func (s *Surface) registerAccounts() {
	tag := []string{"Accounts"}
	const path = "/accounts/{account}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/accounts", OperationID: "listAccounts", Tags: tag, Summary: "List people and services",
		Description: "By uid, or by handle where prefix is given. Who may not see others gets themselves, as far as the filter fits.",
	}, s.listAccounts)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: "/accounts", OperationID: "createAccount", Tags: tag, Summary: "Make an account",
		Description:   "It has no password, and so cannot sign in before it gets one or an identity of a trusted issuer.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.createAccount)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: "getAccount", Tags: tag, Summary: "Read an account",
	}, s.getAccount)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: path, OperationID: "putAccount", Tags: tag, Summary: "Make or replace an account",
		Description: "A uid that nobody ever had makes an account. A new uid is a ULID; POST /accounts gives one out. People may change their own name.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, s.putAccount)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: path, OperationID: "patchAccount", Tags: tag, Summary: "Change parts of an account",
		Description: "People may change their own name. From the next request on, the tokens of an account that is disabled are refused.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.patchAccount)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: path, OperationID: "deleteAccount", Tags: tag, Summary: "Remove an account",
		Description: "With everything that names it: memberships, bindings, roles, tokens, identities, its password. " +
			"Its uid and its handle are never given out again. The only owner of a namespace cannot be removed.",
		Errors: []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.deleteAccount)
}

func (s *Surface) listAccounts(ctx context.Context, in *struct {
	Paging
	AccountFilter
}) (*many[account], error) {
	// The exact names are not asked about: they only choose from what may be seen.
	own, err := s.narrow(ctx, resource{Kind: "account", AccountKind: in.Kind, State: in.State, Role: in.Role, Prefix: in.Prefix})
	if err != nil {
		return nil, err
	}
	filter := identity.AccountFilter{
		Kind: identity.Kind(in.Kind), State: identity.State(in.State), Role: identity.PlatformRole(in.Role),
		Prefix: in.Prefix, Handle: identity.Handle(in.Handle), Email: in.Email, UserID: in.UserID,
	}
	if own {
		filter.ID = identity.AccountID(callerOf(ctx).subject.ID)
	}
	return readPage(ctx, s, in.Paging, "accounts", filter, accountOf, func(tx *identity.Tx, p identity.Page) ([]identity.Account, string, error) {
		return tx.ListAccounts(filter, p)
	})
}

func (s *Surface) getAccount(ctx context.Context, in *AccountPath) (*one[account], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return readOne(ctx, s, in.wire)
}

// wire is the account as it is now.
func (p AccountPath) wire(tx *identity.Tx) (account, error) {
	a, err := p.find(tx)
	return accountOf(a), err
}

// normalised brings names into the spelling that the directory keeps, so that what is
// sent can be compared with what is there.
func (n AccountNames) normalised() (AccountNames, error) {
	if n.Handle != "" {
		handle, err := identity.NormalHandle(n.Handle)
		if err != nil {
			return n, err
		}
		n.Handle = string(handle)
	}
	if n.Email != "" {
		email, err := identity.NormalEmail(n.Email)
		if err != nil {
			return n, err
		}
		n.Email = string(email)
	}
	return n, nil
}

// over puts the content in the place of what the account is; a new one is there with its
// uid only.
func (c accountContent) over(there identity.Account) (identity.Account, error) {
	names, err := c.normalised()
	if err != nil {
		return there, err
	}
	if names.Handle == "" {
		names.Handle = string(there.Handle)
	}
	fixed := there.Kind != ""
	switch {
	case fixed && c.Kind != string(there.Kind):
		return there, &identity.InvalidError{Field: "kind", Why: "never changes: leave it as it is"}
	case there.Handle != "" && names.Handle != string(there.Handle):
		return there, &identity.InvalidError{Field: "handle", Why: "never changes: leave it as it is"}
	}
	there.Handle, there.Email, there.UserID, there.Name = identity.Handle(names.Handle), identity.Email(names.Email), names.UserID, names.Name
	there.Kind, there.State = identity.Kind(c.Kind), identity.State(c.State)
	return there, nil
}

// applied is the account with what the patch names changed.
func (p accountPatch) applied(there identity.Account) (identity.Account, error) {
	if p.Handle.null && there.Handle != "" {
		return there, &identity.InvalidError{Field: "handle", Why: "never changes: leave it as it is"}
	}
	content := accountContent{
		AccountNames: AccountNames{Handle: string(there.Handle), Email: string(there.Email), UserID: there.UserID, Name: there.Name},
		Kind:         string(there.Kind), State: string(there.State),
	}
	p.Handle.applyTo(&content.Handle)
	p.State.applyTo(&content.State)
	p.Email.applyTo(&content.Email)
	p.UserID.applyTo(&content.UserID)
	p.Name.applyTo(&content.Name)
	return content.over(there)
}
