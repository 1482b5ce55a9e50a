package identity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestWhatever_is_written_export_journal_and_sinks_agree_at_every_revision(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	d := fresh(t)
	early := attach(t, d)
	w := &world{random: rand.New(rand.NewPCG(seed, 1))}
	writes := propertyWrites(t)
	var late *mirror
	sum := fold{docs: documents{}}
	for n := range writes {
		_, err := d.Write(t.Context(), "test", w.someWrites)
		w.settle(err)
		if err != nil && !refusal(err) {
			t.Fatalf("write %d: %v", n, err)
		}
		sum.forward(t, d)
		if revision, docs := exported(t, d); revision != sum.revision || !maps.Equal(docs, sum.docs) {
			same(t, docs, sum.docs)
			t.Fatalf("write %d: the export is of revision %d, the journal ends at %d", n, revision, sum.revision)
		}
		if n == writes/2 {
			late = attach(t, d)
		}
	}
	revision, want := exported(t, d)
	t.Logf("%d writes made %d revisions and %d documents", writes, revision, len(want))
	same(t, sum.docs, want)
	for name, m := range map[string]*mirror{"from the start": early, "from half way": late} {
		at, docs := m.state()
		if at != revision || len(m.replaced) != 1 {
			t.Errorf("the sink attached %s is at %d after %d loads, want %d and 1", name, at, len(m.replaced), revision)
		}
		same(t, docs, want)
	}
	checkGrants(t, want)
	checkCanonical(t, want)
}

// propertyWrites is a hundredth of the steps that are asked for: after each write the
// whole directory is read. It is never less than what a usual run does.
func propertyWrites(t *testing.T) int {
	t.Helper()
	const usual, most = 300, 10_000
	if s := os.Getenv("GATEHOUSE_PROPERTY_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("GATEHOUSE_PROPERTY_STEPS: %v", err)
		}
		return min(max(n/100, usual), most)
	}
	if testing.Short() {
		return 60
	}
	return usual
}

// refusal tells an answer of the directory from a failure of it, such as having
// to be stopped by the database from leaving something dangling.
func refusal(err error) bool {
	if err != nil && strings.Contains(err.Error(), "still refers") {
		return false
	}
	var invalid *identity.InvalidError
	return errors.As(err, &invalid) || errors.Is(err, identity.ErrNotFound) ||
		errors.Is(err, identity.ErrExists) || errors.Is(err, identity.ErrConflict)
}

// fold is what the journal adds up to.
type fold struct {
	revision uint64
	docs     documents
}

// folded is what the whole journal adds up to.
func folded(t *testing.T, d *identity.Directory) documents {
	t.Helper()
	sum := fold{docs: documents{}}
	sum.forward(t, d)
	return sum.docs
}

// forward adds what is new in the journal; on the way each row must find what it says it
// found.
func (f *fold) forward(t *testing.T, d *identity.Directory) {
	t.Helper()
	for {
		entries, err := d.Journal(t.Context(), f.revision, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return
		}
		for _, e := range entries {
			key := e.Collection + "/" + e.Key
			if f.docs[key] != string(e.Before) {
				t.Fatalf("revision %d found %s as %q, its row says %q", e.Revision, key, f.docs[key], e.Before)
			}
			f.docs.apply([]identity.Change{{Collection: e.Collection, Key: e.Key, Doc: e.After}})
			f.revision = e.Revision
		}
	}
}

// checkGrants looks for anything that grants to, or through, what is not there.
func checkGrants(t *testing.T, docs documents) {
	t.Helper()
	exists := func(collection, key string) bool { _, ok := docs[collection+"/"+key]; return ok }
	principal := func(where string, p identity.Principal) {
		switch kind, id := p.Split(); {
		case kind == "account" && !exists("accounts", id), kind == "team" && !exists("teams", id):
			t.Errorf("%s names %s, which is gone", where, p)
		}
	}
	for key, raw := range docs {
		collection, id, _ := strings.Cut(key, "/")
		switch collection {
		case identity.CollectionAccounts:
			doc := parse[identity.AccountDocument](t, raw)
			for team := range doc.Teams {
				principal(key, identity.TeamPrincipal(team))
			}
			for org := range doc.Organisations {
				principal(key, identity.AccountPrincipal(org))
			}
		case identity.CollectionTeams:
			principal(key, identity.AccountPrincipal(parse[identity.TeamDocument](t, raw).Organisation))
		case identity.CollectionNamespaces:
			doc := parse[identity.NamespaceDocument](t, raw)
			if len(doc.Owners) == 0 {
				t.Errorf("%s has no owner", key)
			}
			for p := range maps.Keys(doc.Owners) {
				principal(key, p)
			}
			for p := range maps.Keys(doc.Bindings) {
				principal(key, p)
			}
		case identity.CollectionGenerations, identity.CollectionPasswords:
			principal(key, identity.AccountPrincipal(identity.AccountID(id)))
		case identity.CollectionQuotas:
			if !exists(identity.CollectionNamespaces, id) {
				t.Errorf("%s is of a namespace that is gone", key)
			}
		}
	}
}

func checkCanonical(t *testing.T, docs documents) {
	t.Helper()
	for key, raw := range docs {
		again, err := json.Marshal(parse[any](t, raw))
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != raw {
			t.Errorf("%s is %s, canonical would be %s", key, raw, again)
		}
	}
}

func parse[T any](t *testing.T, raw string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return value
}

// world writes at random, to things that exist or once existed.
type world struct {
	random   *rand.Rand
	accounts []identity.AccountID
	teams    []identity.TeamID
	pending  made
}

// made is what the write under way made; it counts once it is committed.
type made struct {
	accounts []identity.AccountID
	teams    []identity.TeamID
}

func (w *world) settle(err error) {
	if err == nil {
		w.accounts = append(w.accounts, w.pending.accounts...)
		w.teams = append(w.teams, w.pending.teams...)
	}
	w.pending = made{}
}

func (w *world) someWrites(tx *identity.Tx) error {
	for range 1 + w.random.IntN(4) {
		err := w.one(tx)
		if err != nil && (w.random.IntN(3) == 0 || !refusal(err)) {
			return err // otherwise the caller carries on as if nothing had been
		}
	}
	return nil
}

// recent keeps to a few, so that writes meet each other.
func recent[T any](all ...[]T) []T {
	some := slices.Concat(all...)
	return some[max(0, len(some)-8):]
}

func pick[T any](r *rand.Rand, from []T) (value T) {
	if len(from) > 0 {
		value = from[r.IntN(len(from))]
	}
	return value
}

func (w *world) account() identity.AccountID {
	return pick(w.random, recent(w.accounts, w.pending.accounts))
}
func (w *world) team() identity.TeamID {
	return pick(w.random, recent(w.teams, w.pending.teams))
}

func (w *world) name(kind string) string { return fmt.Sprintf("%s%d", kind, w.random.IntN(12)) }

func (w *world) namespace() identity.NamespaceName {
	return identity.NamespaceName(fmt.Sprint("ns", w.random.IntN(4)))
}

func (w *world) principal() identity.Principal {
	switch w.random.IntN(3) {
	case 0:
		return identity.AccountPrincipal(w.account())
	case 1:
		return identity.TeamPrincipal(w.team())
	default:
		return identity.GroupPrincipal(w.name("group"))
	}
}

func (w *world) one(tx *identity.Tx) error {
	role := pick(w.random, []identity.MemberRole{identity.Member, identity.Owner})
	steps := []func() error{
		func() error { return w.createAccount(tx) },
		func() error { return w.createAccount(tx) },
		func() error { return w.createTeam(tx) },
		func() error { return w.createTeam(tx) },
		func() error { return w.putNamespace(tx) },
		func() error { return w.putNamespace(tx) },
		func() error { return w.putBinding(tx) },
		func() error { return w.putBinding(tx) },
		func() error { return tx.RemoveBinding(w.namespace(), w.principal()) },
		func() error { return tx.PutMember(w.account(), w.account(), role) },
		func() error { return tx.RemoveMember(w.account(), w.account()) },
		func() error { return tx.PutTeamMember(w.team(), w.account(), role) },
		func() error { return tx.RemoveTeamMember(w.team(), w.account()) },
		func() error { return tx.GrantPlatformRole(w.account(), identity.PlatformRole(w.name("role"))) },
		func() error { return tx.RevokePlatformRole(w.account(), identity.PlatformRole(w.name("role"))) },
		func() error {
			return tx.UpdateAccount(identity.Account{ID: w.account(), State: identity.Disabled, Name: w.name("Name ")})
		},
		func() error { return tx.RevokeAccountTokens(w.account()) },
		func() error { return tx.RevokeToken(w.name("jti"), w.account(), start.Add(time.Hour)) },
		func() error { return tx.SetPassword(w.account(), "$argon2id$x", time.Time{}, false) },
		func() error { return tx.PutSetting("issuer", w.name("https://")) },
		func() error { return tx.RemoveNamespace(w.namespace()) },
		func() error { return tx.RemoveTeam(w.team()) },
		func() error { return tx.RemoveAccount(w.account()) },
	}
	return steps[w.random.IntN(len(steps))]()
}

func (w *world) createAccount(tx *identity.Tx) error {
	a, err := tx.CreateAccount(identity.Account{
		Handle: identity.Handle(fmt.Sprintf("h%d", w.random.IntN(1000))), State: identity.Active,
		Kind: pick(w.random, []identity.Kind{identity.Person, identity.Service, identity.Organisation}),
		Name: pick(w.random, []string{"", "Ada", "José O'Neill", "名前"}),
	})
	if err == nil {
		w.pending.accounts = append(w.pending.accounts, a.ID)
	}
	return err
}

func (w *world) createTeam(tx *identity.Tx) error {
	t, err := tx.CreateTeam(identity.Team{Organisation: w.account(), Handle: identity.Handle(w.name("team"))})
	if err == nil {
		w.pending.teams = append(w.pending.teams, t.ID)
	}
	return err
}

func (w *world) putNamespace(tx *identity.Tx) error {
	n := identity.Namespace{Name: w.namespace(), Labels: map[string]string{w.name("label"): w.name("v")}}
	for range w.random.IntN(6) {
		n.Owners = append(n.Owners, w.principal())
	}
	if w.random.IntN(2) == 0 {
		n.Quota = json.RawMessage(`{ "hard": {"pods": "4", "cpu": "2"} }`)
	}
	return tx.PutNamespace(n)
}

func (w *world) putBinding(tx *identity.Tx) error {
	return tx.PutBinding(identity.Binding{
		Namespace: w.namespace(), Principal: w.principal(), Expires: pick(w.random, []time.Time{{}, start}),
		Role: pick(w.random, []identity.Role{identity.View, identity.Edit, "custom"}),
	})
}
