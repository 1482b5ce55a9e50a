package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// journalled is a directory whose journal was written by a few actors while its clock
// went on, stood still and was set back, by as much as back at a time.
func journalled(t *testing.T, r *rand.Rand, writes int, back time.Duration) (d *identity.Directory, rows []identity.Entry) {
	t.Helper()
	now := start
	d, err := identity.Open(t.Context(), identity.Options{Dir: t.TempDir(), Create: true, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	for n := range writes {
		if now = now.Add(time.Duration(r.IntN(3)) * time.Second); r.IntN(10) == 0 && back > 0 {
			now = now.Add(-time.Duration(r.Int64N(int64(back))))
		}
		actor := identity.Actor(fmt.Sprint("test:", r.IntN(4)))
		_, err := d.Write(t.Context(), actor, func(tx *identity.Tx) error {
			for i := range 1 + r.IntN(3) {
				_, err := tx.CreateAccount(identity.Account{
					Handle: identity.Handle(fmt.Sprintf("a%d-%d", n, i)), Kind: identity.Person, State: identity.Active,
				})
				if err != nil {
					return err
				}
			}
			return tx.PutSetting(fmt.Sprint("s", r.IntN(3)), fmt.Sprint(n))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err = d.Journal(t.Context(), 0, 10_000)
	if err != nil || len(rows) < writes {
		t.Fatalf("%d rows after %d writes: %v", len(rows), writes, err)
	}
	return d, rows
}

func TestJournal_pages_are_what_a_look_at_all_rows_finds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 11))
	for name, back := range map[string]time.Duration{
		"a clock that only goes on": 0, "one that was set back a little": 3 * time.Second, "one that was set back far": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			d, rows := journalled(t, r, 120, back)
			if pruned := rows[0].Revision + uint64(r.IntN(20)); r.IntN(2) == 0 {
				is(t, d.PruneJournal(t.Context(), pruned), nil)
				rows = slices.DeleteFunc(rows, func(e identity.Entry) bool { return e.Revision < pruned })
			}
			for range 60 {
				some := func() identity.Entry { return rows[r.IntN(len(rows))] }
				f := identity.JournalFilter{
					Actor: perhaps(r, []identity.Actor{some().Actor, "nobody"}), Collection: perhaps(r, []string{some().Collection, "teams"}),
					Key: perhaps(r, []string{"", "", some().Key, "none"}), Newest: r.IntN(2) == 0,
					Since: perhaps(r, []time.Time{some().At, some().At.Add(time.Millisecond)}), Until: perhaps(r, []time.Time{some().At, some().At.Add(time.Hour)}),
				}
				got, want := journalPages(t, d, f, 20+r.IntN(100)), foundIn(rows, f)
				if !slices.Equal(got, want) {
					t.Fatalf("%+v\n got %s\nwant %s", f, strings.Join(got, "; "), strings.Join(want, "; "))
				}
			}
		})
	}
}

// journalPages reads what a filter chooses to its end.
func journalPages(t *testing.T, d *identity.Directory, f identity.JournalFilter, limit int) (all []string) {
	t.Helper()
	var at identity.JournalAt
	for {
		rows, more, err := d.JournalPage(t.Context(), f, at, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > limit || more && len(rows) == 0 {
			t.Fatalf("a page of %d has %d rows, and more: %v", limit, len(rows), more)
		}
		for _, e := range rows {
			all = append(all, place(e))
		}
		if !more {
			return all
		}
		last := rows[len(rows)-1]
		at = identity.JournalAt{Revision: last.Revision, Seq: last.Seq}
	}
}

func place(e identity.Entry) string {
	return fmt.Sprintf("%d.%d %s %s/%s at %s: %s -> %s", e.Revision, e.Seq, e.Actor, e.Collection, e.Key, e.At.Format(time.StampMilli), e.Before, e.After)
}

// foundIn is what a filter chooses among all rows.
func foundIn(rows []identity.Entry, f identity.JournalFilter) (all []string) {
	for _, e := range rows {
		if (f.Actor == "" || f.Actor == e.Actor) && (f.Collection == "" || f.Collection == e.Collection) && (f.Key == "" || f.Key == e.Key) &&
			(f.Since.IsZero() || !e.At.Before(f.Since)) && (f.Until.IsZero() || e.At.Before(f.Until)) {
			all = append(all, place(e))
		}
	}
	if f.Newest {
		slices.Reverse(all)
	}
	return all
}
