package admintest

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Write changes the directory in one transaction.
func (g *Gate) Write(fn func(tx *identity.Tx) error) {
	g.tb.Helper()
	if _, err := g.Directory.Write(context.Background(), "test", fn); err != nil {
		g.tb.Fatal(err)
	}
}

// Person creates an active account with a handle and <handle>@corp.test.
func (g *Gate) Person(handle string, roles ...identity.PlatformRole) identity.Account {
	g.tb.Helper()
	return g.Create(identity.Account{
		Handle: identity.Handle(handle), Kind: identity.Person, State: identity.Active,
		Email: identity.Email(handle + "@corp.test"), Name: handle,
	}, roles...)
}

// Create creates an account as given.
func (g *Gate) Create(a identity.Account, roles ...identity.PlatformRole) identity.Account {
	g.tb.Helper()
	g.Write(func(tx *identity.Tx) error {
		var err error
		if a, err = tx.CreateAccount(a); err != nil {
			return err
		}
		for _, role := range roles {
			err = errors.Join(err, tx.GrantPlatformRole(a.ID, role))
		}
		return err
	})
	return a
}

// Namespace creates a namespace that the account owns.
func (g *Gate) Namespace(name string, owner identity.Account) {
	g.tb.Helper()
	g.Write(func(tx *identity.Tx) error {
		return tx.PutNamespace(identity.Namespace{
			Name: identity.NamespaceName(name), Owners: []identity.Principal{identity.AccountPrincipal(owner.ID)},
		})
	})
}

// Bind gives the account a role in a namespace.
func (g *Gate) Bind(namespace string, to identity.Account, role identity.Role) {
	g.tb.Helper()
	g.Write(func(tx *identity.Tx) error {
		return tx.PutBinding(identity.Binding{
			Namespace: identity.NamespaceName(namespace), Principal: identity.AccountPrincipal(to.ID), Role: role,
		})
	})
}

// Unbind takes the account's role in a namespace away.
func (g *Gate) Unbind(namespace string, from identity.Account) {
	g.tb.Helper()
	g.Write(func(tx *identity.Tx) error {
		return tx.RemoveBinding(identity.NamespaceName(namespace), identity.AccountPrincipal(from.ID))
	})
}

// SetState changes the state of an account.
func (g *Gate) SetState(of identity.Account, state identity.State) {
	g.tb.Helper()
	g.Write(func(tx *identity.Tx) error {
		a, err := tx.Account(of.ID)
		if err != nil {
			return err
		}
		a.State = state
		return tx.UpdateAccount(a)
	})
}

// Token mints an access token for an account, good for an hour.
func (g *Gate) Token(a identity.Account) string {
	g.tb.Helper()
	raw, _, err := g.Issuer.Access(token.UserOf(a), a.Generation, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		g.tb.Fatal(err)
	}
	return raw
}

// Bearer is a credential as Ask takes it.
func (g *Gate) Bearer(a identity.Account) Header {
	g.tb.Helper()
	return Header{"Authorization", "Bearer " + g.Token(a)}
}
