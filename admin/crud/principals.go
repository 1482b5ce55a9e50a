package crud

import (
	"context"

	"github.com/gatehouse-authz/gatehouse/identity"
)

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
