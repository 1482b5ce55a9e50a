package identity

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// BindingFilter chooses bindings; a zero field admits all. The list is by namespace and
// principal, expired ones included.
type BindingFilter struct {
	Namespace  NamespaceName
	Principals []Principal // nil = all
	// Role chooses from what the others choose, or from all bindings, which are read for
	// it one by one.
	Role Role
}

const bindingColumns = "SELECT namespace, principal, role, expires FROM bindings WHERE "

// ListBindings gives a page of bindings and the key of the next page.
func (tx *Tx) ListBindings(f BindingFilter, p Page) (page []Binding, next string, err error) {
	after, err := bindingAfter(p.After)
	if err != nil {
		return nil, "", fmt.Errorf("list bindings: %w", err)
	}
	limit := p.limit() + 1
	walks := f.walks(after)
	for some := range slices.Chunk(walks, walksAtOnce) {
		parts, args := make([]string, len(some)), []any(nil)
		for i, w := range some {
			parts[i], args = bindingColumns+w.where, append(args, w.args...)
			if f.Role != "" {
				parts[i], args = parts[i]+" AND role = ?", append(args, string(f.Role))
			}
		}
		found, err := tx.bindings(strings.Join(parts, " UNION ALL ")+fmt.Sprintf(" ORDER BY namespace, principal LIMIT %d", limit), args...)
		if err != nil {
			return nil, "", err
		}
		page = append(page, found...)
	}
	if len(walks) > walksAtOnce {
		slices.SortFunc(page, func(a, b Binding) int { return strings.Compare(bindingKey(a), bindingKey(b)) })
		page = page[:min(len(page), limit)]
	}
	return cut(page, p, bindingKey)
}

// bindingKey is the place of a binding in lists. No namespace has a blank in its name,
// or a character that comes before it.
func bindingKey(b Binding) string { return string(b.Namespace) + " " + string(b.Principal) }

func bindingAfter(key string) (b Binding, err error) {
	name, principal, found := strings.Cut(key, " ")
	if key != "" && !found {
		return b, invalid("after", "is not the key of a page of bindings")
	}
	return Binding{Namespace: NamespaceName(name), Principal: Principal(principal)}, nil
}

// walks are the parts of indexes on which the bindings behind a place stand in order.
func (f BindingFilter) walks(after Binding) []walk {
	name, principal := string(after.Namespace), string(after.Principal)
	switch {
	case f.Namespace != "" && name > string(f.Namespace):
		return nil
	case f.Namespace != "":
		if name < string(f.Namespace) {
			principal = ""
		}
		w := walk{where: "namespace = ? AND principal > ?", args: []any{string(f.Namespace), principal}}
		if f.Principals != nil {
			w.where, w.args = w.where+" AND "+among("principal"), append(w.args, packed(f.Principals))
		}
		return []walk{w}
	case f.Principals == nil:
		return []walk{{where: "(namespace, principal) > (?, ?)", args: []any{name, principal}}}
	}
	var walks []walk
	for _, p := range distinct(f.Principals) {
		w := walk{where: "principal = ? AND namespace > ?", args: []any{string(p), name}}
		if string(p) > principal { // it stands behind the place in the same namespace too
			w.where = "principal = ? AND namespace >= ?"
		}
		walks = append(walks, w)
	}
	return walks
}

// Binding finds what a principal is granted in a namespace.
func (tx *Tx) Binding(name NamespaceName, p Principal) (Binding, error) {
	found, err := tx.bindings(bindingColumns+"namespace = ? AND principal = ?", string(name), string(p))
	if err != nil {
		return Binding{}, err
	}
	if len(found) == 0 {
		return Binding{}, fmt.Errorf("binding: %w", ErrNotFound)
	}
	return found[0], nil
}

func (tx *Tx) bindings(query string, args ...any) (found []Binding, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var b Binding
		var expires int64
		err := rows.Scan(&b.Namespace, &b.Principal, &b.Role, &expires)
		b.Expires = moment(expires)
		found = append(found, b)
		return err
	}, query, args...)
	return found, translate("read bindings", err)
}
