package ingress_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// otherServer is within what time a change counts at another server of the directory.
const otherServer = time.Second

// withdrawal takes something away that a live token stands on, and says what its
// requests for path get from then on.
type withdrawal struct {
	path string
	take func(tx *identity.Tx, a admitted) error
	want outcome
}

// admitted is somebody who gets in by a binding, by a team, and by a role.
type admitted struct {
	person identity.Account
	team   identity.Team
	claims token.Claims // of the token
}

var withdrawals = map[string]withdrawal{
	"a binding": {"/by-binding", func(tx *identity.Tx, a admitted) error {
		return tx.RemoveBinding("shared", identity.AccountPrincipal(a.person.ID))
	}, outcome{http.StatusForbidden, "no_binding"}},
	"a membership of a team": {"/by-team", func(tx *identity.Tx, a admitted) error {
		return tx.RemoveTeamMember(a.team.ID, a.person.ID)
	}, outcome{http.StatusForbidden, "no_binding"}},
	"the binding of a team": {"/by-team", func(tx *identity.Tx, a admitted) error {
		return tx.RemoveBinding("teams", identity.TeamPrincipal(a.team.ID))
	}, outcome{http.StatusForbidden, "no_binding"}},
	"a team": {"/by-team", func(tx *identity.Tx, a admitted) error {
		return errors.Join(tx.RemoveBinding("teams", identity.TeamPrincipal(a.team.ID)), tx.RemoveTeam(a.team.ID))
	}, outcome{http.StatusForbidden, "no_binding"}},
	"a role of the platform": {"/admin", func(tx *identity.Tx, a admitted) error {
		return tx.RevokePlatformRole(a.person.ID, "admin")
	}, outcome{http.StatusForbidden, "role_missing"}},
	"an active state": {"/by-binding", func(tx *identity.Tx, a admitted) error {
		account, err := tx.Account(a.person.ID)
		if err != nil {
			return err
		}
		account.State = identity.Disabled
		return tx.UpdateAccount(account)
	}, outcome{http.StatusUnauthorized, "account_disabled"}},
	"the token": {"/by-binding", func(tx *identity.Tx, a admitted) error {
		return tx.RevokeToken(a.claims.ID, a.person.ID, a.claims.Expires)
	}, outcome{http.StatusUnauthorized, "revoked_token"}},
	"every token": {"/by-binding", func(tx *identity.Tx, a admitted) error {
		return tx.RevokeAccountTokens(a.person.ID)
	}, outcome{http.StatusUnauthorized, "revoked_token"}},
	"the account": {"/public", func(tx *identity.Tx, a admitted) error {
		return tx.RemoveAccount(a.person.ID)
	}, outcome{http.StatusUnauthorized, "unknown_account"}},
}

const changesRoutes = `{
  "by-binding": [{"host": "app.test", "path": "/by-binding/**", "application": "app", "access": "namespace", "namespace": "shared"}],
  "by-team": [{"host": "app.test", "path": "/by-team/**", "application": "app", "access": "namespace", "namespace": "teams"}],
  "public": [{"host": "app.test", "path": "/public/**", "application": "app", "access": "public"}],
  "admin": [{"host": "app.test", "path": "/admin/**", "application": "app", "access": "role:admin"}]
}
`

// A live token opens nothing any more from the next request on, and within a second at
// another server that follows the same directory.
func TestChanges_count_at_the_next_request(t *testing.T) {
	t.Run("S08", func(t *testing.T) {
		opts := []admintest.Option{
			admintest.Data(filepath.Join(t.TempDir(), "data")),
			admintest.Overlay(map[string]string{"custom/routes/data.json": changesRoutes}, "ingress"),
		}
		here := admintest.New(t, opts...)
		owner := here.Person("owner")
		here.Namespace("shared", owner)
		here.Namespace("teams", owner)
		there := admintest.New(t, opts...)
		follow(t, there.Directory)
		number := 0
		for name, w := range withdrawals {
			number++
			who, raw := admit(t, here, number)
			t.Run(name, func(t *testing.T) { withdraw(t, here, there, who, raw, w) })
		}
	})
}

func follow(t *testing.T, d *identity.Directory) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// admit creates somebody who gets in everywhere, in every way.
func admit(t *testing.T, g *admintest.Gate, number int) (admitted, string) {
	t.Helper()
	a := admitted{person: g.Person(fmt.Sprint("alice-", number), "admin")}
	acme := g.Create(identity.Account{
		Handle: identity.Handle(fmt.Sprint("acme-", number)), Kind: identity.Organisation, State: identity.Active,
	})
	g.Write(func(tx *identity.Tx) (err error) {
		if a.team, err = tx.CreateTeam(identity.Team{Organisation: acme.ID, Handle: "team-a"}); err != nil {
			return err
		}
		return errors.Join(
			tx.PutMember(acme.ID, a.person.ID, identity.Member), tx.PutTeamMember(a.team.ID, a.person.ID, identity.Member),
			tx.PutBinding(identity.Binding{Namespace: "shared", Principal: identity.AccountPrincipal(a.person.ID), Role: identity.View}),
			tx.PutBinding(identity.Binding{Namespace: "teams", Principal: identity.TeamPrincipal(a.team.ID), Role: identity.View}),
		)
	})
	raw, claims, err := g.Issuer.Access(token.UserOf(a.person), a.person.Generation, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a.claims = claims
	return a, raw
}

func withdraw(t *testing.T, here, there *admintest.Gate, who admitted, raw string, w withdrawal) {
	t.Helper()
	bearer := header{Name: "Authorization", Value: "Bearer " + raw}
	ask := func(g *admintest.Gate, at door) answer { return g.Ask(at, "GET", app+w.path+"/x", bearer) }
	settle(t, "before, at the other server", allowed, func() outcome { return outcomeOf(ask(there, admintest.Nginx)) })
	for _, at := range admintest.Doors {
		expect(t, "before, at "+string(at), ask(here, at), allowed)
		expect(t, "before, at the other server's "+string(at), ask(there, at), allowed)
	}
	here.Write(func(tx *identity.Tx) error { return w.take(tx, who) })
	for _, at := range admintest.Doors {
		expect(t, "after, at "+string(at), ask(here, at), w.want)
	}
	settle(t, "after, at the other server", w.want, func() outcome { return outcomeOf(ask(there, admintest.Nginx)) })
	for _, at := range admintest.Doors {
		expect(t, "after, at the other server's "+string(at), ask(there, at), w.want)
	}
}

// settle asks until it gets what it wants, for as long as another server may take.
func settle(t *testing.T, what string, want outcome, ask func() outcome) {
	t.Helper()
	start := time.Now()
	for {
		got := ask()
		if got == want {
			return
		}
		if time.Since(start) > otherServer {
			t.Fatalf("%s: got %v for %v, want %v", what, got, otherServer, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
