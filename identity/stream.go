package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Documents that are put together from several tables are exported by one ordered
// query for each table, read side by side: nothing is looked up per document and
// nothing is held but the document at hand.

// allAccounts gives the documents of all accounts and, where they are wanted, of
// their generations, each after its account.
func allAccounts(ctx context.Context, q querier, wanted wanted, emit emit) (err error) {
	var s side
	defer s.close(&err)
	var handle, kind, state, email, userID, name, platform, team, teamRole, organisation, role column
	var generation number
	accounts := s.open(ctx, q, "SELECT id, handle, kind, state, email, user_id, name, generation FROM accounts ORDER BY id",
		&handle, &kind, &state, &email, &userID, &name, &generation)
	roles := s.open(ctx, q, "SELECT account_id, role FROM platform_roles ORDER BY account_id, role", &platform)
	teams := s.open(ctx, q, "SELECT account_id, team_id, role FROM team_members ORDER BY account_id", &team, &teamRole)
	organisations := s.open(ctx, q, "SELECT account_id, organisation_id, role FROM members ORDER BY account_id", &organisation, &role)
	a, withGeneration, scratch := accountRecord{}, wanted[CollectionGenerations], []byte(nil)
	for accounts.next() {
		a.handle, a.kind, a.state = string(handle), string(kind), string(state)
		a.email, a.userID, a.name = string(email), string(userID), string(name)
		a.roles, a.teams, a.organisations = a.roles[:0], a.teams[:0], a.organisations[:0]
		key := string(accounts.key)
		for roles.at(key) {
			a.roles = append(a.roles, string(platform))
		}
		for teams.at(key) {
			a.teams = append(a.teams, pair{string(team), string(teamRole)})
		}
		for organisations.at(key) {
			a.organisations = append(a.organisations, pair{string(organisation), string(role)})
		}
		// Ordered by the query they would be sorted on disk, all of them.
		a.teams.sort()
		a.organisations.sort()
		if err := s.failed(); err != nil {
			return err // the document is not whole
		}
		scratch = a.appendTo(scratch[:0])
		if err := emit(CollectionAccounts, key, slices.Clone(scratch)); err != nil {
			return err
		}
		if !withGeneration {
			continue
		}
		if err := emit(CollectionGenerations, key, appendGeneration(nil, uint64(generation))); err != nil {
			return err
		}
	}
	return s.failed()
}

// allNamespaces gives the documents of all namespaces and, where they are wanted,
// their quotas.
func allNamespaces(ctx context.Context, q querier, wanted wanted, emit emit) (err error) {
	var s side
	defer s.close(&err)
	var quota, owner, label, value, principal, role column
	var expires number
	namespaces := s.open(ctx, q, "SELECT name, quota FROM namespaces ORDER BY name", &quota)
	owners := s.open(ctx, q, "SELECT namespace, principal FROM owners ORDER BY namespace, principal", &owner)
	labels := s.open(ctx, q, "SELECT namespace, label, value FROM labels ORDER BY namespace, label", &label, &value)
	bindings := s.open(ctx, q, "SELECT namespace, principal, role, expires FROM bindings ORDER BY namespace, principal",
		&principal, &role, &expires)
	n, withQuota, scratch := namespaceRecord{}, wanted[CollectionQuotas], []byte(nil)
	for namespaces.next() {
		n.owners, n.labels, n.bindings = n.owners[:0], n.labels[:0], n.bindings[:0]
		key := string(namespaces.key)
		for owners.at(key) {
			n.owners = append(n.owners, string(owner))
		}
		for labels.at(key) {
			n.labels = append(n.labels, pair{string(label), string(value)})
		}
		for bindings.at(key) {
			n.bindings = append(n.bindings, bindingRecord{string(principal), string(role), int64(expires)})
		}
		if err := s.failed(); err != nil {
			return err // the document is not whole
		}
		scratch = n.appendTo(scratch[:0])
		if err := emit(CollectionNamespaces, key, slices.Clone(scratch)); err != nil {
			return err
		}
		if !withQuota || quota == "" {
			continue
		}
		encoded, err := encode(json.RawMessage(quota))
		if err == nil {
			err = emit(CollectionQuotas, key, encoded)
		}
		if err != nil {
			return err
		}
	}
	return s.failed()
}

func (p pairs) sort() {
	if len(p) > 1 {
		slices.SortFunc(p, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	}
}

// side is the queries that are read side by side.
type side struct{ cursors []*cursor }

// open begins a query whose first column is the key that rows are ordered by; the
// others go into the variables. An error shows when the first row is asked for.
func (s *side) open(ctx context.Context, q querier, query string, into ...any) *cursor {
	rows, err := q.QueryContext(ctx, query)
	if err == nil {
		err = rows.Err()
	}
	c := &cursor{rows: rows, err: err}
	c.into = append([]any{&c.key}, into...)
	s.cursors = append(s.cursors, c)
	return c
}

// failed is the first error of any of the queries.
func (s *side) failed() error {
	for _, c := range s.cursors {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

func (s *side) close(err *error) {
	for _, c := range s.cursors {
		if c.rows != nil {
			*err = errors.Join(*err, c.rows.Close())
		}
	}
}

// cursor stands on one row of an ordered query, with its columns in variables that
// are its own.
type cursor struct {
	rows *sql.Rows
	into []any
	key  column
	// ahead: the row has been read and not been taken yet; over: there is none.
	ahead, over bool
	err         error
}

// next takes the next row.
func (c *cursor) next() bool {
	taken := c.look()
	c.ahead = false
	return taken
}

// at takes the next row if it is of the key. It leaves out rows of lesser keys, which
// nothing refers to: references keep the database from holding any.
func (c *cursor) at(key string) bool {
	for c.look() && string(c.key) < key {
		c.ahead = false
	}
	if !c.ahead || string(c.key) != key {
		return false
	}
	c.ahead = false
	return true
}

func (c *cursor) look() bool {
	switch {
	case c.ahead:
		return true
	case c.over, c.err != nil:
		return false
	case !c.rows.Next():
		c.over, c.err = true, c.rows.Err()
		return false
	}
	c.err = c.rows.Scan(c.into...)
	c.ahead = c.err == nil
	return c.ahead
}

// column and number read a column without the reflection that database/sql needs for
// types of ours. NULL is empty.
type (
	column string
	number int64
)

func (c *column) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*c = ""
	case string:
		*c = column(value)
	default:
		return fmt.Errorf("a column of text holds a %T", value)
	}
	return nil
}

func (n *number) Scan(value any) error {
	integer, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a column of numbers holds a %T", value)
	}
	*n = number(integer)
	return nil
}
