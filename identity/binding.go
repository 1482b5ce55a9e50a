package identity

import "fmt"

// PutBinding grants a principal a role in a namespace, or changes the role or
// expiry of what it has. An organisation is not bound: bind one of its teams.
func (tx *Tx) PutBinding(b Binding) error {
	row, err := tx.checkBinding(b)
	if err != nil {
		return fmt.Errorf("put binding: %w", err)
	}
	return tx.change("put binding", func() error {
		if err := tx.touch(CollectionNamespaces, row.Namespace); err != nil {
			return err
		}
		return tx.db.Clauses(upsert).Create(&row).Error
	})
}

func (tx *Tx) checkBinding(b Binding) (bindingRow, error) {
	none := bindingRow{}
	if err := tx.writable(); err != nil {
		return none, err
	}
	if err := validRole(string(b.Role)); err != nil {
		return none, err
	}
	if !b.Expires.IsZero() && b.Expires.Unix() <= 0 {
		return none, invalid("expires", "lies before 1970")
	}
	n, err := tx.count(&namespaceRow{}, "name = ?", string(b.Namespace))
	if err != nil {
		return none, err
	}
	if n == 0 {
		return none, fmt.Errorf("namespace: %w", ErrNotFound)
	}
	kind, account, team, err := tx.principal(b.Principal)
	if err != nil {
		return none, err
	}
	if kind == Organisation {
		return none, invalid("principal", "an organisation cannot be bound; bind one of its teams")
	}
	fits, err := tx.room("bindings of "+string(b.Namespace), maxBindings, &bindingRow{},
		"namespace = ? AND principal <> ?", string(b.Namespace), string(b.Principal))
	if err != nil {
		return none, err
	}
	if !fits {
		return none, invalid("namespace", "has %d bindings already", maxBindings)
	}
	return bindingRow{
		Namespace: string(b.Namespace), Principal: string(b.Principal), AccountID: account, TeamID: team,
		Role: string(b.Role), Expires: seconds(b.Expires),
	}, nil
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
