package crud

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// principal is who a name stands for: no more than one has to know to bind somebody.
type principal struct {
	Principal string `json:"principal" example:"account:01K9ZR7B8C9D0E1F2G3H4J5K6M" doc:"As bindings and owners name it."`
	Kind      string `json:"kind" enum:"person,service,organisation,team" doc:"Organisations own namespaces and are bound in none."`
	Handle    string `json:"handle,omitempty" example:"nia" doc:"Missing while an invited account has none; that of a team follows its organisation's: acme/ml."`
	Name      string `json:"name" example:"Nia Adeyemi" doc:"What people read."`
}

// principalOf is what others may know of an account whose name they know.
func principalOf(a identity.Account) principal {
	return principal{Principal: string(identity.AccountPrincipal(a.ID)), Kind: string(a.Kind), Handle: string(a.Handle), Name: a.Name}
}

func (s *Surface) registerPrincipals() {
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/principals", OperationID: "findPrincipal", Tags: []string{"Principals"}, Summary: "Find who has a name",
		Description: "By a whole name: nobody is found by a part of one. Organisations and teams are found like people; groups are not kept here.",
		Errors:      []int{http.StatusConflict},
	}, s.findPrincipal)
}

func (s *Surface) findPrincipal(ctx context.Context, in *struct {
	Name string `query:"name" required:"true" minLength:"1" maxLength:"1016" example:"nia" doc:"A handle or an e-mail address, in any spelling; a user id, exactly; or organisation/team, by their handles."`
}) (*one[principal], error) {
	if err := s.ask(ctx, list, resource{Kind: "principal"}); err != nil {
		return nil, err
	}
	return readOne(ctx, s, func(tx *identity.Tx) (principal, error) { return principalNamed(tx, in.Name) })
}

// principalNamed reads the name in every way that it can be read. A name that stands for
// one account as its handle and for another as its user id is refused: whoever grants
// something must not mistake one for the other.
func principalNamed(tx *identity.Tx, name string) (principal, error) {
	names := []string{name}
	accounts, err := tx.AccountsNamed(identity.Names{Handles: names, Emails: names, UserIDs: names})
	if err != nil {
		return principal{}, err
	}
	found, err := teamNamed(tx, name)
	if err != nil {
		return principal{}, err
	}
	for _, a := range accounts {
		found = append(found, principalOf(a))
	}
	switch len(found) {
	case 0:
		return principal{}, fmt.Errorf("principal: %w", identity.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return principal{}, errAmbiguousName
}

var errAmbiguousName = &problem{ProblemBody: web.ProblemBody{
	Type: "about:blank", Title: "The name stands for more than one.", Status: http.StatusConflict, Code: "ambiguous_name",
	Field: "name", Detail: "It is the handle of one account and the user id of another: ask by e-mail address.",
}}

// teamNamed finds the team of a name such as acme/ml.
func teamNamed(tx *identity.Tx, name string) (found []principal, err error) {
	organisation, handle, is := strings.Cut(name, "/")
	if !is {
		return nil, nil
	}
	accounts, err := tx.AccountsNamed(identity.Names{Handles: []string{organisation}})
	if err != nil || len(accounts) == 0 || handle == "" {
		return nil, err
	}
	owner := accounts[0]
	teams, _, err := tx.ListTeams(identity.TeamFilter{Organisation: owner.ID, Handle: identity.Handle(handle)}, identity.Page{Limit: 1})
	for _, t := range teams {
		found = append(found, principal{
			Principal: string(identity.TeamPrincipal(t.ID)), Kind: "team", Handle: string(owner.Handle) + "/" + string(t.Handle), Name: t.Name,
		})
	}
	return found, err
}

// me names the caller where an account is asked for.
const me = "me"

// memberUID is the account that a filter or a path names.
func memberUID(ctx context.Context, given string) (string, error) {
	if given != me {
		return given, nil
	}
	who := callerOf(ctx)
	if who.subject.Kind != identity.SubjectAccount {
		return "", &identity.InvalidError{Field: "member", Why: "me is nobody: the credential belongs to no account"}
	}
	return who.subject.ID, nil
}

// principalsOf are all that an account is in bindings and as an owner: itself, its teams,
// the organisations that it owns, and, of the caller, the groups of the credential.
func principalsOf(ctx context.Context, tx *identity.Tx, uid string) ([]identity.Principal, error) {
	account, err := tx.Account(identity.AccountID(uid))
	if err != nil {
		return nil, err
	}
	principals := []identity.Principal{identity.AccountPrincipal(account.ID)}
	for team := range account.Teams {
		principals = append(principals, identity.TeamPrincipal(team))
	}
	for organisation, role := range account.Organisations {
		if role == identity.Owner {
			principals = append(principals, identity.AccountPrincipal(organisation))
		}
	}
	if who := callerOf(ctx); who.subject.ID == uid {
		for _, group := range who.subject.Groups {
			principals = append(principals, identity.GroupPrincipal(group))
		}
	}
	return principals, nil
}
