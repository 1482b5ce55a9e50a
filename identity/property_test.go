package identity_test

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
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
	checkCovered(t, d, writes)
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
		case identity.CollectionTokens:
			principal(key, identity.AccountPrincipal(parse[identity.TokenDocument](t, raw).Account))
			if exists(identity.CollectionRevocations, id) {
				t.Errorf("%s is revoked", key)
			}
		case identity.CollectionIdentities:
			principal(key, identity.AccountPrincipal(parse[identity.IdentityDocument](t, raw).Account))
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

// checkCovered sees to it that the steps do what they are there for; few of them may miss
// some of it.
func checkCovered(t *testing.T, d *identity.Directory, writes int) {
	t.Helper()
	if writes < 3000 {
		return
	}
	entries, err := d.Journal(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]int{}
	for _, e := range entries {
		switch {
		case e.Before == nil:
			done[e.Collection+" made"]++
		case e.After == nil:
			done[e.Collection+" removed"]++
		default:
			done[e.Collection+" changed"]++
		}
	}
	t.Logf("%v", done)
	for _, collection := range []string{"accounts", "generations", "namespaces", "passwords", "revocations", "teams", "tokens", "identities"} {
		for _, what := range []string{" made", " removed", " changed"} {
			if done[collection+what] == 0 && collection+what != "identities changed" {
				t.Errorf("there were no %s", collection+what)
			}
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
