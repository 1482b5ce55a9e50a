package identity

import (
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// PutNamespace makes a namespace, or replaces owners, labels and quota of one;
// its bindings stay. A namespace has at least one owner at all times.
func (tx *Tx) PutNamespace(n Namespace) error { return one(tx.PutNamespaces([]Namespace{n})) }

// PutNamespaces puts namespaces as [Tx.PutNamespace] puts one, all of them or, with
// an [ItemError], none. A name may stand there once.
func (tx *Tx) PutNamespaces(namespaces []Namespace) error {
	rows, err := tx.checkNamespaces(namespaces)
	if err != nil {
		return err
	}
	return tx.change("put namespace", func() error {
		existing, err := tx.touchNamespaces(rows)
		if err != nil {
			return err
		}
		if err := tx.insert(upsertNamespaces, rows.namespaces); err != nil {
			return err
		}
		for _, table := range []string{"owners", "labels"} {
			if err := deleteAmong(tx, table, "namespace", existing); err != nil {
				return err
			}
		}
		if err := tx.insert(insertOwners, rows.owners); err != nil {
			return err
		}
		return tx.insert(insertLabels, rows.labels)
	})
}

var (
	upsertNamespaces = insertInto("namespaces", "ON CONFLICT (name) DO UPDATE SET quota = excluded.quota", "name", "quota")
	insertOwners     = insertInto("owners", "", "namespace", "principal", "account_id", "team_id")
	insertLabels     = insertInto("labels", "", "namespace", "label", "value")
)

// touchNamespaces is touch for namespaces that are going to be put. It gives those
// that exist already.
func (tx *Tx) touchNamespaces(rows *namespaceRows) (existing []string, err error) {
	there, err := tx.present("SELECT name FROM namespaces WHERE "+among("name"), rows.names)
	if err != nil {
		return nil, err
	}
	for i, name := range rows.names {
		if there[name] {
			existing = append(existing, name)
			continue
		}
		tx.touchMade(CollectionNamespaces, name, rows.documents[i].appendTo(nil))
		tx.touchMade(CollectionQuotas, name, rows.quotas[i])
	}
	for _, collection := range []string{CollectionNamespaces, CollectionQuotas} {
		if err := tx.touch(collection, existing...); err != nil {
			return nil, err
		}
	}
	return existing, nil
}

// present says which of the keys a query finds.
func (tx *Tx) present(query string, keys []string) (map[string]bool, error) {
	there := make(map[string]bool, len(keys))
	err := scanAmong(tx, query, keys, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		there[key] = true
		return err
	})
	return there, err
}

// namespaceRows is what putting namespaces writes.
type namespaceRows struct {
	names                      []string
	namespaces, owners, labels []row
	// What the documents of those that are new will be, in the order of names.
	documents []*namespaceRecord
	quotas    [][]byte
}

// checkNamespaces refuses namespaces that are not whole, and gives the rows of the
// others.
func (tx *Tx) checkNamespaces(namespaces []Namespace) (*namespaceRows, error) {
	refused := func(i int, err error) error {
		return &ItemError{Item: i, Err: fmt.Errorf("put namespace: %w", err)}
	}
	if err := tx.writable(); err != nil {
		return nil, refused(0, err)
	}
	var owners []Principal
	for _, n := range namespaces {
		owners = append(owners, n.Owners...)
	}
	known, err := tx.grantees(owners)
	if err != nil {
		return nil, refused(0, err)
	}
	rows, seen := &namespaceRows{}, make(map[NamespaceName]bool, len(namespaces))
	for i, n := range namespaces {
		if seen[n.Name] {
			return nil, refused(i, fmt.Errorf("namespace %s: %w: it stands there twice", n.Name, ErrConflict))
		}
		seen[n.Name] = true
		if err := rows.add(n, known); err != nil {
			return nil, refused(i, err)
		}
	}
	return rows, nil
}

func (rows *namespaceRows) add(n Namespace, known map[Principal]grantee) error {
	if err := validNamespace(n.Name); err != nil {
		return err
	}
	if err := validLabels(n.Labels); err != nil {
		return err
	}
	if len(n.Quota) > 0 {
		quota, err := canonical("quota", n.Quota, maxQuota)
		if err != nil {
			return err
		}
		n.Quota = quota
	}
	principals := slices.Compact(slices.Sorted(slices.Values(n.Owners)))
	if len(principals) == 0 {
		return fmt.Errorf("namespace %s: %w: it would have no owner", n.Name, ErrConflict)
	}
	if len(principals) > maxOwners {
		return invalid("owners", "more than %d", maxOwners)
	}
	name := string(n.Name)
	for _, p := range principals {
		owner := known[p]
		if owner.err != nil {
			return fmt.Errorf("owner: %w", owner.err)
		}
		rows.owners = append(rows.owners, row{name, string(p), owner.account, owner.team})
	}
	for label, value := range n.Labels {
		rows.labels = append(rows.labels, row{name, label, value})
	}
	document := Namespace{Labels: n.Labels, Owners: principals}
	rows.documents, rows.quotas = append(rows.documents, document.record()), append(rows.quotas, n.Quota)
	rows.names = append(rows.names, name)
	rows.namespaces = append(rows.namespaces, row{name, orNull(n.Quota)})
	return nil
}

// grantee is what a principal names, as the references that the database holds: the
// id of an account or of a team, or neither for a group. err is why it names nothing.
type grantee struct {
	account, team any
	organisation  bool
	err           error
}

// grantees checks that principals are well-formed and that what they name exists.
func (tx *Tx) grantees(principals []Principal) (map[Principal]grantee, error) {
	var accounts, teams []string
	known := make(map[Principal]grantee, len(principals))
	for _, p := range principals {
		if _, twice := known[p]; twice {
			continue
		}
		var g grantee
		kind, id := p.Split()
		switch _, malformed := ulid.ParseStrict(id); {
		case kind == "group":
			g.err = validGroup(id)
		case kind != "account" && kind != "team":
			g.err = invalid("principal", "must be account:<id>, team:<id> or group:<name>")
		case malformed != nil:
			g.err = invalid("principal", "%s: must be followed by the %s's id", kind, kind)
		case kind == "account":
			g.account, g.err = id, fmt.Errorf("account: %w", ErrNotFound) // until it is found below
			accounts = append(accounts, id)
		default:
			g.team, g.err = id, fmt.Errorf("team: %w", ErrNotFound)
			teams = append(teams, id)
		}
		known[p] = g
	}
	kinds, err := lookUp[string, Kind](tx, "SELECT id, kind FROM accounts WHERE "+among("id"), accounts)
	if err != nil {
		return nil, err
	}
	for id, kind := range kinds {
		known[AccountPrincipal(AccountID(id))] = grantee{account: id, organisation: kind == Organisation}
	}
	found, err := tx.present("SELECT id FROM teams WHERE "+among("id"), teams)
	for id := range found {
		known[TeamPrincipal(TeamID(id))] = grantee{team: id}
	}
	return known, err
}

// RemoveNamespace removes a namespace with its owners, labels, quota and
// bindings.
func (tx *Tx) RemoveNamespace(name NamespaceName) error {
	n, err := tx.count(&namespaceRow{}, "name = ?", string(name))
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("remove namespace: %w", ErrNotFound)
	}
	return tx.change("remove namespace", func() error {
		for _, collection := range []string{CollectionNamespaces, CollectionQuotas} {
			if err := tx.touch(collection, string(name)); err != nil {
				return err
			}
		}
		for _, row := range []any{&bindingRow{}, &ownerRow{}, &labelRow{}} {
			if err := tx.db.Where("namespace = ?", string(name)).Delete(row).Error; err != nil {
				return err
			}
		}
		return tx.db.Where("name = ?", string(name)).Delete(&namespaceRow{}).Error
	})
}

// Namespace finds a namespace by its name, with its bindings.
func (tx *Tx) Namespace(name NamespaceName) (Namespace, error) {
	namespaces, err := loadNamespaces(tx.ctx, tx.q, []string{string(name)})
	if err != nil {
		return Namespace{}, translate("read namespace", err)
	}
	if len(namespaces) == 0 {
		return Namespace{}, fmt.Errorf("namespace: %w", ErrNotFound)
	}
	return namespaces[0], nil
}

// Namespaces yields every namespace with its bindings, by name.
func (tx *Tx) Namespaces() iter.Seq2[Namespace, error] {
	return pages(tx, CollectionNamespaces, loadNamespaces)
}

// checkStillOwned refuses to let principals go that are all the owners some
// namespace has.
func (tx *Tx) checkStillOwned(leaving []Principal) error {
	if err := tx.writable(); err != nil {
		return err
	}
	orphans, err := tx.strings(&ownerRow{}, "namespace",
		"principal IN ? AND NOT EXISTS (SELECT 1 FROM owners AS others WHERE others.namespace = owners.namespace AND others.principal NOT IN ?)",
		leaving, leaving)
	if err != nil || len(orphans) == 0 {
		return err
	}
	const shown = 5
	more := ""
	if len(orphans) > shown {
		more = fmt.Sprintf(" and %d more", len(orphans)-shown)
		orphans = orphans[:shown]
	}
	return fmt.Errorf("%w: last owner of namespace %s%s; give it another owner first", ErrConflict, strings.Join(orphans, ", "), more)
}

// removePrincipals takes principals out of every namespace: what they own and
// what they are granted.
func (tx *Tx) removePrincipals(leaving []Principal) error {
	for _, row := range []any{&ownerRow{}, &bindingRow{}} {
		names, err := tx.strings(row, "namespace", "principal IN ?", leaving)
		if err != nil {
			return err
		}
		if err := tx.touch(CollectionNamespaces, names...); err != nil {
			return err
		}
		if err := tx.db.Where("principal IN ?", leaving).Delete(row).Error; err != nil {
			return err
		}
	}
	return nil
}
