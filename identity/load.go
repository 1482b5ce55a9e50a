package identity

import (
	"context"
	"database/sql"
)

// loadAccounts reads those of the accounts that exist, in the order of ids.
func loadAccounts(ctx context.Context, q querier, ids []string) ([]Account, error) {
	found := make(map[string]*Account, len(ids))
	err := scanIn(ctx, q, func(rows *sql.Rows) error {
		a := Account{Teams: map[TeamID]MemberRole{}, Organisations: map[AccountID]MemberRole{}}
		var handle, email, userID sql.NullString
		var created int64
		err := rows.Scan(&a.ID, &handle, &a.Kind, &a.State, &email, &userID, &a.Name, &a.Generation, &created)
		a.Handle, a.Email, a.UserID = Handle(handle.String), Email(email.String), userID.String
		a.Created = moment(created)
		found[string(a.ID)] = &a
		return err
	}, "SELECT id, handle, kind, state, email, user_id, name, generation, created FROM accounts", "id", ids)
	if err != nil {
		return nil, err
	}
	err = scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var role PlatformRole
		err := rows.Scan(&id, &role)
		if a := found[id]; a != nil {
			a.Roles = append(a.Roles, role)
		}
		return err
	}, "SELECT account_id, role FROM platform_roles", "account_id", ids)
	if err != nil {
		return nil, err
	}
	if err := loadMemberships(ctx, q, ids, found); err != nil {
		return nil, err
	}
	return inOrder(ids, found), nil
}

func loadMemberships(ctx context.Context, q querier, ids []string, found map[string]*Account) error {
	err := scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var team TeamID
		var role MemberRole
		err := rows.Scan(&id, &team, &role)
		if a := found[id]; a != nil {
			a.Teams[team] = role
		}
		return err
	}, "SELECT account_id, team_id, role FROM team_members", "account_id", ids)
	if err != nil {
		return err
	}
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var organisation AccountID
		var role MemberRole
		err := rows.Scan(&id, &organisation, &role)
		if a := found[id]; a != nil {
			a.Organisations[organisation] = role
		}
		return err
	}, "SELECT account_id, organisation_id, role FROM members", "account_id", ids)
}

// loadTeams reads those of the teams that exist, with their members, in the
// order of ids.
func loadTeams(ctx context.Context, q querier, ids []string) ([]Team, error) {
	found := make(map[string]*Team, len(ids))
	err := scanIn(ctx, q, func(rows *sql.Rows) error {
		t := Team{Members: map[AccountID]MemberRole{}}
		err := rows.Scan(&t.ID, &t.Organisation, &t.Handle, &t.Name)
		found[string(t.ID)] = &t
		return err
	}, "SELECT id, organisation_id, handle, name FROM teams", "id", ids)
	if err != nil {
		return nil, err
	}
	err = scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var member AccountID
		var role MemberRole
		err := rows.Scan(&id, &member, &role)
		if t := found[id]; t != nil {
			t.Members[member] = role
		}
		return err
	}, "SELECT team_id, account_id, role FROM team_members", "team_id", ids)
	return inOrder(ids, found), err
}

// loadNamespaces reads those of the namespaces that exist, in the order of
// names; owners and bindings are sorted by principal.
func loadNamespaces(ctx context.Context, q querier, names []string) ([]Namespace, error) {
	namespaces, err := loadNamespaceHeaders(ctx, q, names)
	if err != nil {
		return nil, err
	}
	at := make(map[NamespaceName]*Namespace, len(namespaces))
	for i := range namespaces {
		at[namespaces[i].Name] = &namespaces[i]
	}
	return namespaces, scan(ctx, q, func(rows *sql.Rows) error {
		var b Binding
		var expires int64
		err := rows.Scan(&b.Namespace, &b.Principal, &b.Role, &expires)
		b.Expires = moment(expires)
		if n := at[b.Namespace]; n != nil {
			n.Bindings = append(n.Bindings, b)
		}
		return err
	}, bindingColumns+among("namespace")+" ORDER BY namespace, principal", packed(names))
}

func loadOwners(ctx context.Context, q querier, names []string, found map[string]*Namespace) error {
	return scan(ctx, q, func(rows *sql.Rows) error {
		var name string
		var owner Principal
		err := rows.Scan(&name, &owner)
		if n := found[name]; n != nil {
			n.Owners = append(n.Owners, owner)
		}
		return err
	}, "SELECT namespace, principal FROM owners WHERE "+among("namespace")+" ORDER BY namespace, principal", packed(names))
}

func inOrder[T any](keys []string, found map[string]*T) []T {
	values := make([]T, 0, len(found))
	for _, key := range keys {
		if value := found[key]; value != nil {
			values = append(values, *value)
		}
	}
	return values
}
