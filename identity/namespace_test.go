package identity_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestNamespaces_are_replaced_but_their_bindings_stay(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	group := identity.GroupPrincipal("/Data Science")
	write(t, d, func(tx *identity.Tx) error {
		return firstError([]error{
			tx.PutNamespace(identity.Namespace{
				Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID), identity.AccountPrincipal(ada.ID)},
				Labels: map[string]string{"example.org/stage": "prod", "empty": ""},
				Quota:  json.RawMessage("{ \"hard\": {\"memory\": \"1Gi\", \"cpu\": 4.50}}"),
			}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: group, Role: identity.View, Expires: start.Add(1500 * time.Millisecond)}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.AccountPrincipal(bob.ID), Role: "custom:role"}),
		})
	})
	bindings := []identity.Binding{
		{Namespace: "lab", Principal: identity.AccountPrincipal(bob.ID), Role: "custom:role"},
		{Namespace: "lab", Principal: group, Role: identity.View, Expires: start.Add(time.Second)},
	}
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Namespace("lab")
		same(t, got, identity.Namespace{
			Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)},
			Labels: map[string]string{"example.org/stage": "prod", "empty": ""},
			Quota:  json.RawMessage(`{"hard":{"cpu":4.50,"memory":"1Gi"}}`), Bindings: bindings,
		})
		return err
	})
	namespace(t, d, "lab", identity.AccountPrincipal(bob.ID), group)
	read(t, d, func(tx *identity.Tx) error {
		got, err := first(tx.Namespaces())
		same(t, got, identity.Namespace{
			Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(bob.ID), group},
			Labels: map[string]string{}, Bindings: bindings,
		})
		return err
	})
	_, docs := exported(t, d, identity.CollectionNamespaces, identity.CollectionQuotas)
	same(t, docs, documents{"namespaces/lab": fmt.Sprintf(
		`{"bindings":{"account:%s":{"role":"custom:role"},"group:/Data Science":{"expires":%d,"role":"view"}},"labels":{},"owners":{"account:%s":true,"group:/Data Science":true}}`,
		bob.ID, start.Unix()+1, bob.ID)})
	t.Run("and a name used again starts with none", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RemoveNamespace("lab") })
		namespace(t, d, "lab", identity.AccountPrincipal(ada.ID))
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.Namespace("lab")
			same(t, got, identity.Namespace{
				Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(ada.ID)}, Labels: map[string]string{},
			})
			return err
		})
	})
}

func TestThe_last_owner_stays(t *testing.T) {
	d := fresh(t)
	ada, bob, acme := person(t, d, "ada"), person(t, d, "bob"), organisation(t, d, "acme")
	research, ops := team(t, d, acme.ID, "research"), team(t, d, acme.ID, "ops")
	namespace(t, d, "of-ada", identity.AccountPrincipal(ada.ID))
	namespace(t, d, "of-research", identity.TeamPrincipal(research.ID))
	namespace(t, d, "of-acme", identity.AccountPrincipal(acme.ID), identity.TeamPrincipal(research.ID), identity.TeamPrincipal(ops.ID))
	namespace(t, d, "of-both", identity.AccountPrincipal(ada.ID), identity.AccountPrincipal(bob.ID))
	revision, before := exported(t, d)

	for name, c := range map[string]struct {
		write func(*identity.Tx) error
		names []string
	}{
		"no owner is left":                              {func(tx *identity.Tx) error { return tx.PutNamespace(identity.Namespace{Name: "of-ada"}) }, []string{"of-ada"}},
		"a new one without owner":                       {func(tx *identity.Tx) error { return tx.PutNamespace(identity.Namespace{Name: "new"}) }, []string{"new"}},
		"the owner is removed":                          {func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) }, []string{"of-ada"}},
		"the team is removed":                           {func(tx *identity.Tx) error { return tx.RemoveTeam(research.ID) }, []string{"of-research"}},
		"the organisation and all its teams go at once": {func(tx *identity.Tx) error { return tx.RemoveAccount(acme.ID) }, []string{"of-acme", "of-research"}},
	} {
		t.Run("when "+name, func(t *testing.T) {
			err := try(t, d, c.write)
			is(t, err, identity.ErrConflict)
			for _, name := range c.names {
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("got %v, which does not name %s", err, name)
				}
			}
		})
	}
	t.Run("and nothing was written", func(t *testing.T) {
		got, after := exported(t, d)
		same(t, []any{got, after}, []any{revision, before})
	})
	t.Run("until there is another", func(t *testing.T) {
		namespace(t, d, "of-ada", identity.AccountPrincipal(ada.ID), identity.GroupPrincipal("staff"))
		write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) })
		read(t, d, func(tx *identity.Tx) error {
			n, err := tx.Namespace("of-ada")
			same(t, n.Owners, []identity.Principal{"group:staff"})
			return err
		})
	})
	t.Run("many namespaces are named up to a point", func(t *testing.T) {
		for i := range 8 {
			namespace(t, d, identity.NamespaceName(fmt.Sprintf("ns%d", i)), identity.AccountPrincipal(bob.ID))
		}
		err := try(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(bob.ID) })
		if err == nil || !strings.Contains(err.Error(), "and 4 more") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNamespaces_and_bindings_that_are_not_whole_are_refused(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	owner := identity.AccountPrincipal(ada.ID)
	namespace(t, d, "lab", owner)
	put := func(n identity.Namespace) func(*identity.Tx) error {
		if n.Owners == nil {
			n.Owners = []identity.Principal{owner}
		}
		return func(tx *identity.Tx) error { return tx.PutNamespace(n) }
	}
	bind := func(b identity.Binding) func(*identity.Tx) error {
		return func(tx *identity.Tx) error { return tx.PutBinding(b) }
	}
	many := func(n int, f func(int) identity.Principal) (out []identity.Principal) {
		for i := range n {
			out = append(out, f(i))
		}
		return out
	}
	labels := map[string]string{}
	for i := range 257 {
		labels[fmt.Sprintf("l%d", i)] = ""
	}
	refused := map[string]struct {
		field string
		write func(*identity.Tx) error
	}{
		"name in upper case":     {"namespace", put(identity.Namespace{Name: "Lab"})},
		"name with a dot":        {"namespace", put(identity.Namespace{Name: "a.b"})},
		"name too long":          {"namespace", put(identity.Namespace{Name: identity.NamespaceName(strings.Repeat("a", 64))})},
		"owner without a kind":   {"principal", put(identity.Namespace{Name: "x", Owners: []identity.Principal{"ada"}})},
		"owner of another kind":  {"principal", put(identity.Namespace{Name: "x", Owners: []identity.Principal{"user:ada"}})},
		"owner by handle":        {"principal", put(identity.Namespace{Name: "x", Owners: []identity.Principal{"account:ada"}})},
		"empty group":            {"principal", put(identity.Namespace{Name: "x", Owners: []identity.Principal{"group:"}})},
		"too many owners":        {"owners", put(identity.Namespace{Name: "x", Owners: many(257, func(i int) identity.Principal { return identity.GroupPrincipal(fmt.Sprint(i)) })})},
		"too many labels":        {"labels", put(identity.Namespace{Name: "x", Labels: labels})},
		"label key with a blank": {"labels", put(identity.Namespace{Name: "x", Labels: map[string]string{"a b": ""}})},
		"label with bad prefix":  {"labels", put(identity.Namespace{Name: "x", Labels: map[string]string{"A_/b": ""}})},
		"label value too long":   {"labels", put(identity.Namespace{Name: "x", Labels: map[string]string{"a": strings.Repeat("v", 64)}})},
		"quota that is no JSON":  {"quota", put(identity.Namespace{Name: "x", Quota: json.RawMessage(`{"hard":`)})},
		"quota that is a list":   {"quota", put(identity.Namespace{Name: "x", Quota: json.RawMessage(`[]`)})},
		"quota that is null":     {"quota", put(identity.Namespace{Name: "x", Quota: json.RawMessage(`null`)})},
		"quota with a tail":      {"quota", put(identity.Namespace{Name: "x", Quota: json.RawMessage(`{} {}`)})},
		"quota too long":         {"quota", put(identity.Namespace{Name: "x", Quota: json.RawMessage(`{"a":"` + strings.Repeat("x", 64<<10) + `"}`)})},
		"binding without a role": {"role", bind(identity.Binding{Namespace: "lab", Principal: owner})},
		"binding an organisation": {"principal", bind(identity.Binding{
			Namespace: "lab", Principal: identity.AccountPrincipal(acme.ID), Role: identity.View})},
		"binding that expired before 1970": {"expires", bind(identity.Binding{
			Namespace: "lab", Principal: owner, Role: identity.View, Expires: time.Unix(-1, 0)})},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) { isInvalid(t, try(t, d, c.write), c.field) })
	}
	const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	missing := map[string]func(*identity.Tx) error{
		"owning account":      put(identity.Namespace{Name: "x", Owners: []identity.Principal{"account:" + nobody}}),
		"owning team":         put(identity.Namespace{Name: "x", Owners: []identity.Principal{"team:" + nobody}}),
		"bound account":       bind(identity.Binding{Namespace: "lab", Principal: "account:" + nobody, Role: identity.View}),
		"namespace to bind":   bind(identity.Binding{Namespace: "x", Principal: owner, Role: identity.View}),
		"binding to remove":   func(tx *identity.Tx) error { return tx.RemoveBinding("lab", owner) },
		"namespace to remove": func(tx *identity.Tx) error { return tx.RemoveNamespace("x") },
		"namespace to read":   func(tx *identity.Tx) error { _, err := tx.Namespace("x"); return err },
	}
	for name, fn := range missing {
		t.Run("not found: "+name, func(t *testing.T) { is(t, try(t, d, fn), identity.ErrNotFound) })
	}
}

func TestBindings_of_a_namespace_are_bounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 10,000 bindings")
	}
	d := fresh(t)
	namespace(t, d, "lab", "group:owners")
	bind := func(tx *identity.Tx, i int) error {
		return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: identity.GroupPrincipal(fmt.Sprint("g", i)), Role: identity.View})
	}
	write(t, d, func(tx *identity.Tx) error {
		for i := range 10_000 {
			if err := bind(tx, i); err != nil {
				return err
			}
		}
		return nil
	})
	isInvalid(t, try(t, d, func(tx *identity.Tx) error { return bind(tx, 10_000) }), "namespace")
	is(t, try(t, d, func(tx *identity.Tx) error { return bind(tx, 9_999) }), nil) // it is there already
}
