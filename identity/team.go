package identity

import (
	"fmt"
	"iter"
)

// CreateTeam makes a team within an organisation. Its ID is given out here,
// unless it brings one that was never in use. Members are not taken from it.
func (tx *Tx) CreateTeam(t Team) (Team, error) {
	if err := tx.checkTeam(&t); err != nil {
		return Team{}, fmt.Errorf("create team: %w", err)
	}
	id, err := tx.newID("team", string(t.ID))
	if err != nil {
		return Team{}, fmt.Errorf("create team: %w", err)
	}
	t.ID, t.Members = TeamID(id), map[AccountID]MemberRole{}
	scope := scopeTeam(t.Organisation)
	if err := tx.freeHandle(scope, t.Handle, id); err != nil {
		return Team{}, fmt.Errorf("create team: %w", err)
	}
	tx.touchNew(CollectionTeams, id)
	err = tx.change("create team", func() error {
		row := teamRow{ID: id, OrganisationID: string(t.Organisation), Handle: string(t.Handle), Name: t.Name}
		if err := tx.db.Create(&row).Error; err != nil {
			return err
		}
		return tx.takeHandle(scope, t.Handle, id)
	})
	return t, err
}

func (tx *Tx) checkTeam(t *Team) (err error) {
	if err := tx.writable(); err != nil {
		return err
	}
	organisation, err := tx.Account(t.Organisation)
	if err != nil {
		return fmt.Errorf("organisation: %w", err)
	}
	if organisation.Kind != Organisation {
		return invalid("organisation", "is not an organisation")
	}
	if t.Handle, err = NormalHandle(string(t.Handle)); err != nil {
		return err
	}
	fits, err := tx.room("teams of "+string(t.Organisation), maxTeams, &teamRow{}, "organisation_id = ?", string(t.Organisation))
	if err != nil {
		return err
	}
	if !fits {
		return invalid("organisation", "has %d teams already", maxTeams)
	}
	return validName(t.Name)
}

// RemoveTeam removes a team, its memberships, bindings and ownerships. It is
// ErrConflict where the team is the last owner of a namespace.
func (tx *Tx) RemoveTeam(id TeamID) error {
	if _, err := tx.Team(id); err != nil {
		return fmt.Errorf("remove team: %w", err)
	}
	leaving := []Principal{TeamPrincipal(id)}
	if err := tx.checkStillOwned(leaving); err != nil {
		return fmt.Errorf("remove team: %w", err)
	}
	return tx.change("remove team", func() error {
		if err := tx.removePrincipals(leaving); err != nil {
			return err
		}
		return tx.dropTeam(id)
	})
}

// dropTeam removes the rows of a team that is no principal any more.
func (tx *Tx) dropTeam(team TeamID) error {
	id := string(team)
	members, err := tx.strings(&teamMemberRow{}, "account_id", "team_id = ?", id)
	if err != nil {
		return err
	}
	if err := tx.touch(CollectionAccounts, members...); err != nil {
		return err
	}
	if err := tx.touch(CollectionTeams, id); err != nil {
		return err
	}
	if err := tx.db.Where("team_id = ?", id).Delete(&teamMemberRow{}).Error; err != nil {
		return err
	}
	if err := tx.db.Where("id = ?", id).Delete(&teamRow{}).Error; err != nil {
		return err
	}
	return tx.db.Create(&handleRow{Scope: scopeGone, Handle: id, Owner: id}).Error
}

// Team finds a team by its ID.
func (tx *Tx) Team(id TeamID) (Team, error) {
	teams, err := loadTeams(tx.ctx, tx.q, []string{string(id)})
	if err != nil {
		return Team{}, translate("read team", err)
	}
	if len(teams) == 0 {
		return Team{}, fmt.Errorf("team: %w", ErrNotFound)
	}
	return teams[0], nil
}

// TeamByHandle finds a team of an organisation by any spelling of its handle.
func (tx *Tx) TeamByHandle(organisation AccountID, h Handle) (Team, error) {
	normal, err := NormalHandle(string(h))
	if err != nil {
		return Team{}, fmt.Errorf("team: %w", ErrNotFound)
	}
	ids, err := tx.strings(&teamRow{}, "id", "organisation_id = ? AND handle = ?", string(organisation), string(normal))
	if err != nil {
		return Team{}, err
	}
	if len(ids) == 0 {
		return Team{}, fmt.Errorf("team: %w", ErrNotFound)
	}
	return tx.Team(TeamID(ids[0]))
}

// Teams yields every team, oldest first.
func (tx *Tx) Teams() iter.Seq2[Team, error] { return pages(tx, CollectionTeams, loadTeams) }

// PutTeamMember makes an account a member or owner of a team.
func (tx *Tx) PutTeamMember(id TeamID, member AccountID, role MemberRole) error {
	if err := tx.checkTeamMember(id, member, role); err != nil {
		return fmt.Errorf("put team member: %w", err)
	}
	return tx.change("put team member", func() error {
		if err := tx.touch(CollectionAccounts, string(member)); err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&teamMemberRow{
			TeamID: string(id), AccountID: string(member), Role: string(role),
		}).Error
	})
}

func (tx *Tx) checkTeamMember(id TeamID, member AccountID, role MemberRole) error {
	if err := validMemberRole(role); err != nil {
		return err
	}
	n, err := tx.count(&teamRow{}, "id = ?", string(id))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("team: %w", ErrNotFound)
	}
	account, err := tx.joinable(member)
	if err != nil {
		return err
	}
	if _, is := account.Teams[id]; is {
		return nil
	}
	if len(account.Teams) >= maxMembership {
		return invalid("member", "is in %d teams already", maxMembership)
	}
	fits, err := tx.room("members of "+string(id), maxMembers, &teamMemberRow{}, "team_id = ?", string(id))
	if err == nil && !fits {
		return invalid("team", "has %d members already", maxMembers)
	}
	return err
}

// RemoveTeamMember takes an account out of a team.
func (tx *Tx) RemoveTeamMember(id TeamID, member AccountID) error {
	n, err := tx.count(&teamMemberRow{}, "team_id = ? AND account_id = ?", string(id), string(member))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("remove team member: %w", ErrNotFound)
	}
	return tx.change("remove team member", func() error {
		if err := tx.touch(CollectionAccounts, string(member)); err != nil {
			return err
		}
		return tx.db.Where("team_id = ? AND account_id = ?", string(id), string(member)).Delete(&teamMemberRow{}).Error
	})
}
