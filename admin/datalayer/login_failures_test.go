package datalayer_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// What other products' counters of failed logins fell to, one subtest each.
func TestFailed_logins_are_counted_where_they_belong(t *testing.T) {
	t.Run("L02", rowSpellings)
	t.Run("L02 by names that look alike", rowLookAlikes)
	t.Run("L02 at the doors of proxies", rowBasic)
	t.Run("L05", rowLockout)
	t.Run("L09", rowRestart)
}

// statuses are what a login is answered with, again and again.
func (d *door) statuses(t *testing.T, name, password string, times int) (got []int) {
	t.Helper()
	for range times {
		got = append(got, d.login(t, name, password).status)
	}
	return got
}

func wantStatuses(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// rowSpellings: all names of an account are one counter, for one client.
func rowSpellings(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	d.person(t, "alice", identity.Active, "right", time.Time{})
	d.person(t, "bob", identity.Active, "right", time.Time{})
	d.from = "203.0.113.9"
	wantStatuses(t, "as Alice", d.statuses(t, "Alice", "wrong", 3), 401, 401, 401)
	wantStatuses(t, "as alice@example.org", d.statuses(t, "alice@example.org", "wrong", 3), 401, 401, 429)
	d.observed()
	for _, name := range []string{"alice", "ALICE", "ALICE@EXAMPLE.ORG", " alice", "alice \t", "ａｌｉｃｅ", "𝐚lice", "alice＠example.org"} {
		got := d.login(t, name, "right")
		if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, `"success":false`) {
			t.Errorf("%q: got %+v, want 429 and Retry-After 1", name, got)
		}
	}
	if got := d.observed(); len(got) != 0 {
		t.Errorf("%d hashes were computed for those who have to wait", len(got))
	}
	wantStatuses(t, "another account", d.statuses(t, "bob", "right", 1), 201)
	// Own variants: other forms of one address, and other addresses.
	for from, want := range map[string]int{
		"::ffff:203.0.113.9": 429, "203.0.113.9:1234": 429, "8.8.8.8, 203.0.113.9": 429, "203.0.113.8": 201,
		"2001:db8::1": 201, "203.0.113.9, 8.8.8.8": 201,
	} {
		d.from = from
		wantStatuses(t, "from "+from, d.statuses(t, "alice", "right", 1), want)
	}
	d.from = "2001:db8:7::1"
	d.statuses(t, "alice", "wrong", 5)
	d.from = "2001:db8:7::ffff:2" // of the same /64
	wantStatuses(t, "from the same network", d.statuses(t, "alice", "right", 1), 429)
	d.turn(time.Second)
	wantStatuses(t, "after the wait", d.statuses(t, "alice", "right", 2), 201, 201)
}

// rowLookAlikes: what looks like a name counts as it, and does not sign in as it.
func rowLookAlikes(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	d.person(t, "alice", identity.Active, "right", time.Time{})
	for _, name := range []string{"аlice", "АLIСЕ", "ali\u200bce", "álice", "аlice@example.org", " \u00a0аlice "} {
		d.turn(25 * time.Hour) // begins anew
		wantStatuses(t, name+" with the right password", d.statuses(t, name, "right", 6), 401, 401, 401, 401, 401, 429)
		wantStatuses(t, "alice after "+name, d.statuses(t, "alice", "right", 1), 429)
	}
	d.turn(25 * time.Hour)
	wantStatuses(t, "blanks around the name", append(d.statuses(t, " alice\t", "right", 1), d.statuses(t, "alice\u3000", "right", 1)...), 201, 201)
}

// rowBasic: no door of a proxy looks at passwords, so none is a place to guess at.
func rowBasic(t *testing.T) {
	var hashes work
	now := time.Now()
	site := admintest.NewSite(t, admintest.Clock(func() time.Time { return now }),
		admintest.Passwords(authn.PasswordOptions{Params: cheap, Observe: hashes.observe}))
	giveAPassword(t, site, site.Alice, "right", cheap)
	for _, at := range admintest.Doors {
		for _, password := range []string{"wrong", "wrong", "wrong", "right"} {
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+password))
			got := site.Ask(at, "GET", "https://app.test/api/x", admintest.Header{Name: "Authorization", Value: basic})
			if got.Status != http.StatusUnauthorized || got.Reason() != "not_signed_in" {
				t.Errorf("%s with Basic and %s: got %d %s, want 401 not_signed_in", at, password, got.Status, got.Reason())
			}
		}
	}
	if got := hashes.observed(); len(got) != 0 {
		t.Errorf("%d hashes were computed", len(got))
	}
	for i := range 6 { // and none of that was counted
		want := http.StatusUnauthorized
		if i == 5 {
			want = http.StatusTooManyRequests
		}
		if got := site.Exchange(loginQuestion(credentials(t, "alice", "wrong"))); got.Status != want {
			t.Errorf("login %d: got %d, want %d", i+1, got.Status, want)
		}
	}
}

// rowLockout: what an attacker does elsewhere ends neither the sessions of the attacked
// nor their logins; it only slows down those at places where they have never been.
func rowLockout(t *testing.T) {
	now := time.Now() // and no later: nobody is through with waiting before the end
	site := admintest.NewSite(t, admintest.Passwords(authn.PasswordOptions{Params: cheap}), admintest.Clock(func() time.Time { return now }))
	giveAPassword(t, site, site.Alice, "right", cheap)
	alice := site.Bearer(site.Alice)
	login := func(from, password string) admintest.Answer {
		return admintest.ExchangeFrom(t, from, site.Address(), loginQuestion(credentials(t, "alice", password)))
	}
	if got := login("127.0.0.20", "right"); got.Status != http.StatusCreated {
		t.Fatalf("before the attack: got %d", got.Status)
	}
	for i := range 13 {
		if got := login(fmt.Sprint("127.0.0.", 2+i/5), "wrong"); got.Status != http.StatusUnauthorized {
			t.Errorf("failure %d: got %d", i+1, got.Status)
		}
	}
	if got := login("127.0.0.2", "right"); got.Status != http.StatusTooManyRequests {
		t.Errorf("the attacker: got %d, want 429", got.Status)
	}
	for _, at := range admintest.Doors {
		if got := site.Ask(at, "GET", "https://app.test/api/x", alice); got.Status != http.StatusOK {
			t.Errorf("a live token at %s: got %d %s", at, got.Status, got.Reason())
		}
	}
	if got := login("127.0.0.20", "right"); got.Status != http.StatusCreated {
		t.Errorf("from where alice has signed in: got %d", got.Status)
	}
	const least = 4 * 150 * time.Millisecond
	if got := login("127.0.0.21", "right"); got.Status != http.StatusCreated || got.Took < least {
		t.Errorf("from a new place: got %d after %v, want 201 after %v or more", got.Status, got.Took, least)
	}
}

// rowRestart: neither a new connection nor a restart forgets a failure.
func rowRestart(t *testing.T) {
	dir := t.TempDir()
	d := openDoor(t, dir, authn.PasswordOptions{Params: cheap}, nil)
	d.person(t, "alice", identity.Active, "right", time.Time{})
	for i := range 6 {
		http.DefaultClient.CloseIdleConnections() // each on a connection of its own
		if got, want := d.login(t, "alice", "wrong").status, map[bool]int{true: 429, false: 401}[i == 5]; got != want {
			t.Errorf("failure %d: got %d, want %d", i+1, got, want)
		}
	}
	d.close(t)
	again := openDoor(t, dir, authn.PasswordOptions{Params: cheap}, nil)
	again.began = d.began
	wantStatuses(t, "after a restart", again.statuses(t, "alice", "right", 2), 429, 429)
	again.turn(time.Second)
	wantStatuses(t, "after the wait", again.statuses(t, "alice", "wrong", 2), 401, 429)
	again.turn(time.Second)
	wantStatuses(t, "after half of the next one, which is twice as long", again.statuses(t, "alice", "right", 1), 429)
	again.turn(time.Second)
	wantStatuses(t, "after all of it", again.statuses(t, "alice", "right", 1), 201)
	wantStatuses(t, "with the counter cleared", again.statuses(t, "alice", "wrong", 6), 401, 401, 401, 401, 401, 429)
}
