package identity

import (
	"database/sql"
	"fmt"
)

// PutBinding grants a principal a role in a namespace, or changes the role or
// expiry of what it has. An organisation is not bound: bind one of its teams.
func (tx *Tx) PutBinding(b Binding) error { return one(tx.PutBindings([]Binding{b})) }

// PutBindings puts bindings as [Tx.PutBinding] puts one, all of them or, with an
// [ItemError], none. Of two for the same principal in a namespace the later counts.
func (tx *Tx) PutBindings(bindings []Binding) error {
	rows, err := tx.checkBindings(bindings)
	if err != nil {
		return err
	}
	return tx.change("put binding", func() error {
		names := make([]string, len(bindings))
		for i, b := range bindings {
			names[i] = string(b.Namespace)
		}
		if err := tx.touch(CollectionNamespaces, distinct(names)...); err != nil {
			return err
		}
		return tx.insert(upsertBindings, rows)
	})
}

var upsertBindings = insertInto("bindings",
	"ON CONFLICT (namespace, principal) DO UPDATE SET role = excluded.role, expires = excluded.expires",
	"namespace", "principal", "account_id", "team_id", "role", "expires")

// checkBindings refuses bindings that cannot be, and gives the rows of the others.
func (tx *Tx) checkBindings(bindings []Binding) ([]row, error) {
	refused := func(i int, err error) error {
		return &ItemError{Item: i, Err: fmt.Errorf("put binding: %w", err)}
	}
	if err := tx.writable(); err != nil {
		return nil, refused(0, err)
	}
	names, principals := make([]string, len(bindings)), make([]Principal, len(bindings))
	for i, b := range bindings {
		names[i], principals[i] = string(b.Namespace), b.Principal
	}
	there, err := tx.present("SELECT name FROM namespaces WHERE "+among("name"), distinct(names))
	if err != nil {
		return nil, refused(0, err)
	}
	known, err := tx.grantees(principals)
	if err != nil {
		return nil, refused(0, err)
	}
	rows := make([]row, len(bindings))
	for i, b := range bindings {
		if rows[i], err = b.row(there, known); err != nil {
			return nil, refused(i, err)
		}
	}
	if i, err := tx.checkRoom(bindings); err != nil {
		return nil, refused(i, err)
	}
	return rows, nil
}

func (b Binding) row(namespaces map[string]bool, known map[Principal]grantee) (row, error) {
	if err := validRole(string(b.Role)); err != nil {
		return nil, err
	}
	if !b.Expires.IsZero() && b.Expires.Unix() <= 0 {
		return nil, invalid("expires", "lies before 1970")
	}
	if !namespaces[string(b.Namespace)] {
		return nil, fmt.Errorf("namespace: %w", ErrNotFound)
	}
	holder := known[b.Principal]
	if holder.err != nil {
		return nil, holder.err
	}
	if holder.organisation {
		return nil, invalid("principal", "an organisation cannot be bound; bind one of its teams")
	}
	return row{string(b.Namespace), string(b.Principal), holder.account, holder.team, string(b.Role), seconds(b.Expires)}, nil
}

// checkRoom refuses the first binding that its namespace has no room for. Bindings
// are counted with care only where a namespace may become full: whether each is new
// need not be known before that.
func (tx *Tx) checkRoom(bindings []Binding) (int, error) {
	more := make(map[string]int)
	for _, b := range bindings {
		more[string(b.Namespace)]++
	}
	if err := tx.countBindings(more); err != nil {
		return 0, err
	}
	full := make(map[string]map[Principal]bool)
	for name, n := range more {
		list := bindingsOf(name)
		if tx.used[list] += n; tx.used[list] <= maxBindings {
			continue
		}
		held, err := tx.bound(name)
		if err != nil {
			return 0, err
		}
		full[name] = held
	}
	for i, b := range bindings {
		held, counted := full[string(b.Namespace)]
		if !counted || held[b.Principal] {
			continue
		}
		if len(held) >= maxBindings {
			return i, invalid("namespace", "has %d bindings already", maxBindings)
		}
		held[b.Principal] = true
	}
	for name, held := range full {
		tx.used[bindingsOf(name)] = len(held)
	}
	return 0, nil
}

func bindingsOf(namespace string) string { return "bindings of " + namespace }

// countBindings counts those of the namespaces that this transaction has not yet
// written to.
func (tx *Tx) countBindings(of map[string]int) error {
	if tx.used == nil {
		tx.used = make(map[string]int)
	}
	var names []string
	for name := range of {
		if _, known := tx.used[bindingsOf(name)]; !known {
			names = append(names, name)
		}
	}
	return scanAmong(tx, "SELECT namespace, COUNT(*) FROM bindings WHERE "+among("namespace")+" GROUP BY namespace", names,
		func(rows *sql.Rows) error {
			var name string
			var n int
			err := rows.Scan(&name, &n)
			tx.used[bindingsOf(name)] = n
			return err
		})
}

// bound is every principal that is bound in a namespace.
func (tx *Tx) bound(namespace string) (map[Principal]bool, error) {
	held := make(map[Principal]bool)
	err := scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var p Principal
		err := rows.Scan(&p)
		held[p] = true
		return err
	}, "SELECT principal FROM bindings WHERE namespace = ?", namespace)
	return held, translate("count bindings", err)
}

// RemoveBinding takes from a principal what a binding granted it; it is
// ErrNotFound when there is none.
func (tx *Tx) RemoveBinding(name NamespaceName, p Principal) error {
	n, err := tx.count(&bindingRow{}, "namespace = ? AND principal = ?", string(name), string(p))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("remove binding: %w", ErrNotFound)
	}
	return tx.change("remove binding", func() error {
		if err := tx.touch(CollectionNamespaces, string(name)); err != nil {
			return err
		}
		return tx.db.Where("namespace = ? AND principal = ?", string(name), string(p)).Delete(&bindingRow{}).Error
	})
}
