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
	ids, _, err := tx.newIDs("team", []string{string(t.ID)})
	if err != nil {
		return Team{}, fmt.Errorf("create team: %w", err)
	}
	id, scope := ids[0], scopeTeam(t.Organisation)
	owners, err := tx.handleOwners(scope, []Handle{t.Handle})
	if err == nil && len(owners) > 0 {
		err = errHandleTaken
	}
	if err != nil {
		return Team{}, fmt.Errorf("create team: %w", err)
	}
	t.ID, t.Members = TeamID(id), map[AccountID]MemberRole{}
	tx.touchNew(CollectionTeams, id)
	err = tx.change("create team", func() error {
		if err := tx.insert(insertTeams, []row{{id, string(t.Organisation), string(t.Handle), t.Name}}); err != nil {
			return err
		}
		return tx.insert(insertHandles, []row{{scope, string(t.Handle), id}})
	})
	return t, err
}

var insertTeams = insertInto("teams", "", "id", "organisation_id", "handle", "name")

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
	fits, err := tx.room("teams of "+string(t.Organisation), maxTeams, "teams", "organisation_id = ?", string(t.Organisation))
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
	return one(tx.PutTeamMembers(id, []Membership{{member, role}}))
}

// PutTeamMembers makes accounts members or owners of a team, all of them or, with an
// [ItemError], none.
func (tx *Tx) PutTeamMembers(id TeamID, members []Membership) error {
	if err := validMemberRoles("put team member", members); err != nil {
		return err
	}
	there, err := tx.present("SELECT id FROM teams WHERE "+among("id"), []string{string(id)})
	if err == nil && !there[string(id)] {
		err = fmt.Errorf("team: %w", ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("put team member: %w", err)
	}
	return tx.putMembers(teamMembers, "put team member", string(id), members)
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
