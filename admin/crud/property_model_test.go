package crud_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// model is what the directory holds as far as answers of REST have said so. It is kept
// with maps and slices and knows nothing of tables, journals and documents in memory.
type model struct {
	accounts []*holder // organisations too, as everything else in the order of its making
	teams    []*group
	spaces   []*space
	tokens   []*bearer // revoked ones too
	gone     []string  // uids of removed accounts and teams
}

// holder is an account.
type holder struct {
	uid, handle, kind, state, email, userID, name string

	roles                map[string]bool
	teams, organisations map[string]string
	linked               string // key of the identity at the trusted issuer; "" = none
	generation           uint64
	password             string // "" = none
	passwordDoc          identity.PasswordDocument
}

// group is a team.
type group struct{ uid, organisation, handle, name string }

// space is a namespace; quota is canonical JSON, "" = none.
type space struct {
	name     string
	owners   map[string]bool
	labels   map[string]string
	bindings map[string]grant
	quota    string
}

// grant is what a binding gives; the zero expiry is never.
type grant struct {
	role    string
	expires time.Time
}

// bearer is a token of an account.
type bearer struct {
	jti, account, kind, name, raw string

	scopes          []string
	issued, expires time.Time
	dead            bool // it counts no more, for whatever reason
	revoked         bool // by itself, and not with all of the account
}

func (m *model) holder(uid string) *holder {
	return found(m.accounts, func(a *holder) bool { return a.uid == uid })
}

func (m *model) team(uid string) *group {
	return found(m.teams, func(g *group) bool { return g.uid == uid })
}

func (m *model) space(name string) *space {
	return found(m.spaces, func(s *space) bool { return s.name == name })
}

// found is the first that is as wanted, nil where none is.
func found[T any](all []*T, wanted func(*T) bool) *T {
	if at := slices.IndexFunc(all, wanted); at >= 0 {
		return all[at]
	}
	return nil
}

// removePrincipals takes away all that is granted to principals that are gone.
func (m *model) removePrincipals(leaving ...string) {
	for _, s := range m.spaces {
		for _, p := range leaving {
			delete(s.owners, p)
			delete(s.bindings, p)
		}
	}
}

// lastOwners says whether a namespace would have no owner without them.
func (m *model) lastOwners(leaving ...string) bool {
	return slices.ContainsFunc(m.spaces, func(s *space) bool {
		for owner := range s.owners {
			if !slices.Contains(leaving, owner) {
				return false
			}
		}
		return true
	})
}

// leaving are the principals that go when an account does.
func (m *model) leaving(a *holder) []string {
	all := []string{"account:" + a.uid}
	for _, g := range m.teams {
		if g.organisation == a.uid {
			all = append(all, "team:"+g.uid)
		}
	}
	return all
}

func (m *model) removeAccount(a *holder) {
	leaving := m.leaving(a)
	m.removePrincipals(leaving...)
	for _, p := range leaving[1:] {
		m.removeTeam(m.team(strings.TrimPrefix(p, "team:")))
	}
	for _, other := range m.accounts {
		delete(other.organisations, a.uid)
	}
	m.endTokens(a)
	m.accounts = slices.DeleteFunc(m.accounts, func(other *holder) bool { return other == a })
	m.gone = append(m.gone, a.uid)
}

func (m *model) removeTeam(g *group) {
	m.removePrincipals("team:" + g.uid)
	for _, a := range m.accounts {
		delete(a.teams, g.uid)
	}
	m.teams = slices.DeleteFunc(m.teams, func(other *group) bool { return other == g })
	m.gone = append(m.gone, g.uid)
}

// leave takes an account out of an organisation and its teams.
func (m *model) leave(a *holder, organisation string) {
	delete(a.organisations, organisation)
	for _, g := range m.teams {
		if g.organisation == organisation {
			delete(a.teams, g.uid)
		}
	}
}

func (m *model) endTokens(of *holder) {
	for _, t := range m.tokens {
		if t.account == of.uid {
			t.dead = true
		}
	}
}

// principals are what an account holds grants by; groups come from a credential.
func (a *holder) principals(groups ...string) []string {
	all := []string{"account:" + a.uid}
	for uid := range a.teams {
		all = append(all, "team:"+uid)
	}
	for _, name := range groups {
		all = append(all, "group:"+name)
	}
	return all
}

// owns says whether the namespace is the account's, by itself, a team, a group, or an
// organisation that it owns.
func (s *space) owns(a *holder, groups ...string) bool {
	all := a.principals(groups...)
	for uid, role := range a.organisations {
		if role == "owner" {
			all = append(all, "account:"+uid)
		}
	}
	return slices.ContainsFunc(all, func(p string) bool { return s.owners[p] })
}

var verbs = map[string]string{"view": "read", "edit": "read write", "admin": "read write manage"}

// allows says whether the account may do in the namespace what a verb says.
func (s *space) allows(a *holder, verb string, now time.Time, groups ...string) bool {
	if s.owns(a, groups...) {
		return true
	}
	return slices.ContainsFunc(a.principals(groups...), func(p string) bool {
		return s.bindings[p].live(now) && strings.Contains(verbs[s.bindings[p].role], verb)
	})
}

// mayGive says whether who manages the namespace may grant that there: what they may do
// themselves, for as long as that.
func (s *space) mayGive(a *holder, b grant, now time.Time) bool {
	if s.owns(a) {
		return true
	}
	for verb := range strings.FieldsSeq(verbs[b.role]) {
		if !slices.ContainsFunc(a.principals(), func(p string) bool {
			own := s.bindings[p]
			return own.live(now) && strings.Contains(verbs[own.role], verb) && own.outlasts(b)
		}) {
			return false
		}
	}
	return s.allows(a, "manage", now)
}

// outlasts says whether it ends no earlier than another.
func (g grant) outlasts(other grant) bool {
	return g.expires.IsZero() || !other.expires.IsZero() && !other.expires.After(g.expires)
}

// live says whether it still gives anything; the zero grant never does.
func (g grant) live(now time.Time) bool {
	return g.role != "" && (g.expires.IsZero() || now.Before(g.expires))
}

// acts says whether anybody may act as the account; the zero one is nobody.
func (a *holder) acts() bool { return a != nil && a.kind != "organisation" && a.state != "disabled" }

// documents are what an export of the directory is to give, by collection and key.
func (m *model) documents() map[string]string {
	docs := map[string]string{}
	put := func(collection, key string, doc any) { docs[collection+"/"+key] = compact(doc) }
	for _, a := range m.accounts {
		put(identity.CollectionAccounts, a.uid, given(map[string]any{
			"kind": a.kind, "state": a.state, "roles": a.roles, "teams": a.teams, "organisations": a.organisations,
		}, "handle", a.handle, "email", a.email, "user_id", a.userID, "name", a.name))
		put(identity.CollectionGenerations, a.uid, map[string]any{"n": a.generation})
		if a.linked != "" {
			put(identity.CollectionIdentities, a.linked, map[string]any{"account": a.uid})
		}
		if a.password != "" {
			put(identity.CollectionPasswords, a.uid, a.passwordDoc)
		}
	}
	for _, g := range m.teams {
		put(identity.CollectionTeams, g.uid, given(map[string]any{"handle": g.handle, "organisation": g.organisation}, "name", g.name))
	}
	for _, s := range m.spaces {
		bindings := map[string]any{}
		for p, b := range s.bindings {
			bindings[p] = map[string]any{"role": b.role}
			if !b.expires.IsZero() {
				bindings[p] = map[string]any{"role": b.role, "expires": b.expires.Unix()}
			}
		}
		put(identity.CollectionNamespaces, s.name, map[string]any{"owners": s.owners, "labels": s.labels, "bindings": bindings})
		if s.quota != "" {
			put(identity.CollectionQuotas, s.name, json.RawMessage(s.quota))
		}
	}
	for _, t := range m.tokens {
		if !t.dead {
			put(identity.CollectionTokens, t.jti, given(map[string]any{
				"account": t.account, "kind": t.kind, "scopes": t.scopes, "issued": t.issued.Unix(), "expires": t.expires.Unix(),
			}, "name", t.name))
		}
		if t.revoked {
			put(identity.CollectionRevocations, t.jti, map[string]any{"account": t.account, "expires": t.expires.Unix()})
		}
	}
	return docs
}

// given adds members that are not empty, as pairs of name and value.
func given(doc map[string]any, pairs ...string) map[string]any {
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			doc[pair[0]] = pair[1]
		}
	}
	return doc
}

// compact is a value as the directory writes documents.
func compact(value any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // of values that the tests make
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// modelOf is the model of a directory that was filled in another way than by REST.
func modelOf(tb testing.TB, docs map[string]string) *model {
	tb.Helper()
	m := &model{}
	for _, key := range sortedKeys(docs) {
		collection, id, _ := strings.Cut(key, "/")
		switch collection {
		case identity.CollectionAccounts:
			doc := read[identity.AccountDocument](tb, docs[key])
			a := &holder{
				uid: id, handle: doc.Handle, kind: string(doc.Kind), state: string(doc.State), email: doc.Email, userID: doc.UserID, name: doc.Name,
				roles: map[string]bool{}, teams: map[string]string{}, organisations: map[string]string{}, generation: 1,
			}
			for role := range doc.Roles {
				a.roles[string(role)] = true
			}
			for uid, role := range doc.Teams {
				a.teams[string(uid)] = string(role)
			}
			for uid, role := range doc.Organisations {
				a.organisations[string(uid)] = string(role)
			}
			m.accounts = append(m.accounts, a)
		case identity.CollectionTeams:
			doc := read[identity.TeamDocument](tb, docs[key])
			m.teams = append(m.teams, &group{uid: id, organisation: string(doc.Organisation), handle: string(doc.Handle), name: doc.Name})
		case identity.CollectionNamespaces:
			doc := read[identity.NamespaceDocument](tb, docs[key])
			s := &space{name: id, owners: map[string]bool{}, labels: doc.Labels, bindings: map[string]grant{}}
			for p := range doc.Owners {
				s.owners[string(p)] = true
			}
			for p, b := range doc.Bindings {
				s.bindings[string(p)] = grant{role: string(b.Role)}
			}
			m.spaces = append(m.spaces, s)
		}
	}
	return m
}

func read[T any](tb testing.TB, text string) (value T) {
	tb.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return value
}

// bearerOf is a token as it was minted.
func bearerOf(raw string, c token.Claims) *bearer {
	return &bearer{
		jti: c.ID, account: c.Subject, kind: c.Kind, raw: raw, scopes: append([]string{}, c.Scopes...),
		issued: c.Issued.UTC(), expires: c.Expires.UTC(),
	}
}
