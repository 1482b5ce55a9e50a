package identity_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

var (
	home   = netip.MustParsePrefix("192.0.2.1/32")
	office = netip.MustParsePrefix("198.51.100.7/32")
	ada    = identity.AccountLogin("01ADA")
)

// clocked is a directory whose clock the test turns.
func clocked(t *testing.T, dir string) (*identity.Directory, func(time.Duration)) {
	t.Helper()
	now := start
	d, err := identity.Open(t.Context(), identity.Options{Dir: dir, Create: true, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, func(by time.Duration) { now = now.Add(by) }
}

func fail(t *testing.T, d *identity.Directory, login identity.LoginKey, from netip.Prefix, times int) {
	t.Helper()
	for range times {
		if err := d.LoginFailed(t.Context(), login, from); err != nil {
			t.Fatal(err)
		}
	}
}

func succeed(t *testing.T, d *identity.Directory, login identity.LoginKey, from netip.Prefix) {
	t.Helper()
	if err := d.LoginSucceeded(t.Context(), login, from); err != nil {
		t.Fatal(err)
	}
}

func remembered(t *testing.T, d *identity.Directory, login identity.LoginKey, from netip.Prefix) identity.LoginFailures {
	t.Helper()
	f, err := d.LoginFailures(t.Context(), login, from)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func failures(count int, age time.Duration) identity.Failures {
	return identity.Failures{Count: count, Age: age}
}

func TestFailed_logins_are_counted_per_network_and_together(t *testing.T) {
	d, turn := clocked(t, t.TempDir())
	same(t, remembered(t, d, ada, home), identity.LoginFailures{})
	fail(t, d, ada, home, 3)
	turn(time.Minute)
	fail(t, d, ada, office, 2)
	turn(time.Second)
	same(t, remembered(t, d, ada, home), identity.LoginFailures{Here: failures(3, 61*time.Second), All: failures(5, time.Second)})
	same(t, remembered(t, d, ada, office), identity.LoginFailures{Here: failures(2, time.Second), All: failures(5, time.Second)})
	same(t, remembered(t, d, ada, netip.Prefix{}), identity.LoginFailures{All: failures(5, time.Second)})
	same(t, remembered(t, d, identity.AccountLogin("01EVE"), home), identity.LoginFailures{})
	fail(t, d, ada, netip.Prefix{}, 1)
	same(t, remembered(t, d, ada, netip.Prefix{}), identity.LoginFailures{Here: failures(1, 0), All: failures(6, 0)})
}

func TestFailed_logins_make_no_revision(t *testing.T) {
	d, _ := clocked(t, t.TempDir())
	person(t, d, "ada")
	before := d.Revision()
	fail(t, d, ada, home, 2)
	succeed(t, d, ada, home)
	person(t, d, "eve")
	same(t, d.Revision(), before+1)
}

func TestSuccess_clears_the_network_it_came_from_and_makes_it_known(t *testing.T) {
	d, turn := clocked(t, t.TempDir())
	fail(t, d, ada, home, 3)
	fail(t, d, ada, office, 4)
	succeed(t, d, ada, home)
	same(t, remembered(t, d, ada, home), identity.LoginFailures{All: failures(4, 0), Known: true})
	same(t, remembered(t, d, ada, office), identity.LoginFailures{Here: failures(4, 0), All: failures(4, 0)})
	succeed(t, d, ada, office)
	same(t, remembered(t, d, ada, office), identity.LoginFailures{Known: true})
	turn(29 * 24 * time.Hour)
	succeed(t, d, ada, office)
	turn(2 * 24 * time.Hour)
	same(t, remembered(t, d, ada, home), identity.LoginFailures{}) // forgotten after 30 days
	same(t, remembered(t, d, ada, office), identity.LoginFailures{Known: true})
}

func TestFailed_logins_are_forgotten_after_a_day(t *testing.T) {
	d, turn := clocked(t, t.TempDir())
	fail(t, d, ada, home, 3)
	turn(24*time.Hour - time.Second)
	same(t, remembered(t, d, ada, home).Here.Count, 3)
	turn(time.Second)
	same(t, remembered(t, d, ada, home), identity.LoginFailures{})
	fail(t, d, ada, home, 1)
	same(t, remembered(t, d, ada, home), identity.LoginFailures{Here: failures(1, 0), All: failures(1, 0)})
}

func TestFailed_logins_do_not_lock_anybody_out_when_the_clock_is_set_back(t *testing.T) {
	d, turn := clocked(t, t.TempDir())
	fail(t, d, ada, home, 3)
	turn(-time.Minute)
	same(t, remembered(t, d, ada, home).Here, failures(3, 0))
	turn(-time.Hour)
	same(t, remembered(t, d, ada, home).Here, failures(0, 0))
	fail(t, d, ada, home, 1)
	same(t, remembered(t, d, ada, home).Here, failures(1, 0))
}

func TestFailed_logins_survive_a_restart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, _ := clocked(t, dir)
	fail(t, d, ada, home, 7)
	succeed(t, d, ada, office)
	want := identity.LoginFailures{Here: failures(7, 0), All: failures(7, 0)}
	same(t, remembered(t, d, ada, home), want)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := clocked(t, dir)
	same(t, remembered(t, again, ada, home), want)
	same(t, remembered(t, again, ada, office).Known, true)
}

func TestKnown_networks_of_a_login_are_few(t *testing.T) {
	d, turn := clocked(t, t.TempDir())
	at := netip.MustParseAddr("192.0.2.0")
	for range 33 {
		turn(time.Second)
		succeed(t, d, ada, netip.PrefixFrom(at, 32))
		at = at.Next()
	}
	known := 0
	for at = netip.MustParseAddr("192.0.2.0"); at != netip.MustParseAddr("192.0.2.33"); at = at.Next() {
		if remembered(t, d, ada, netip.PrefixFrom(at, 32)).Known {
			known++
		}
	}
	same(t, known, 32)
	same(t, remembered(t, d, ada, netip.MustParsePrefix("192.0.2.0/32")).Known, false) // the oldest gave way
}

func TestNames_that_look_alike_are_one_login(t *testing.T) {
	for _, name := range []string{
		"Alice", "ALICE", " alice\t", "alice\u3000", "ａｌｉｃｅ", "𝐚𝐥𝐢𝐜𝐞", "аlice", "АLIСЕ", "αlιce", "áliçe", "a\u200blice", "ali\u00adce\u202e", "aӏice",
	} {
		if got := identity.LookAlike(name); got != "alice" {
			t.Errorf("LookAlike(%q) = %q, want alice", name, got)
		}
		same(t, identity.UnknownLogin(name), identity.UnknownLogin("alice"))
	}
	for _, name := range []string{"a1ice", "alicia", "alice@corp.test", "al-ice", "al ice", "", "аlісеs"} {
		if identity.UnknownLogin(name) == identity.UnknownLogin("alice") {
			t.Errorf("%q counts as alice", name)
		}
	}
	if identity.UnknownLogin("01ADA") == identity.AccountLogin("01ADA") {
		t.Error("a name that spells an account's id counts as the account")
	}
}

func BenchmarkLogin_failures(b *testing.B) {
	d, err := identity.Open(b.Context(), identity.Options{Dir: b.TempDir(), Create: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	b.Run("counted", func(b *testing.B) {
		for b.Loop() {
			if err := d.LoginFailed(b.Context(), ada, home); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.LoginFailures(b.Context(), ada, home); err != nil {
				b.Fatal(err)
			}
		}
	})
}
