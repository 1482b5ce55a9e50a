package identity

import (
	"database/sql"
	"fmt"
)

// loadAtOnce is how many keys a lookup of many reads in one go.
const loadAtOnce = 500

// Names are what accounts are looked up by, in any spelling but for user ids, which
// are exact.
type Names struct {
	Handles []string
	Emails  []string
	UserIDs []string
}

// AccountsNamed finds the accounts that have any of the names, for whoever has many to
// look up: no more than who they are, that is without roles and memberships.
func (tx *Tx) AccountsNamed(n Names) ([]Account, error) {
	var handles []Handle
	for _, raw := range n.Handles {
		if normal, err := NormalHandle(raw); err == nil {
			handles = append(handles, normal)
		}
	}
	var emails []Email
	for _, raw := range n.Emails {
		if normal, err := NormalEmail(raw); err == nil {
			emails = append(emails, normal)
		}
	}
	var found []Account
	seen := make(map[AccountID]bool)
	each := func(rows *sql.Rows) error {
		var a Account
		var handle, email, userID sql.NullString
		var created int64
		err := rows.Scan(&a.ID, &handle, &a.Kind, &a.State, &email, &userID, &a.Name, &a.Generation, &created)
		a.Handle, a.Email, a.UserID = Handle(handle.String), Email(email.String), userID.String
		a.Created = moment(created)
		if !seen[a.ID] {
			seen[a.ID] = true
			found = append(found, a)
		}
		return err
	}
	const query = "SELECT id, handle, kind, state, email, user_id, name, generation, created FROM accounts WHERE "
	if err := scanAmong(tx, query+among("handle"), handles, each); err != nil {
		return nil, err
	}
	if err := scanAmong(tx, query+among("email"), emails, each); err != nil {
		return nil, err
	}
	return found, scanAmong(tx, query+among("user_id"), n.UserIDs, each)
}

// NamespacesNamed finds those of the namespaces that exist, with their bindings.
func (tx *Tx) NamespacesNamed(names []string) ([]Namespace, error) {
	there, err := tx.present("SELECT name FROM namespaces WHERE "+among("name"), names)
	if err != nil {
		return nil, err
	}
	var existing []string
	for _, name := range distinct(names) {
		if there[name] {
			existing = append(existing, name)
		}
	}
	var found []Namespace
	for len(existing) > 0 {
		part := existing[:min(len(existing), loadAtOnce)]
		existing = existing[len(part):]
		loaded, err := loadNamespaces(tx.ctx, tx.q, part)
		if err != nil {
			return nil, translate("read namespaces", err)
		}
		found = append(found, loaded...)
	}
	return found, nil
}

// Members gives the members of an organisation.
func (tx *Tx) Members(organisation AccountID) (map[AccountID]MemberRole, error) {
	members := make(map[AccountID]MemberRole)
	err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var id AccountID
		var role MemberRole
		err := rows.Scan(&id, &role)
		members[id] = role
		return err
	}, "SELECT account_id, role FROM members WHERE organisation_id = ?", string(organisation))
	if err != nil {
		return nil, translate(fmt.Sprintf("members of %s", organisation), err)
	}
	return members, nil
}
