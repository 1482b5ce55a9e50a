package identity

import "strings"

// AccountFilter chooses accounts; a zero field admits all. The list is by ID, or by
// handle where Prefix is given.
type AccountFilter struct {
	Kind   Kind // "" = people and services, which is all but organisations
	State  State
	ID     AccountID
	Handle Handle // in any spelling
	Email  string // in any spelling
	UserID string
	Prefix string // of the handle, in any spelling
	Role   PlatformRole
	// Member chooses the organisations that this account is in; it needs Kind
	// Organisation.
	Member AccountID
}

// ListAccounts gives a page of accounts and the key of the next page, "" after the last.
func (tx *Tx) ListAccounts(f AccountFilter, p Page) (page []Account, next string, err error) {
	conditions, found := f.conditions()
	if !found {
		return nil, "", nil
	}
	list := keys{prefix: fold(f.Prefix), conditions: conditions}
	ids, next, err := list.page(tx, p)
	if err != nil || len(ids) == 0 {
		return nil, "", err
	}
	if f.Prefix != "" {
		if ids, err = tx.accountsWithHandles(ids); err != nil {
			return nil, "", err
		}
	}
	page, err = loadAccounts(tx.ctx, tx.q, ids)
	return page, next, translate("list accounts", err)
}

// accountsWithHandles gives the ids of accounts in the order of their handles.
func (tx *Tx) accountsWithHandles(handles []string) ([]string, error) {
	owners, err := lookUp[string, string](tx, "SELECT handle, id FROM accounts WHERE "+among("handle"), handles)
	ids := make([]string, len(handles))
	for i, handle := range handles {
		ids[i] = owners[handle]
	}
	return ids, err
}

// conditions are what accounts have to meet; found is false where none can.
func (f AccountFilter) conditions() (conditions []condition, found bool) {
	conditions, found = f.named()
	if !found {
		return nil, false
	}
	for _, of := range []struct{ given, table, account, where string }{
		{string(f.Role), "platform_roles", "account_id", "role = ?"},
		{string(f.Member), "members", "organisation_id", "account_id = ?"},
	} {
		if of.given == "" {
			continue
		}
		w := walk{from: of.table, key: of.account, where: of.where, args: []any{of.given}}
		check := "EXISTS (SELECT 1 FROM " + of.table + " AS held WHERE held." + of.account + " = %s AND held." + of.where + ")"
		if f.Prefix != "" {
			w.from += " CROSS JOIN accounts ON accounts.id = " + of.account // which keeps their order
			w.where = of.table + "." + of.where
			w.key, w.id, w.sorted = "accounts.handle", "accounts.id", true
		}
		conditions = append(conditions, condition{walks: []walk{w}, check: check, args: w.args})
	}
	if class := f.class(); f.Prefix == "" {
		conditions = append(conditions, class)
	} else { // of as many keys those that need no sorting
		conditions = append([]condition{class}, conditions...)
	}
	return conditions, true
}

// class is the condition of kind and state: a walk for each pair, since between two
// accounts of a rare kind or state any number of others may stand.
func (f AccountFilter) class() condition {
	kinds, states := []Kind{Person, Service}, []State{Invited, Active, Disabled}
	if f.Kind != "" {
		kinds = []Kind{f.Kind}
	}
	if f.State != "" {
		states = []State{f.State}
	}
	var c condition
	var pairs []string
	for _, kind := range kinds {
		for _, state := range states {
			w := walk{from: "accounts", key: "id", where: "kind = ? AND state = ?", args: []any{string(kind), string(state)}}
			if f.Prefix != "" {
				w.key, w.id = "handle", "id"
			}
			c.walks = append(c.walks, w)
			pairs = append(pairs, "(?, ?)")
			c.args = append(c.args, w.args...)
		}
	}
	c.check = "EXISTS (SELECT 1 FROM accounts AS a WHERE a.id = %s AND (a.kind, a.state) IN (VALUES " + strings.Join(pairs, ", ") + "))"
	return c
}

// named are the conditions that at most one account meets; found is false where a name
// is one that no account can have.
func (f AccountFilter) named() (conditions []condition, found bool) {
	add := func(column, value string) {
		key := "id"
		if f.Prefix != "" {
			key = "handle"
		}
		conditions = append(conditions, condition{
			walks: []walk{{from: "accounts", key: key, id: "id", where: column + " = ?", args: []any{value}}},
			check: "EXISTS (SELECT 1 FROM accounts AS n WHERE n.id = %s AND n." + column + " = ?)",
			args:  []any{value}, single: true,
		})
	}
	if f.ID != "" {
		add("id", string(f.ID))
	}
	if f.Handle != "" {
		handle, err := NormalHandle(string(f.Handle))
		if err != nil {
			return nil, false
		}
		add("handle", string(handle))
	}
	if f.Email != "" {
		email, err := NormalEmail(f.Email)
		if err != nil {
			return nil, false
		}
		add("email", string(email))
	}
	if f.UserID != "" {
		add("user_id", f.UserID)
	}
	return conditions, true
}
