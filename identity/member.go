package identity

import (
	"fmt"

	"gorm.io/gorm/clause"
)

// upsert makes an insert replace the row with the same primary key.
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

// PutMember makes an account a member or owner of an organisation.
func (tx *Tx) PutMember(organisation, member AccountID, role MemberRole) error {
	if err := tx.checkMember(organisation, member, role); err != nil {
		return fmt.Errorf("put member: %w", err)
	}
	return tx.change("put member", func() error {
		if err := tx.touch(CollectionAccounts, string(member)); err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&memberRow{
			OrganisationID: string(organisation), AccountID: string(member), Role: string(role),
		}).Error
	})
}

func (tx *Tx) checkMember(organisation, member AccountID, role MemberRole) error {
	if err := validMemberRole(role); err != nil {
		return err
	}
	org, err := tx.Account(organisation)
	if err != nil {
		return fmt.Errorf("organisation: %w", err)
	}
	if org.Kind != Organisation {
		return invalid("organisation", "is not an organisation")
	}
	account, err := tx.joinable(member)
	if err != nil {
		return err
	}
	if _, is := account.Organisations[organisation]; is {
		return nil
	}
	if len(account.Organisations) >= maxMembership {
		return invalid("member", "is in %d organisations already", maxMembership)
	}
	fits, err := tx.room("members of "+string(organisation), maxMembers, &memberRow{}, "organisation_id = ?", string(organisation))
	if err == nil && !fits {
		return invalid("organisation", "has %d members already", maxMembers)
	}
	return err
}

// joinable gives an account that can be a member of something.
func (tx *Tx) joinable(member AccountID) (Account, error) {
	account, err := tx.Account(member)
	if err != nil {
		return Account{}, fmt.Errorf("member: %w", err)
	}
	if account.Kind == Organisation {
		return Account{}, invalid("member", "an organisation cannot be a member")
	}
	return account, nil
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
