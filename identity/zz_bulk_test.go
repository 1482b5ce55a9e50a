package identity_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestZZBulk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := open(t, dir)
	if err := d.PrepareBulk(t.Context(), 256<<20); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	const n, per = 50_000, 10_000
	for from := 0; from < n; from += per {
		write(t, d, func(tx *identity.Tx) error {
			var as []identity.Account
			for i := from; i < from+per; i++ {
				as = append(as, identity.Account{Handle: identity.Handle(fmt.Sprintf("person-%d", i)), Kind: identity.Person, State: identity.Active, Email: identity.Email(fmt.Sprintf("person-%d@corp.test", i))})
			}
			made, err := tx.CreateAccounts(as)
			if err != nil {
				return err
			}
			var ns []identity.Namespace
			var bs []identity.Binding
			for i, a := range made {
				name := identity.NamespaceName(fmt.Sprintf("ns-%d", from+i))
				ns = append(ns, identity.Namespace{Name: name, Owners: []identity.Principal{identity.AccountPrincipal(a.ID)}, Labels: map[string]string{"team": fmt.Sprint("t", i%100)}})
				bs = append(bs, identity.Binding{Namespace: name, Principal: identity.AccountPrincipal(made[(i+1)%len(made)].ID), Role: identity.View})
			}
			if err := tx.PutNamespaces(ns); err != nil {
				return err
			}
			return tx.PutBindings(bs)
		})
		if err := d.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begin)
	info, _ := os.Stat(filepath.Join(dir, "gatehouse.db"))
	t.Logf("100,000 objects (and 50,000 bindings) in %v: %.0f objects/s, %d MB", took, 100_000/took.Seconds(), info.Size()>>20)
}
