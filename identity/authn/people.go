package authn

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Collections of the directory that an Authenticator is to be fed with.
var Collections = []string{
	identity.CollectionAccounts, identity.CollectionTeams,
	identity.CollectionGenerations, identity.CollectionRevocations,
}

// people is what decides whether a genuine token still counts, and what headers say
// about its holder. Readers take no lock; the one writer is the directory's feed.
type people struct {
	index atomic.Pointer[index]
}

type index struct {
	accounts    sync.Map // string -> *account
	teams       sync.Map // string -> team
	generations sync.Map // string -> uint64
	revoked     sync.Map // jti -> expiry in Unix seconds
	// names counts the writes that may change what memberships are called.
	names atomic.Uint64
}

// accountDocument is the part of an identity.AccountDocument that authn keeps; there
// may be a million.
type accountDocument struct {
	Handle string                                  `json:"handle"`
	Kind   identity.Kind                           `json:"kind"`
	State  identity.State                          `json:"state"`
	Email  string                                  `json:"email"`
	UserID string                                  `json:"user_id"`
	Name   string                                  `json:"name"`
	Teams  map[identity.TeamID]identity.MemberRole `json:"teams"`
}

// account never changes, apart from the names that it remembers.
type account struct {
	accountDocument
	named atomic.Pointer[namedTeams]
}

type namedTeams struct {
	of    *index
	as    uint64 // index.names when they were put together
	teams []string
}

type team struct {
	Handle       string `json:"handle"`
	Organisation string `json:"organisation"`
}

// Account is what the directory says of an account, for surfaces that name people.
func (a *Authenticator) Account(id identity.AccountID) (identity.Subject, bool) {
	x := a.people.index.Load()
	found, ok := x.accounts.Load(string(id))
	if !ok {
		return identity.Subject{}, false
	}
	return x.describe(string(id), found.(*account)), true
}

// subject finds whether the claims still count and who they belong to.
func (p *people) subject(c *token.Claims) (identity.Subject, *Refused) {
	x := p.index.Load()
	if _, revoked := x.revoked.Load(c.ID); revoked {
		return identity.Subject{}, &Refused{Reason: ReasonRevokedToken, Detail: "the token"}
	}
	found, ok := x.accounts.Load(c.Subject)
	if !ok {
		return identity.Subject{}, &Refused{Reason: ReasonUnknownAccount}
	}
	holder := found.(*account)
	switch {
	case holder.State != identity.Active && holder.State != identity.Invited:
		return identity.Subject{}, &Refused{Reason: ReasonAccountDisabled}
	case holder.Kind != identity.Person && holder.Kind != identity.Service:
		return identity.Subject{}, &Refused{Reason: ReasonUnknownAccount, Detail: "no account that can act"}
	}
	if generation, ok := x.generations.Load(c.Subject); !ok || generation.(uint64) != c.Generation {
		return identity.Subject{}, &Refused{Reason: ReasonRevokedToken, Detail: "all tokens of the account"}
	}
	subject := x.describe(c.Subject, holder)
	subject.Token = identity.TokenInfo{Kind: c.Kind, JTI: c.ID, Issuer: c.Issuer, Scopes: c.Scopes}
	return subject, nil
}

func (x *index) describe(id string, a *account) identity.Subject {
	return identity.Subject{
		ID: id, Kind: identity.SubjectAccount, Handle: a.Handle, Email: a.Email,
		UserID: a.UserID, Name: a.Name, State: a.State, Teams: x.teamNames(a),
	}
}

// teamNames are the account's teams as headers show them. They are put together once
// and again only after a team or an organisation has changed.
func (x *index) teamNames(a *account) []string {
	if len(a.Teams) == 0 {
		return nil
	}
	as := x.names.Load()
	if known := a.named.Load(); known != nil && known.of == x && known.as == as {
		return known.teams
	}
	names := make([]string, 0, len(a.Teams))
	for id := range a.Teams {
		found, ok := x.teams.Load(string(id))
		if !ok {
			continue
		}
		t := found.(team)
		organisation, ok := x.accounts.Load(t.Organisation)
		if !ok || t.Handle == "" || organisation.(*account).Handle == "" {
			continue
		}
		names = append(names, organisation.(*account).Handle+":"+t.Handle)
	}
	slices.Sort(names)
	a.named.Store(&namedTeams{of: x, as: as, teams: names})
	return names
}

// Apply implements identity.Sink. When it returns, the next request is judged by the
// changes.
func (a *Authenticator) Apply(_ context.Context, revision uint64, changes []identity.Change) error {
	x := a.people.index.Load()
	for _, change := range changes {
		if err := x.put(change); err != nil {
			return fmt.Errorf("authn: revision %d: %w", revision, err)
		}
	}
	return nil
}

// Replace implements identity.Sink: readers see the old state until the new one is
// complete.
func (a *Authenticator) Replace(_ context.Context, revision uint64, documents iter.Seq2[identity.Change, error]) error {
	x := new(index)
	for change, err := range documents {
		if err == nil {
			err = x.put(change)
		}
		if err != nil {
			return fmt.Errorf("authn: replace with revision %d: %w", revision, err)
		}
	}
	a.people.index.Store(x)
	return nil
}

func (x *index) put(c identity.Change) error {
	switch c.Collection {
	case identity.CollectionAccounts:
		return x.putAccount(c)
	case identity.CollectionTeams:
		x.names.Add(1)
		defer x.names.Add(1) // before and after: nothing put together in between lasts
		return store(&x.teams, c, func(t team) any { return t })
	case identity.CollectionGenerations:
		return store(&x.generations, c, func(g identity.GenerationDocument) any { return g.N })
	case identity.CollectionRevocations:
		return store(&x.revoked, c, func(r identity.RevocationDocument) any { return r.Expires })
	}
	return nil
}

func (x *index) putAccount(c identity.Change) error {
	organisation := false
	if before, had := x.accounts.Load(c.Key); had {
		organisation = before.(*account).Kind == identity.Organisation
	}
	err := store(&x.accounts, c, func(doc accountDocument) any {
		organisation = organisation || doc.Kind == identity.Organisation
		return &account{accountDocument: doc}
	})
	if organisation {
		x.names.Add(1)
	}
	return err
}

// store keeps what keep makes of a document, or removes it. A document that cannot be
// read is an error and changes nothing: the feed then replaces everything.
func store[T any](in *sync.Map, c identity.Change, keep func(T) any) error {
	if c.Doc == nil {
		in.Delete(c.Key)
		return nil
	}
	var doc T
	if err := json.Unmarshal(c.Doc, &doc); err != nil {
		return fmt.Errorf("%s %s: %w", c.Collection, c.Key, err)
	}
	in.Store(c.Key, keep(doc))
	return nil
}
