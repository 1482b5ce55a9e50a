package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
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
	if f.Value != "" && f.Label == "" {
		return nil, "", fmt.Errorf("list namespaces: %w", invalid("label", "is needed where a value is given"))
	}
	names, next, err := keys{prefix: f.Prefix, conditions: f.conditions(seconds(tx.dir.now()))}.page(tx, p)
	if err != nil || len(names) == 0 {
		return nil, "", err
	}
	page, err = loadNamespaceHeaders(tx.ctx, tx.q, names)
	return page, next, translate("list namespaces", err)
}

func (f NamespaceFilter) conditions(now int64) (conditions []condition) {
	if f.Owner != "" {
		conditions = append(conditions, condition{
			walks: []walk{ownedBy(f.Owner)}, args: []any{string(f.Owner)},
			check: "EXISTS (SELECT 1 FROM owners AS o WHERE o.namespace = %s AND o.principal = ?)",
		})
	}
	if f.Members != nil {
		conditions = append(conditions, membersOf(f.Members, now))
	}
	if f.Label != "" {
		c := condition{
			walks: []walk{{from: "labels", key: "namespace", where: "label = ?", args: []any{f.Label}}},
			check: "EXISTS (SELECT 1 FROM labels AS l WHERE l.namespace = %s AND l.label = ?)", args: []any{f.Label},
		}
		if f.Value != "" {
			c.args = []any{f.Label, f.Value}
			c.walks[0].where, c.walks[0].args = "label = ? AND value = ?", c.args
			c.check = "EXISTS (SELECT 1 FROM labels AS l WHERE l.namespace = %s AND l.label = ? AND l.value = ?)"
		}
		conditions = append(conditions, c)
	}
	if len(conditions) == 0 {
		conditions = []condition{{walks: []walk{{from: "namespaces", key: "name"}}}}
	}
	return conditions
}

func ownedBy(p Principal) walk {
	return walk{from: "owners", key: "namespace", where: "principal = ?", args: []any{string(p)}}
}

// membersOf is the condition that any of the principals owns the namespace or is bound
// in it, as of now.
func membersOf(principals []Principal, now int64) condition {
	principals = distinct(principals)
	var c condition
	for _, p := range principals {
		c.walks = append(c.walks, ownedBy(p), walk{
			from: "bindings", key: "namespace", where: "principal = ? AND (expires = 0 OR expires > ?)", args: []any{string(p), now},
		})
	}
	all := packed(principals)
	c.check = `(EXISTS (SELECT 1 FROM owners AS m WHERE m.namespace = %s AND ` + among("m.principal") + `)
		OR EXISTS (SELECT 1 FROM bindings AS m WHERE m.namespace = %s AND ` + among("m.principal") + ` AND (m.expires = 0 OR m.expires > ?)))`
	c.args = []any{all, all, now}
	return c
}

// packed is a list as one argument, for [among].
func packed[T ~string](values []T) string {
	b := []byte{'['}
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, string(value))
	}
	return string(append(b, ']'))
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
