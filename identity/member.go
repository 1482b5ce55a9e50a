package identity

import (
	"database/sql"
	"fmt"

	"gorm.io/gorm/clause"
)

// upsert makes an insert through gorm replace the row with the same primary key.
var upsert = clause.OnConflict{UpdateAll: true}

// GrantPlatformRole gives an account a role for the whole installation.
func (tx *Tx) GrantPlatformRole(id AccountID, role PlatformRole) error {
	a, err := tx.Account(id)
	if err != nil {
		return fmt.Errorf("grant platform role: %w", err)
	}
	if err := validRole(string(role)); err != nil {
		return fmt.Errorf("grant platform role: %w", err)
	}
	if a.Kind == Organisation {
		return fmt.Errorf("grant platform role: %w", invalid("account", "an organisation acts through its members and has no platform roles"))
	}
	if len(a.Roles) >= maxRoles && !a.document().Roles[role] {
		return fmt.Errorf("grant platform role: %w", invalid("role", "the account has %d already", maxRoles))
	}
	return tx.change("grant platform role", func() error {
		if err := tx.touch(CollectionAccounts, string(id)); err != nil {
			return err
		}
		return tx.db.Clauses(clause.OnConflict{DoNothing: true}).
			Create(&platformRoleRow{AccountID: string(id), Role: string(role)}).Error
	})
}

// RevokePlatformRole takes a platform role away; it is ErrNotFound when the
// account does not have it.
func (tx *Tx) RevokePlatformRole(id AccountID, role PlatformRole) error {
	n, err := tx.count(&platformRoleRow{}, "account_id = ? AND role = ?", string(id), string(role))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("revoke platform role: %w", ErrNotFound)
	}
	return tx.change("revoke platform role", func() error {
		if err := tx.touch(CollectionAccounts, string(id)); err != nil {
			return err
		}
		return tx.db.Where("account_id = ? AND role = ?", string(id), string(role)).Delete(&platformRoleRow{}).Error
	})
}

// Membership is an account and what it is to a team or an organisation.
type Membership struct {
	Account AccountID
	Role    MemberRole
}

// memberList is where the members of organisations, or of teams, are kept, and what
// the two are called when they are full.
type memberList struct {
	table, of string
	whole     string // of which one is a member
	wholes    string
	upsert    string
}

var (
	organisationMembers = memberList{
		table: "members", of: "organisation_id", whole: "organisation", wholes: "organisations",
		upsert: insertInto("members", "ON CONFLICT (organisation_id, account_id) DO UPDATE SET role = excluded.role",
			"organisation_id", "account_id", "role"),
	}
	teamMembers = memberList{
		table: "team_members", of: "team_id", whole: "team", wholes: "teams",
		upsert: insertInto("team_members", "ON CONFLICT (team_id, account_id) DO UPDATE SET role = excluded.role",
			"team_id", "account_id", "role"),
	}
)

// PutMember makes an account a member or owner of an organisation.
func (tx *Tx) PutMember(organisation, member AccountID, role MemberRole) error {
	return one(tx.PutMembers(organisation, []Membership{{member, role}}))
}

// PutMembers makes accounts members or owners of an organisation, all of them or,
// with an [ItemError], none.
func (tx *Tx) PutMembers(organisation AccountID, members []Membership) error {
	if err := validMemberRoles("put member", members); err != nil {
		return err
	}
	kinds, err := lookUp[AccountID, Kind](tx, "SELECT id, kind FROM accounts WHERE "+among("id"), []AccountID{organisation})
	if err == nil && kinds[organisation] == "" {
		err = fmt.Errorf("organisation: %w", ErrNotFound)
	}
	if err == nil && kinds[organisation] != Organisation {
		err = invalid("organisation", "is not an organisation")
	}
	if err != nil {
		return fmt.Errorf("put member: %w", err)
	}
	return tx.putMembers(organisationMembers, "put member", string(organisation), members)
}

func validMemberRoles(op string, members []Membership) error {
	for i, m := range members {
		if err := validMemberRole(m.Role); err != nil {
			return &ItemError{Item: i, Err: fmt.Errorf("%s: %w", op, err)}
		}
	}
	return nil
}

// putMembers writes to a list of members that is known to exist.
func (tx *Tx) putMembers(list memberList, op, of string, members []Membership) error {
	ids, rows := make([]string, len(members)), make([]row, len(members))
	for i, m := range members {
		ids[i], rows[i] = string(m.Account), row{of, string(m.Account), string(m.Role)}
	}
	if err := tx.checkMembers(list, op, of, ids); err != nil {
		return err
	}
	return tx.change(op, func() error {
		if err := tx.touch(CollectionAccounts, distinct(ids)...); err != nil {
			return err
		}
		return tx.insert(list.upsert, rows)
	})
}

// checkMembers refuses the first account that cannot be a member.
func (tx *Tx) checkMembers(list memberList, op, of string, ids []string) error {
	kinds, err := lookUp[string, Kind](tx, "SELECT id, kind FROM accounts WHERE "+among("id"), ids)
	if err != nil {
		return err
	}
	held := make(map[string]int, len(ids)) // how many lists an account is in
	is := make(map[string]bool)            // whether it is in this one
	err = scanAmong(tx, "SELECT account_id, "+list.of+" FROM "+list.table+" WHERE "+among("account_id"), ids, func(rows *sql.Rows) error {
		var id, in string
		err := rows.Scan(&id, &in)
		held[id]++
		is[id] = is[id] || in == of
		return err
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		switch {
		case kinds[id] == "":
			err = fmt.Errorf("member: %w", ErrNotFound)
		case kinds[id] == Organisation:
			err = invalid("member", "an organisation cannot be a member")
		case is[id]:
			continue
		case held[id] >= maxMembership:
			err = invalid("member", "is in %d %s already", maxMembership, list.wholes)
		default:
			is[id] = true
			err = tx.roomForMember(list, of)
		}
		if err != nil {
			return &ItemError{Item: i, Err: fmt.Errorf("%s: %w", op, err)}
		}
	}
	return nil
}

func (tx *Tx) roomForMember(list memberList, of string) error {
	fits, err := tx.room("members of "+of, maxMembers, list.table, list.of+" = ?", of)
	if err == nil && !fits {
		return invalid(list.whole, "has %d members already", maxMembers)
	}
	return err
}

// RemoveMember takes an account out of an organisation and of all its teams.
func (tx *Tx) RemoveMember(organisation, member AccountID) error {
	n, err := tx.count(&memberRow{}, "organisation_id = ? AND account_id = ?", string(organisation), string(member))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("remove member: %w", ErrNotFound)
	}
	return tx.change("remove member", func() error {
		if err := tx.touch(CollectionAccounts, string(member)); err != nil {
			return err
		}
		err := tx.db.Where("account_id = ? AND team_id IN (SELECT id FROM teams WHERE organisation_id = ?)",
			string(member), string(organisation)).Delete(&teamMemberRow{}).Error
		if err != nil {
			return err
		}
		return tx.db.Where("organisation_id = ? AND account_id = ?", string(organisation), string(member)).
			Delete(&memberRow{}).Error
	})
}

// HoldsPlatformRole says whether any account has a platform role.
func (tx *Tx) HoldsPlatformRole(role PlatformRole) (bool, error) {
	n, err := tx.count(&platformRoleRow{}, "role = ?", string(role))
	return n > 0, err
}
