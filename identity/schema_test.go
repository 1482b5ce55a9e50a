package identity_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// schemaOf compiles the schema of a collection's documents.
func schemaOf(tb testing.TB, collection string) *jsonschema.Schema {
	tb.Helper()
	name := "identity." + collection + ".json"
	raw, err := schemas.FS.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, doc); err != nil {
		tb.Fatal(err)
	}
	schema, err := compiler.Compile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

func TestDocuments_are_what_the_schemas_say(t *testing.T) {
	d := fresh(t)
	w := &world{random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))}
	for range 150 {
		_, err := d.Write(t.Context(), "test", w.someWrites)
		w.settle(err)
	}
	write(t, d, func(tx *identity.Tx) error { // every field in use
		a, err := tx.CreateAccount(identity.Account{
			Handle: "whole", Kind: identity.Person, State: identity.Active, Email: "é@corp.test", UserID: "É@corp.test",
			Name: strings.Repeat("名", 128),
		})
		if err != nil {
			return err
		}
		b, err := tx.CreateAccount(identity.Account{Kind: identity.Service, State: identity.Invited, UserID: "system:serviceaccount:a:b"})
		if err != nil {
			return err
		}
		org, err := tx.CreateAccount(identity.Account{Handle: "company", Kind: identity.Organisation, State: identity.Active})
		if err != nil {
			return err
		}
		tm, err := tx.CreateTeam(identity.Team{Organisation: org.ID, Handle: "research", Name: "Research"})
		if err != nil {
			return err
		}
		owners := []identity.Principal{identity.AccountPrincipal(org.ID), identity.TeamPrincipal(tm.ID), identity.GroupPrincipal("/a b:c")}
		return firstError([]error{
			tx.GrantPlatformRole(a.ID, "admin"), tx.GrantPlatformRole(b.ID, "admin"),
			tx.PutMember(org.ID, a.ID, identity.Owner), tx.PutTeamMember(tm.ID, b.ID, identity.Member),
			tx.PutNamespace(identity.Namespace{Name: "whole", Owners: owners, Labels: map[string]string{"x.test/a": "b"}}),
			tx.PutBinding(identity.Binding{Namespace: "whole", Principal: identity.GroupPrincipal("é"), Role: "c:d", Expires: start}),
		})
	})
	compiled := map[string]*jsonschema.Schema{}
	for _, collection := range []string{identity.CollectionAccounts, identity.CollectionTeams, identity.CollectionNamespaces} {
		compiled[collection] = schemaOf(t, collection)
	}
	seen := map[string]int{}
	_, docs := exported(t, d, slices.Collect(maps.Keys(compiled))...)
	for key, raw := range docs {
		collection, _, _ := strings.Cut(key, "/")
		seen[collection]++
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled[collection].Validate(doc); err != nil {
			t.Errorf("%s %s: %v", key, raw, err)
		}
	}
	for collection := range compiled {
		if seen[collection] == 0 {
			t.Errorf("no document of %s was made", collection)
		}
	}
}

func TestSchemas_have_the_fields_of_the_documents(t *testing.T) {
	whole := map[string]any{
		identity.CollectionAccounts: identity.AccountDocument{Email: "x", Handle: "x", Name: "x", UserID: "x"},
		identity.CollectionTeams:    identity.TeamDocument{Name: "x"},
		identity.CollectionNamespaces: identity.NamespaceDocument{
			Bindings: map[identity.Principal]identity.BindingDocument{},
		},
	}
	for collection, doc := range whole {
		t.Run(collection, func(t *testing.T) {
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(asJSON(t, doc)), &fields); err != nil {
				t.Fatal(err)
			}
			got := slices.Sorted(maps.Keys(schemaOf(t, collection).Properties))
			same(t, got, slices.Sorted(maps.Keys(fields)))
		})
	}
}
