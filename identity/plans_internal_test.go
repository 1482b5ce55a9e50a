package identity

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// explained is a querier that looks at how each statement will be done before it is.
type explained struct {
	querier
	t    *testing.T
	what string
	seen *int
}

// wasteful are the steps of a plan that look at more than what they are to find: a table
// or an index from its beginning to its end, and a key among all those behind another one.
var wasteful = regexp.MustCompile(`^SCAN [a-z]|^SEARCH \w+ EXISTS .*[<>]\?\)$|^USE TEMP B-TREE FOR ORDER BY$`)

func (e explained) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	*e.seen++
	err := scan(ctx, e.querier, func(rows *sql.Rows) error {
		var id, parent, unused int
		var step string
		err := rows.Scan(&id, &parent, &unused, &step)
		// A list of keys, a search by halving, and the few accounts with a role by handle.
		small := strings.HasPrefix(step, "SCAN json_each ") || strings.HasPrefix(query, "WITH RECURSIVE search") ||
			strings.Contains(query, "CROSS JOIN accounts") && step == "USE TEMP B-TREE FOR ORDER BY"
		if wasteful.MatchString(step) && !small {
			e.t.Errorf("%s: %s, in\n%s", e.what, step, query)
		}
		return err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return nil, err
	}
	return e.querier.QueryContext(ctx, query, args...)
}

// A list must not cost more than what it shows, whatever is chosen and wherever its page
// begins. What SQLite plans is the same for an empty directory as for a large one, which
// has no statistics either.
func TestLists_are_read_from_indexes(t *testing.T) {
	d := openInternal(t)
	seen := 0
	if _, err := d.Write(t.Context(), "test", someOfEverything); err != nil {
		t.Fatal(err)
	}
	err := d.Read(t.Context(), func(tx *Tx) error {
		plain := tx.q
		for what, list := range everyList() {
			for _, page := range []Page{{}, {After: "a", Limit: 2}, {After: "a b", Limit: 2}} {
				tx.q = explained{plain, t, fmt.Sprint(what, " after ", page.After), &seen}
				if err := list(tx, page); err != nil && page.After != "a" { // no key of a binding
					return fmt.Errorf("%s: %w", what, err)
				}
			}
		}
		for _, f := range everyJournal() {
			for _, after := range []JournalAt{{}, {1, 1}} {
				search := journalSearch{JournalFilter: f, after: after, ctx: t.Context(), q: explained{plain, t, fmt.Sprintf("journal %+v", f), &seen}}
				if _, err := search.page(10); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 200 {
		t.Errorf("%d statements were looked at: this shows little", seen)
	}
}

func someOfEverything(tx *Tx) error {
	a, err := tx.CreateAccount(Account{Handle: "ada", Kind: Person, State: Active})
	if err != nil {
		return err
	}
	if err := tx.PutNamespace(Namespace{Name: "lab", Owners: []Principal{AccountPrincipal(a.ID)}, Labels: map[string]string{"stage": "demo"}}); err != nil {
		return err
	}
	return tx.PutBinding(Binding{Namespace: "lab", Principal: GroupPrincipal("ops"), Role: View})
}

func everyList() map[string]func(*Tx, Page) error {
	lists := map[string]func(*Tx, Page) error{}
	for _, f := range []AccountFilter{
		{}, {Kind: Service}, {State: Disabled}, {Prefix: "ad"}, {Prefix: "ad", State: Disabled}, {Role: "admin"}, {Role: "admin", State: Active},
		{Prefix: "ad", Role: "admin"}, {Email: "a@b.test"}, {Kind: Organisation, Member: "x"}, {Kind: Organisation, Member: "x", Prefix: "ad"},
	} {
		lists[fmt.Sprintf("accounts %+v", f)] = func(tx *Tx, p Page) error { _, _, err := tx.ListAccounts(f, p); return err }
	}
	for _, f := range []TeamFilter{{}, {Organisation: "x"}, {Member: "x"}, {Handle: "ml"}, {Organisation: "x", Member: "y"}, {Organisation: "x", Handle: "ml"}} {
		lists[fmt.Sprintf("teams %+v", f)] = func(tx *Tx, p Page) error { _, _, err := tx.ListTeams(f, p); return err }
	}
	ops := GroupPrincipal("ops")
	for _, f := range []NamespaceFilter{
		{}, {Prefix: "la"}, {Label: "stage"}, {Label: "stage", Value: "demo"}, {Owner: ops}, {Members: []Principal{ops, "group:x"}},
		{Owner: ops, Label: "stage"}, {Owner: ops, Label: "stage", Value: "demo"}, {Members: []Principal{ops}, Label: "stage", Value: "demo"},
		{Members: []Principal{ops}, Owner: "group:x"}, {Prefix: "la", Label: "stage", Value: "demo"},
	} {
		lists[fmt.Sprintf("namespaces %+v", f)] = func(tx *Tx, p Page) error { _, _, err := tx.ListNamespaces(f, p); return err }
	}
	for _, f := range []BindingFilter{
		{}, {Role: View}, {Namespace: "lab"}, {Namespace: "lab", Role: View}, {Principals: []Principal{ops}}, {Principals: []Principal{ops}, Role: View},
		{Principals: []Principal{ops, "group:x"}}, {Namespace: "lab", Principals: []Principal{ops}},
	} {
		lists[fmt.Sprintf("bindings %+v", f)] = func(tx *Tx, p Page) error { _, _, err := tx.ListBindings(f, p); return err }
	}
	return lists
}

func everyJournal() (all []JournalFilter) {
	for n := range 64 {
		f := JournalFilter{Newest: n&1 > 0}
		for bit, set := range []func(){
			func() { f.Actor = "test" }, func() { f.Collection = CollectionAccounts }, func() { f.Key = "lab" },
			func() { f.Since = time.UnixMilli(1) }, func() { f.Until = time.Now() },
		} {
			if n>>(bit+1)&1 > 0 {
				set()
			}
		}
		all = append(all, f)
	}
	return all
}
