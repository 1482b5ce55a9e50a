package identity

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// Lists are read a page at a time, in the order of a key that does not change: what is
// there from the first page to the last is seen exactly once, whatever others write.

// Page asks for a part of a list: at most Limit entries (never more than 1,000) behind
// the key After, "" = from the beginning.
type Page struct {
	After string
	Limit int
}

// maxPage bounds the entries of one page.
const maxPage = 1000

func (p Page) limit() int {
	if p.Limit < 1 || p.Limit > maxPage {
		return maxPage
	}
	return p.Limit
}

// selection is a query for keys that grows condition by condition.
type selection struct {
	from  string // table, and the condition that leads to its rows
	key   string
	where []string
	args  []any
	empty bool // a condition that nothing can meet
}

func (s *selection) add(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

// keys reads one page of keys, and the key to go on behind.
func (s *selection) keys(tx *Tx, p Page) (keys []string, next string, err error) {
	if s.empty {
		return nil, "", nil
	}
	s.add(s.key+" > ?", p.After)
	query := "SELECT DISTINCT " + s.key + " FROM " + s.from + " WHERE " + strings.Join(s.where, " AND ") +
		fmt.Sprintf(" ORDER BY %s LIMIT %d", s.key, p.limit()+1)
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	}, query, s.args...)
	if err != nil {
		return nil, "", translate("list", err)
	}
	return cut(keys, p, func(key string) string { return key })
}

// cut takes the one entry away that says there are more.
func cut[T any](entries []T, p Page, key func(T) string) (page []T, next string, err error) {
	if len(entries) <= p.limit() {
		return entries, "", nil
	}
	page = entries[:p.limit()]
	return page, key(page[len(page)-1]), nil
}

// beyond is above every name that begins with prefix: names are lower-case ASCII.
func beyond(prefix string) string { return prefix + "~" }

// AccountFilter chooses accounts; a zero field admits all. The list is by ID, or by
// handle where Prefix is given.
type AccountFilter struct {
	Kind   Kind // "" = people and services, which is all but organisations
	State  State
	ID     AccountID
	Handle Handle // in any spelling
	Email  string // in any spelling
	UserID string
	Prefix string // of the handle
	Role   PlatformRole
	// Member chooses the organisations that this account is in; it needs Kind
	// Organisation.
	Member AccountID
}

// ListAccounts gives a page of accounts and the key of the next page, "" after the last.
func (tx *Tx) ListAccounts(f AccountFilter, p Page) (page []Account, next string, err error) {
	s := f.selection()
	keys, next, err := s.keys(tx, p)
	if err != nil || len(keys) == 0 {
		return nil, "", err
	}
	if f.Prefix == "" {
		page, err = loadAccounts(tx.ctx, tx.q, keys)
		return page, next, translate("list accounts", err)
	}
	owners, err := tx.handleOwners(scopeAccount, handlesOf(keys))
	if err != nil {
		return nil, "", err
	}
	ids := make([]string, len(keys))
	for i, handle := range keys {
		ids[i] = owners[Handle(handle)]
	}
	page, err = loadAccounts(tx.ctx, tx.q, ids)
	return page, next, translate("list accounts", err)
}

func handlesOf(keys []string) []Handle {
	handles := make([]Handle, len(keys))
	for i, key := range keys {
		handles[i] = Handle(key)
	}
	return handles
}

func (f AccountFilter) selection() *selection {
	s := &selection{from: "accounts", key: "id"}
	if f.Prefix != "" {
		s.key = "handle"
		s.add("handle >= ? AND handle < ?", f.Prefix, beyond(f.Prefix))
	}
	switch f.Kind {
	case "":
		s.add("kind <> 'organisation'")
	case Person:
		s.add("kind = 'person'")
	default: // said twice for the index of what is rare
		s.add("kind = ? AND kind <> 'person'", string(f.Kind))
	}
	switch f.State {
	case "":
	case Active:
		s.add("state = 'active'")
	default:
		s.add("state = ? AND state <> 'active'", string(f.State))
	}
	f.named(s)
	if f.Role != "" {
		s.add("id IN (SELECT account_id FROM platform_roles WHERE role = ?)", string(f.Role))
	}
	if f.Member != "" {
		s.add("id IN (SELECT organisation_id FROM members WHERE account_id = ?)", string(f.Member))
	}
	return s
}

// named adds the conditions that at most one account meets.
func (f AccountFilter) named(s *selection) {
	if f.ID != "" {
		s.add("id = ?", string(f.ID))
	}
	if f.Handle != "" {
		handle, err := NormalHandle(string(f.Handle))
		s.empty = s.empty || err != nil
		s.add("handle = ?", string(handle))
	}
	if f.Email != "" {
		email, err := NormalEmail(f.Email)
		s.empty = s.empty || err != nil
		s.add("email = ?", string(email))
	}
	if f.UserID != "" {
		s.add("user_id = ?", f.UserID)
	}
}

// TeamFilter chooses teams; a zero field admits all. The list is by ID.
type TeamFilter struct {
	Organisation AccountID
	Member       AccountID
	Handle       Handle // in any spelling
}

// ListTeams gives a page of teams, without their members, and the key of the next page.
func (tx *Tx) ListTeams(f TeamFilter, p Page) (page []Team, next string, err error) {
	s := &selection{from: "teams", key: "id"}
	if f.Organisation != "" {
		s.add("organisation_id = ?", string(f.Organisation))
	}
	if f.Member != "" {
		s.add("id IN (SELECT team_id FROM team_members WHERE account_id = ?)", string(f.Member))
	}
	if f.Handle != "" {
		handle, err := NormalHandle(string(f.Handle))
		s.empty = err != nil
		s.add("handle = ?", string(handle))
	}
	keys, next, err := s.keys(tx, p)
	if err != nil || len(keys) == 0 {
		return nil, "", err
	}
	page, err = loadTeamHeaders(tx.ctx, tx.q, keys)
	return page, next, translate("list teams", err)
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
		" m JOIN accounts a ON a.id = m.account_id WHERE m."+of.of+" = ? AND m.account_id > ?"+
		fmt.Sprintf(" ORDER BY m.account_id LIMIT %d", p.limit()+1), whole, p.After)
	if err != nil {
		return nil, "", translate("list members", err)
	}
	return cut(page, p, func(m MemberEntry) string { return string(m.Account) })
}

// packed is a list as one argument, for `IN (SELECT value FROM json_each(?))`.
func packed[T ~string](values []T) string {
	text, err := json.Marshal(values)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(text)
}
