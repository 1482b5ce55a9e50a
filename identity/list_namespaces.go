package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// NamespaceFilter chooses namespaces; a zero field admits all. The list is by name.
type NamespaceFilter struct {
	Prefix string
	// Label and Value choose by a label; an empty Value admits every value.
	Label, Value string
	Owner        Principal
	// Members chooses those that any of the principals owns or has a binding in that has
	// not expired.
	Members []Principal
}

// ListNamespaces gives a page of namespaces, without their bindings, and the key of the
// next page.
func (tx *Tx) ListNamespaces(f NamespaceFilter, p Page) (page []Namespace, next string, err error) {
	keys, next, err := f.selection(seconds(tx.dir.now())).keys(tx, p)
	if err != nil || len(keys) == 0 {
		return nil, "", err
	}
	page, err = loadNamespaceHeaders(tx.ctx, tx.q, keys)
	return page, next, translate("list namespaces", err)
}

// selection goes by the index of one condition, which has the names in order, and looks
// the others up for each.
func (f NamespaceFilter) selection(now int64) *selection {
	s := &selection{from: "namespaces", key: "name"}
	label, owner := f.Label, f.Owner
	switch {
	case f.Label != "" && f.Value != "":
		s.from, s.key, label = "labels", "namespace", ""
		s.add("label = ? AND value = ?", f.Label, f.Value)
	case f.Owner != "":
		s.from, s.key, owner = "owners", "namespace", ""
		s.add("principal = ?", string(f.Owner))
	}
	if f.Prefix != "" {
		s.add(s.key+" >= ? AND "+s.key+" < ?", f.Prefix, beyond(f.Prefix))
	}
	if label != "" {
		s.add(s.key+" IN (SELECT l.namespace FROM labels l WHERE l.label = ?)", label)
	}
	if owner != "" {
		s.add(s.key+" IN (SELECT o.namespace FROM owners o WHERE o.principal = ?)", string(owner))
	}
	if f.Members != nil {
		s.add(s.key+` IN (SELECT o.namespace FROM owners o WHERE o.principal IN (SELECT value FROM json_each(?))
			UNION SELECT b.namespace FROM bindings b WHERE b.principal IN (SELECT value FROM json_each(?)) AND (b.expires = 0 OR b.expires > ?))`,
			packed(f.Members), packed(f.Members), now)
	}
	return s
}

// NamespaceHeader is a namespace without its bindings.
func (tx *Tx) NamespaceHeader(name NamespaceName) (Namespace, error) {
	found, err := loadNamespaceHeaders(tx.ctx, tx.q, []string{string(name)})
	if err != nil {
		return Namespace{}, translate("read namespace", err)
	}
	if len(found) == 0 {
		return Namespace{}, fmt.Errorf("namespace: %w", ErrNotFound)
	}
	return found[0], nil
}

// BindingFilter chooses bindings; a zero field admits all. The list is by namespace and
// principal, expired ones included.
type BindingFilter struct {
	Namespace  NamespaceName
	Principals []Principal
	Role       Role
}

const bindingColumns = "SELECT namespace, principal, role, expires FROM bindings WHERE "

// ListBindings gives a page of bindings and the key of the next page.
func (tx *Tx) ListBindings(f BindingFilter, p Page) (page []Binding, next string, err error) {
	where, args := []string{}, []any{}
	if p.After != "" {
		name, principal, _ := strings.Cut(p.After, " ")
		where, args = append(where, "(namespace, principal) > (?, ?)"), append(args, name, principal)
	}
	if f.Namespace != "" {
		where, args = append(where, "namespace = ?"), append(args, string(f.Namespace))
	}
	if f.Principals != nil {
		where, args = append(where, "principal IN (SELECT value FROM json_each(?))"), append(args, packed(f.Principals))
	}
	if f.Role != "" {
		where, args = append(where, "role = ?"), append(args, string(f.Role))
	}
	condition := "TRUE"
	if len(where) > 0 {
		condition = strings.Join(where, " AND ")
	}
	page, err = tx.bindings(condition+fmt.Sprintf(" ORDER BY namespace, principal LIMIT %d", p.limit()+1), args...)
	if err != nil {
		return nil, "", err
	}
	// No namespace has a blank in its name.
	return cut(page, p, func(b Binding) string { return string(b.Namespace) + " " + string(b.Principal) })
}

// Binding finds what a principal is granted in a namespace.
func (tx *Tx) Binding(name NamespaceName, p Principal) (Binding, error) {
	found, err := tx.bindings("namespace = ? AND principal = ?", string(name), string(p))
	if err != nil {
		return Binding{}, err
	}
	if len(found) == 0 {
		return Binding{}, fmt.Errorf("binding: %w", ErrNotFound)
	}
	return found[0], nil
}

func (tx *Tx) bindings(condition string, args ...any) (found []Binding, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var b Binding
		var expires int64
		err := rows.Scan(&b.Namespace, &b.Principal, &b.Role, &expires)
		b.Expires = moment(expires)
		found = append(found, b)
		return err
	}, bindingColumns+condition, args...)
	return found, translate("read bindings", err)
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

// loadNamespaceHeaders reads those of the namespaces that exist, without their bindings,
// in the order of names; owners are sorted.
func loadNamespaceHeaders(ctx context.Context, q querier, names []string) ([]Namespace, error) {
	found := make(map[string]*Namespace, len(names))
	err := scanIn(ctx, q, func(rows *sql.Rows) error {
		n := Namespace{Labels: map[string]string{}}
		var quota sql.NullString
		err := rows.Scan(&n.Name, &quota)
		if quota.Valid {
			n.Quota = json.RawMessage(quota.String)
		}
		found[string(n.Name)] = &n
		return err
	}, "SELECT name, quota FROM namespaces", "name", names)
	if err != nil {
		return nil, err
	}
	err = scanIn(ctx, q, func(rows *sql.Rows) error {
		var name, label, value string
		err := rows.Scan(&name, &label, &value)
		if n := found[name]; n != nil {
			n.Labels[label] = value
		}
		return err
	}, "SELECT namespace, label, value FROM labels", "namespace", names)
	if err != nil {
		return nil, err
	}
	if err := loadOwners(ctx, q, names, found); err != nil {
		return nil, err
	}
	return inOrder(names, found), nil
}
