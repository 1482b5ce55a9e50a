package identity

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// PutNamespace makes a namespace, or replaces owners, labels and quota of one;
// its bindings stay. A namespace has at least one owner at all times.
func (tx *Tx) PutNamespace(n Namespace) error {
	owners, err := tx.checkNamespace(&n)
	if err != nil {
		return fmt.Errorf("put namespace: %w", err)
	}
	name := string(n.Name)
	return tx.change("put namespace", func() error {
		if err := tx.touch(CollectionNamespaces, name); err != nil {
			return err
		}
		if err := tx.touch(CollectionQuotas, name); err != nil {
			return err
		}
		if err := tx.db.Clauses(upsert).Create(&namespaceRow{Name: name, Quota: text(n.Quota)}).Error; err != nil {
			return err
		}
		if err := tx.db.Where("namespace = ?", name).Delete(&ownerRow{}).Error; err != nil {
			return err
		}
		if err := tx.db.CreateInBatches(owners, 100).Error; err != nil {
			return err
		}
		return tx.putLabels(name, n.Labels)
	})
}

func (tx *Tx) putLabels(name string, labels map[string]string) error {
	if err := tx.db.Where("namespace = ?", name).Delete(&labelRow{}).Error; err != nil {
		return err
	}
	rows := make([]labelRow, 0, len(labels))
	for label, value := range labels {
		rows = append(rows, labelRow{Namespace: name, Label: label, Value: value})
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.db.CreateInBatches(rows, 100).Error
}

// checkNamespace refuses a namespace that is not whole, and gives the rows of
// its owners.
func (tx *Tx) checkNamespace(n *Namespace) ([]ownerRow, error) {
	if err := tx.writable(); err != nil {
		return nil, err
	}
	if err := validNamespace(n.Name); err != nil {
		return nil, err
	}
	if err := validLabels(n.Labels); err != nil {
		return nil, err
	}
	if len(n.Quota) > 0 {
		quota, err := canonical("quota", n.Quota, maxQuota)
		if err != nil {
			return nil, err
		}
		n.Quota = quota
	}
	principals := slices.Compact(slices.Sorted(slices.Values(n.Owners)))
	if len(principals) == 0 {
		return nil, fmt.Errorf("namespace %s: %w: it would have no owner", n.Name, ErrConflict)
	}
	if len(principals) > maxOwners {
		return nil, invalid("owners", "more than %d", maxOwners)
	}
	owners := make([]ownerRow, 0, len(principals))
	for _, p := range principals {
		_, account, team, err := tx.principal(p)
		if err != nil {
			return nil, fmt.Errorf("owner: %w", err)
		}
		owners = append(owners, ownerRow{Namespace: string(n.Name), Principal: string(p), AccountID: account, TeamID: team})
	}
	return owners, nil
}

// principal checks that a principal is well-formed and that what it names
// exists, and gives it as the references that the database holds. The kind is
// that of an account, empty for a team or a group.
func (tx *Tx) principal(p Principal) (kind Kind, account, team *string, err error) {
	what, id := p.Split()
	switch what {
	case "account":
		if _, err := ulid.ParseStrict(id); err != nil {
			return "", nil, nil, invalid("principal", "account: must be followed by the account's id")
		}
		a, err := tx.Account(AccountID(id))
		return a.Kind, &id, nil, err
	case "team":
		if _, err := ulid.ParseStrict(id); err != nil {
			return "", nil, nil, invalid("principal", "team: must be followed by the team's id")
		}
		n, err := tx.count(&teamRow{}, "id = ?", id)
		if err == nil && n == 0 {
			err = fmt.Errorf("team: %w", ErrNotFound)
		}
		return "", nil, &id, err
	case "group":
		return "", nil, nil, validGroup(id)
	default:
		return "", nil, nil, invalid("principal", "must be account:<id>, team:<id> or group:<name>")
	}
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
