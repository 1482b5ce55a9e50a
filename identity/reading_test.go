package identity_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// pairWrites are writes that each change an account and a namespace to the same number,
// so that what is not of one revision shows.
func pairWrites(tb testing.TB, d *identity.Directory, id identity.AccountID) func(n int) {
	return func(n int) {
		write(tb, d, func(tx *identity.Tx) error {
			return firstError([]error{
				tx.UpdateAccount(identity.Account{ID: id, State: identity.Active, Name: fmt.Sprint("n", n)}),
				tx.PutNamespace(identity.Namespace{
					Name: "pair", Owners: []identity.Principal{identity.AccountPrincipal(id)}, Labels: map[string]string{"n": fmt.Sprint("n", n)},
				}),
			})
		})
	}
}

func TestExports_are_of_one_revision_while_somebody_writes(t *testing.T) {
	dir := t.TempDir()
	server, command := open(t, dir), open(t, dir)
	ada := person(t, server, "ada")
	pair := pairWrites(t, server, ada.ID)
	pair(0)
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel()
	writer.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			pair(n)
		}
	})
	for range 200 {
		revision, docs := exported(t, command, "accounts", "namespaces")
		n := revision - 2 // 1 made the account, 2 was the pair of 0
		want := documents{
			"accounts/" + string(ada.ID): fmt.Sprintf(`{"handle":"ada","kind":"person","name":"n%d","organisations":{},"roles":{},"state":"active","teams":{}}`, n),
			"namespaces/pair":            fmt.Sprintf(`{"bindings":{},"labels":{"n":"n%d"},"owners":{"account:%s":true}}`, n, ada.ID),
		}
		same(t, docs, want)
		if t.Failed() {
			return
		}
	}
}

func TestExports_at_the_same_time_do_not_wait_for_each_other(t *testing.T) {
	d := fresh(t)
	people(t, d, 50)
	_, want := exported(t, d)
	var all sync.WaitGroup
	defer all.Wait()
	for range 40 {
		all.Go(func() {
			_, changes, err := d.Export(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			docs, err := collect(changes)
			if err != nil || len(docs) != len(want) {
				t.Errorf("got %d documents, %v, want %d", len(docs), err, len(want))
			}
		})
	}
}

func TestExports_that_are_cut_short_say_so(t *testing.T) {
	d := fresh(t)
	people(t, d, 1000) // more than is read ahead
	total := 3 * 1000  // accounts, namespaces, generations
	t.Run("by the end of the context", func(t *testing.T) {
		for range 20 { // which of the lanes hears of it first is chance
			ctx, cancel := context.WithCancel(t.Context())
			_, changes, err := d.Export(ctx)
			is(t, err, nil)
			taken := 0
			for _, err = range changes {
				if taken++; taken == 10 {
					cancel()
				}
			}
			if !errors.Is(err, context.Canceled) || taken >= total {
				t.Errorf("got %d documents and %v, want fewer than %d and the context's error", taken, err, total)
			}
			cancel()
		}
	})
	t.Run("and one that nobody reads on ends, and leaves the directory usable", func(t *testing.T) {
		for range 50 { // more than there are connections
			_, changes, err := d.Export(t.Context())
			is(t, err, nil)
			for _, err := range changes {
				is(t, err, nil)
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			_, _, err := d.Export(ctx) // never ranged over
			is(t, err, nil)
		}
		cancel()
		eventually(t, time.Second, "every connection is free", func() bool {
			_, docs := exported(t, d)
			return len(docs) == total
		})
	})
}

func TestSinks_that_are_attached_together_are_fed_from_one_reading(t *testing.T) {
	d := fresh(t)
	people(t, d, 700)
	_, all := exported(t, d)
	_, some := exported(t, d, "generations", "namespaces")
	one, two, broken := &mirror{}, &mirror{}, &mirror{fail: func(string) error { return errOops }}
	together := func(third identity.Sink) error {
		return d.AttachAll(t.Context(),
			identity.Feed{Sink: one},
			identity.Feed{Sink: two, Collections: []string{"namespaces", "generations"}},
			identity.Feed{Sink: third, Collections: []string{"teams"}},
		)
	}
	is(t, together(broken), errOops)
	same(t, d.Healthy(), nil)
	write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "a") })
	same(t, []any{one.applied, two.applied}, []any{nil, nil}) // none is attached where one fails

	is(t, together(lazy{}), nil) // there are no teams, which is everything of them
	write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "b") })
	all["settings/issuer"] = `{"value":"b"}`
	for m, want := range map[*mirror]documents{one: all, two: some} {
		at, docs := m.state()
		same(t, []any{at, docs}, []any{3, want})
		same(t, []any{m.replaced, m.applied}, []any{[]uint64{1, 2}, []uint64{3}})
	}
}

// again is a sink that begins over when it has read a part.
type again struct{ lazy }

func (a again) Replace(_ context.Context, _ uint64, docs iter.Seq2[identity.Change, error]) error {
	for _, err := range docs {
		if err != nil {
			return err
		}
		break
	}
	for _, err := range docs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSinks_get_everything_once(t *testing.T) {
	d := fresh(t)
	people(t, d, 3)
	if err := d.Attach(t.Context(), again{}); err == nil {
		t.Error("a sink that left out what it read first was attached")
	}
}

func TestExports_of_full_documents_are_what_the_journal_says(t *testing.T) {
	d := fresh(t)
	draw := rand.New(rand.NewPCG(11, 12))
	var accounts []identity.AccountID
	var teams []identity.Team
	write(t, d, func(tx *identity.Tx) error { return createMany(tx, &accounts, &teams) })
	for n := range 40 { // in an order that is nobody's
		write(t, d, func(tx *identity.Tx) error {
			a := accounts[draw.IntN(len(accounts))]
			errs := []error{tx.GrantPlatformRole(a, identity.PlatformRole(fmt.Sprint("role-", draw.IntN(5))))}
			for range 3 {
				team := teams[draw.IntN(len(teams))]
				role := []identity.MemberRole{identity.Member, identity.Owner}[draw.IntN(2)]
				errs = append(errs, tx.PutMember(team.Organisation, a, role), tx.PutTeamMember(team.ID, a, role))
			}
			namespace := identity.Namespace{Name: identity.NamespaceName(fmt.Sprint("ns-", draw.IntN(8))), Labels: map[string]string{}}
			if n%3 == 0 {
				namespace.Quota = []byte(`{"hard": {"pods": "4"}}`)
			}
			for range 3 {
				namespace.Owners = append(namespace.Owners, identity.AccountPrincipal(accounts[draw.IntN(len(accounts))]))
				namespace.Labels[fmt.Sprint("label-", draw.IntN(9))] = fmt.Sprint("value-", n)
			}
			errs = append(errs, tx.PutNamespace(namespace))
			for i := range 4 {
				errs = append(errs, tx.PutBinding(identity.Binding{
					Namespace: namespace.Name, Principal: identity.TeamPrincipal(teams[draw.IntN(len(teams))].ID), Role: identity.Edit,
					Expires: []time.Time{{}, start.Add(time.Hour)}[i%2],
				}))
			}
			return firstError(errs)
		})
	}
	_, docs := exported(t, d)
	same(t, docs, folded(t, d))
	memberships := 0
	for key, raw := range docs {
		if strings.HasPrefix(key, identity.CollectionAccounts) {
			memberships = max(memberships, len(parse[identity.AccountDocument](t, raw).Teams))
		}
	}
	if memberships < 4 {
		t.Errorf("no account is in more than %d teams: this shows little", memberships)
	}
}

// createMany makes eight people, and four organisations with three teams each.
func createMany(tx *identity.Tx, accounts *[]identity.AccountID, teams *[]identity.Team) error {
	for n := range 8 {
		a, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(fmt.Sprint("p", n)), Kind: identity.Person, State: identity.Active})
		if err != nil {
			return err
		}
		*accounts = append(*accounts, a.ID)
	}
	for n := range 4 {
		org, err := tx.CreateAccount(identity.Account{Handle: identity.Handle(fmt.Sprint("org", n)), Kind: identity.Organisation, State: identity.Active})
		if err != nil {
			return err
		}
		for m := range 3 {
			team, err := tx.CreateTeam(identity.Team{Organisation: org.ID, Handle: identity.Handle(fmt.Sprint("team", m))})
			if err != nil {
				return err
			}
			*teams = append(*teams, team)
		}
	}
	return nil
}

func TestExports_give_a_collection_in_the_order_of_its_keys(t *testing.T) {
	d := fresh(t)
	people(t, d, 600)
	_, changes, err := d.Export(t.Context())
	is(t, err, nil)
	keys := map[string][]string{}
	for change, err := range changes {
		is(t, err, nil)
		keys[change.Collection] = append(keys[change.Collection], change.Key)
	}
	for collection, keys := range keys {
		if !slices.IsSorted(keys) {
			t.Errorf("%s are not sorted", collection)
		}
	}
	same(t, len(keys), 3)
}
