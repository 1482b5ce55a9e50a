package identity_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// people writes so many accounts, each with a namespace of its own.
func people(tb testing.TB, d *identity.Directory, n int) {
	tb.Helper()
	write(tb, d, func(tx *identity.Tx) error {
		for i := range n {
			a, err := tx.CreateAccount(identity.Account{
				Handle: identity.Handle(fmt.Sprintf("person-%d", i)), Kind: identity.Person, State: identity.Active,
				Email: identity.Email(fmt.Sprintf("person-%d@corp.test", i)),
			})
			if err != nil {
				return err
			}
			err = tx.PutNamespace(identity.Namespace{
				Name: identity.NamespaceName(fmt.Sprintf("ns-%d", i)), Owners: []identity.Principal{identity.AccountPrincipal(a.ID)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func BenchmarkOne_write_with_a_sink(b *testing.B) {
	d := fresh(b)
	people(b, d, 1000)
	attach(b, d)
	n := 0
	for b.Loop() {
		n++
		write(b, d, func(tx *identity.Tx) error {
			return tx.PutBinding(identity.Binding{
				Namespace: "ns-7", Principal: identity.GroupPrincipal(fmt.Sprint("g", n%100)),
				Role: identity.Role(fmt.Sprint("r", n)),
			})
		})
	}
}

func BenchmarkImport_of_1000_people_and_namespaces(b *testing.B) {
	for b.Loop() {
		people(b, fresh(b), 1000)
	}
}

func BenchmarkExport_of_1000_people_and_namespaces(b *testing.B) {
	d := fresh(b)
	people(b, d, 1000)
	for b.Loop() {
		if _, docs := exported(b, d, "accounts", "namespaces"); len(docs) != 2000 {
			b.Fatalf("got %d documents", len(docs))
		}
	}
}
