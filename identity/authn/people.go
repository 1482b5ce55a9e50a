package authn

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Collections of the directory that an Authenticator is to be fed with.
var Collections = []string{
	identity.CollectionAccounts, identity.CollectionTeams,
	identity.CollectionGenerations, identity.CollectionRevocations, identity.CollectionIdentities,
}

// people is what decides whether a genuine token still counts, and what headers say
// about its holder. Readers take no lock; the one writer is the directory's feed.
type people struct {
	index atomic.Pointer[index]
	// version counts what was fed, each time after it is in the index: what was found
	// out about a token at the version of now needs no second look.
	version atomic.Uint64
	// names counts, before version does, what may change how memberships are called.
	names atomic.Uint64
}

type index struct {
	accounts *xsync.Map[uid, record]
	teams    *xsync.Map[uid, team]
	revoked  *xsync.Map[string, struct{}] // by the id of the token
	linked   *xsync.Map[string, uid]      // by issuer, bar and subject
}

type team struct {
	handle       string
	organisation uid
}

func newIndex() *index {
	return &index{
		accounts: xsync.NewMap[uid, record](), teams: xsync.NewMap[uid, team](),
		revoked: xsync.NewMap[string, struct{}](), linked: xsync.NewMap[string, uid](),
	}
}

// standing is what was found out about the holder of a token that counts.
type standing struct {
	at     atomic.Uint64 // people.version
	id     string        // of the subject
	holder record        // that of nobody: a subject without account
	named  uint64        // people.names when the teams were put together
	teams  []string
	// size is how many bytes the names of the teams take, which belong to this alone.
	// The holder's are the index's.
	size int
}

// Account is what the directory says of an account, for surfaces that name people.
func (a *Authenticator) Account(id identity.AccountID) (identity.Subject, bool) {
	u, ok := parseUID(string(id))
	if !ok {
		return identity.Subject{}, false
	}
	x := a.people.index.Load()
	found, _ := x.accounts.Load(u)
	if !found.exists() {
		return identity.Subject{}, false
	}
	return describe(string(id), found, x.teamNames(found)), true
}

// subject finds whether the token still counts and who it belongs to.
func (p *people) subject(v *verified) (identity.Subject, *Refused) {
	version := p.version.Load()
	s := v.standing.Load()
	if s == nil || s.at.Load() != version {
		var refused *Refused
		if s, refused = p.judge(v, s); refused != nil {
			return identity.Subject{}, refused
		}
		s.at.Store(version)
		v.standing.Store(s)
	}
	subject := identity.Subject{ID: s.id, Kind: identity.SubjectExternal}
	if s.holder.exists() {
		subject = describe(s.id, s.holder, s.teams)
	}
	if v.external != nil {
		subject.Groups = v.external.token.Groups
	}
	subject.Token = v.info
	return subject, nil
}

// judge looks everything up that can take a genuine token its effect. The standing of
// before is returned where nothing has changed; the caller has read the version first.
func (p *people) judge(v *verified, before *standing) (*standing, *Refused) {
	names := p.names.Load()
	x := p.index.Load()
	if v.external != nil {
		return v.external.standing(x, before, names)
	}
	if _, revoked := x.revoked.Load(v.claims.ID); revoked {
		return nil, &Refused{Reason: ReasonRevokedToken, Detail: "the token"}
	}
	holder, _ := x.accounts.Load(v.holder)
	if !v.hasHolder {
		holder = ""
	}
	if refused := mayAct(holder); refused != nil {
		return nil, refused
	}
	if generation := holder.generation(); generation == 0 || generation != v.claims.Generation {
		return nil, &Refused{Reason: ReasonRevokedToken, Detail: "all tokens of the account"}
	}
	return x.standing(v.claims.Subject, holder, before, names), nil
}

// mayAct refuses accounts that nobody acts as.
func mayAct(holder record) *Refused {
	if !holder.exists() {
		return &Refused{Reason: ReasonUnknownAccount}
	}
	switch state, kind := holder.state(), holder.kind(); {
	case state != identity.Active && state != identity.Invited:
		return &Refused{Reason: ReasonAccountDisabled}
	case kind != identity.Person && kind != identity.Service:
		return &Refused{Reason: ReasonUnknownAccount, Detail: "no account that can act"}
	}
	return nil
}

// standing is that of an account that may act.
func (x *index) standing(id string, holder record, before *standing, names uint64) *standing {
	if before != nil && before.id == id && before.holder == holder && (before.named == names || before.teams == nil) {
		return before
	}
	s := &standing{id: id, holder: holder, named: names, teams: x.teamNames(holder)}
	for _, name := range s.teams {
		s.size += len(name) + int(unsafe.Sizeof(name))
	}
	return s
}

func describe(id string, r record, teams []string) identity.Subject {
	handle, email, userID, name, _ := r.texts()
	return identity.Subject{
		ID: id, Kind: identity.SubjectAccount, Handle: handle, Email: email,
		UserID: userID, Name: name, State: r.state(), Teams: teams,
	}
}

// teamNames are the account's teams as headers show them; nil where it is in none.
func (x *index) teamNames(r record) []string {
	_, _, _, _, teams := r.texts()
	if teams == "" {
		return nil
	}
	names := make([]string, 0, len(teams)/len(uid{}))
	for id := range teamsOf(teams) {
		t, ok := x.teams.Load(id)
		if !ok || t.handle == "" {
			continue
		}
		organisation, _ := x.accounts.Load(t.organisation)
		if !organisation.exists() || organisation.handle() == "" {
			continue
		}
		names = append(names, organisation.handle()+":"+t.handle)
	}
	slices.Sort(names)
	return names
}

// Apply implements identity.Sink. When it returns, the next request is judged by the
// changes.
func (a *Authenticator) Apply(_ context.Context, revision uint64, changes []identity.Change) error {
	if len(changes) == 0 {
		return nil
	}
	w := writer{index: a.people.index.Load()}
	defer func() { // after an error as well: a part of the changes is there
		if w.renamed {
			a.people.names.Add(1)
		}
		a.people.version.Add(1)
	}()
	for _, change := range changes {
		if err := w.put(change); err != nil {
			return fmt.Errorf("authn: revision %d: %w", revision, err)
		}
	}
	return nil
}

// Replace implements identity.Sink: readers see the old state until the new one is
// complete.
func (a *Authenticator) Replace(_ context.Context, revision uint64, documents iter.Seq2[identity.Change, error]) error {
	w := writer{index: newIndex()}
	for change, err := range documents {
		if err == nil {
			err = w.put(change)
		}
		if err != nil {
			return fmt.Errorf("authn: replace with revision %d: %w", revision, err)
		}
	}
	a.people.index.Store(w.index)
	a.people.names.Add(1)
	a.people.version.Add(1)
	return nil
}

// writer puts documents into an index. One that cannot be read is an error and changes
// nothing: the feed then replaces everything.
type writer struct {
	*index
	reader  reader
	renamed bool // what memberships are called may have changed
}

func (w *writer) put(c identity.Change) (err error) {
	switch c.Collection {
	case identity.CollectionAccounts:
		err = w.putAccount(c)
	case identity.CollectionTeams:
		err = w.putTeam(c)
	case identity.CollectionGenerations:
		err = w.putGeneration(c)
	case identity.CollectionRevocations:
		err = w.putRevocation(c)
	case identity.CollectionIdentities:
		err = w.putIdentity(c)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.Collection, c.Key, err)
	}
	return nil
}

func (w *writer) putAccount(c identity.Change) error {
	id, ok := parseUID(c.Key)
	if !ok {
		return errKey
	}
	before, _ := w.accounts.Load(id)
	var p *person
	if c.Doc != nil {
		var err error
		if p, err = w.reader.account(c.Doc); err != nil {
			return err
		}
	}
	after := pack(p, before.generation())
	for _, r := range [...]record{before, after} {
		w.renamed = w.renamed || r.exists() && r.kind() == identity.Organisation
	}
	w.store(id, after)
	return nil
}

func (w *writer) putGeneration(c identity.Change) error {
	id, ok := parseUID(c.Key)
	if !ok {
		return errKey
	}
	generation := uint64(0)
	if c.Doc != nil {
		var err error
		if generation, err = w.reader.generation(c.Doc); err != nil {
			return err
		}
	}
	before, _ := w.accounts.Load(id)
	w.store(id, before.withGeneration(generation))
	return nil
}

// store keeps nothing where there is neither an account nor a generation.
func (w *writer) store(id uid, r record) {
	if r == "" {
		w.accounts.Delete(id)
		return
	}
	w.accounts.Store(id, r)
}

func (w *writer) putTeam(c identity.Change) error {
	id, ok := parseUID(c.Key)
	if !ok {
		return errKey
	}
	w.renamed = true
	if c.Doc == nil {
		w.teams.Delete(id)
		return nil
	}
	t, err := w.reader.team(c.Doc)
	if err != nil {
		return err
	}
	w.teams.Store(id, t)
	return nil
}

func (w *writer) putRevocation(c identity.Change) error {
	if c.Doc == nil {
		w.revoked.Delete(c.Key)
		return nil
	}
	if _, err := w.reader.object(c.Doc); err != nil {
		return err
	}
	w.revoked.Store(c.Key, struct{}{})
	return nil
}
