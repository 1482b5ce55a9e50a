package identity

import (
	"context"
	"database/sql"
	"fmt"
)

// TeamFilter chooses teams; a zero field admits all. The list is by ID.
type TeamFilter struct {
	Organisation AccountID
	Member       AccountID
	Handle       Handle // in any spelling
}

// ListTeams gives a page of teams, without their members, and the key of the next page.
func (tx *Tx) ListTeams(f TeamFilter, p Page) (page []Team, next string, err error) {
	conditions, found := f.conditions()
	if !found {
		return nil, "", nil
	}
	ids, next, err := keys{conditions: conditions}.page(tx, p)
	if err != nil || len(ids) == 0 {
		return nil, "", err
	}
	page, err = loadTeamHeaders(tx.ctx, tx.q, ids)
	return page, next, translate("list teams", err)
}

func (f TeamFilter) conditions() (conditions []condition, found bool) {
	add := func(from, key, column, value string) {
		conditions = append(conditions, condition{
			walks: []walk{{from: from, key: key, where: column + " = ?", args: []any{value}}},
			check: "EXISTS (SELECT 1 FROM " + from + " AS c WHERE c." + key + " = %s AND c." + column + " = ?)",
			args:  []any{value},
		})
	}
	if f.Organisation != "" {
		add("teams", "id", "organisation_id", string(f.Organisation))
	}
	if f.Member != "" {
		add("team_members", "team_id", "account_id", string(f.Member))
	}
	if f.Handle != "" {
		handle, err := NormalHandle(string(f.Handle))
		if err != nil {
			return nil, false
		}
		add("teams", "id", "handle", string(handle))
	}
	if len(conditions) == 0 {
		conditions = []condition{{walks: []walk{{from: "teams", key: "id"}}}}
	}
	return conditions, true
}

// loadTeamHeaders reads those of the teams that exist, without their members, in the
// order of ids.
func loadTeamHeaders(ctx context.Context, q querier, ids []string) ([]Team, error) {
	found := make(map[string]*Team, len(ids))
	err := scanIn(ctx, q, func(rows *sql.Rows) error {
		t := Team{Members: map[AccountID]MemberRole{}}
		err := rows.Scan(&t.ID, &t.Organisation, &t.Handle, &t.Name)
		found[string(t.ID)] = &t
		return err
	}, "SELECT id, organisation_id, handle, name FROM teams", "id", ids)
	return inOrder(ids, found), err
}

// TeamHeader is a team without its members.
func (tx *Tx) TeamHeader(id TeamID) (Team, error) {
	teams, err := loadTeamHeaders(tx.ctx, tx.q, []string{string(id)})
	if err != nil {
		return Team{}, translate("read team", err)
	}
	if len(teams) == 0 {
		return Team{}, fmt.Errorf("team: %w", ErrNotFound)
	}
	return teams[0], nil
}

// UpdateTeam sets the name of a team. Its handle and its organisation never change.
func (tx *Tx) UpdateTeam(t Team) error {
	there, err := tx.TeamHeader(t.ID)
	if err != nil {
		return fmt.Errorf("update team: %w", err)
	}
	switch {
	case t.Handle != "" && t.Handle != there.Handle:
		return fmt.Errorf("update team: %w", invalid("handle", "cannot be changed"))
	case t.Organisation != "" && t.Organisation != there.Organisation:
		return fmt.Errorf("update team: %w", invalid("organisation", "cannot be changed"))
	}
	if err := validName(t.Name); err != nil {
		return fmt.Errorf("update team: %w", err)
	}
	return tx.change("update team", func() error {
		if err := tx.touch(CollectionTeams, string(t.ID)); err != nil {
			return err
		}
		return tx.exec("UPDATE teams SET name = ? WHERE id = ?", t.Name, string(t.ID))
	})
}

// MemberEntry is a membership with the names of the account, for lists that people read.
type MemberEntry struct {
	Account AccountID
	Handle  Handle
	Name    string
	Kind    Kind
	State   State
	Role    MemberRole
}

// ListMembers gives a page of an organisation's members by account ID.
func (tx *Tx) ListMembers(organisation AccountID, p Page) (page []MemberEntry, next string, err error) {
	return tx.listMembers(organisationMembers, string(organisation), p)
}

// ListTeamMembers gives a page of a team's members by account ID.
func (tx *Tx) ListTeamMembers(team TeamID, p Page) (page []MemberEntry, next string, err error) {
	return tx.listMembers(teamMembers, string(team), p)
}

func (tx *Tx) listMembers(of memberList, whole string, p Page) (page []MemberEntry, next string, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var m MemberEntry
		var handle sql.NullString
		err := rows.Scan(&m.Account, &m.Role, &handle, &m.Name, &m.Kind, &m.State)
		m.Handle = Handle(handle.String)
		page = append(page, m)
		return err
	}, "SELECT m.account_id, m.role, a.handle, a.name, a.kind, a.state FROM "+of.table+
		" AS m CROSS JOIN accounts AS a ON a.id = m.account_id WHERE m."+of.of+" = ? AND m.account_id > ?"+
		fmt.Sprintf(" ORDER BY m.account_id LIMIT %d", p.limit()+1), whole, p.After)
	if err != nil {
		return nil, "", translate("list members", err)
	}
	return cut(page, p, func(m MemberEntry) string { return string(m.Account) })
}
