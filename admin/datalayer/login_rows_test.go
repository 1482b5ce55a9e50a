package datalayer_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// What other products' login doors fell to, one subtest each.
func TestLogin_withstands_known_attacks(t *testing.T) {
	t.Run("L01", rowEnumeration)
	t.Run("L01 when failures have become many", rowEnumerationByFailures)
	t.Run("L04", rowOverlong)
	t.Run("L07", rowWholePassword)
}

// rowEnumeration: no answer, and no time, tells who exists.
func rowEnumeration(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{
		Concurrency: 1, Lookup: 2 * time.Millisecond, Params: authn.Params{Memory: 512, Time: 1, Threads: 1},
	})
	tries := vainTries(t, d)
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	took := map[string][]time.Duration{}
	first := d.login(t, "known", "wrong")
	if first.status != http.StatusUnauthorized {
		t.Fatalf("got %d, want 401", first.status)
	}
	d.observed()
	for range rounds {
		d.turn(25 * time.Hour)         // the failures of before are forgotten
		for name, try := range tries { // in another order each time
			start := time.Now()
			got := d.login(t, try[0], try[1])
			took[name] = append(took[name], time.Since(start))
			if !reflect.DeepEqual(got, first) {
				t.Fatalf("%s: got %+v, want what a wrong password gets: %+v", name, got, first)
			}
			if work := d.observed(); len(work) != 1 {
				t.Fatalf("%s: %d hashes were computed, want 1", name, len(work))
			}
		}
	}
	var medians []time.Duration
	for _, name := range slices.Sorted(maps.Keys(took)) {
		slices.Sort(took[name])
		median := took[name][rounds/2]
		medians = append(medians, median)
		t.Logf("%-18s median %v", name, median)
	}
	if least, most := slices.Min(medians), slices.Max(medians); most > 2*least {
		t.Errorf("medians lie between %v and %v: the slowest kind takes more than twice the quickest", least, most)
	}
}

// vainTries are names and passwords that nobody gets in with, each for another cause.
func vainTries(t *testing.T, d *door) map[string][2]string {
	t.Helper()
	d.person(t, "known", identity.Active, "right", time.Time{})
	d.person(t, "disabled", identity.Disabled, "right", time.Time{})
	d.person(t, "locked", identity.Active, "right", d.now().Add(-time.Hour)) // its password has run out
	d.person(t, "invited", identity.Invited, "right", time.Time{})           // own variants from here
	return map[string][2]string{
		"known": {"known", "wrong"}, "unknown": {"nobody", "right"},
		"disabled": {"disabled", "right"}, "locked": {"locked", "right"},
		"invited": {"invited", "right"}, "unknown e-mail": {"nobody@example.org", "wrong"}, "no possible name": {"no body!", "wrong"},
	}
}

// rowEnumerationByFailures: names that nobody has are counted and made to wait like
// others, so that this does not tell them apart either.
func rowEnumerationByFailures(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	tries := vainTries(t, d)
	answers := map[string][]answer{}
	for name, try := range tries {
		for _, wait := range []time.Duration{0, 0, 0, 0, 0, 0, time.Second, 0, 2 * time.Second, 0} {
			d.turn(wait)
			answers[name] = append(answers[name], d.login(t, try[0], try[1]))
		}
	}
	var statuses []int
	for _, a := range answers["known"] {
		statuses = append(statuses, a.status)
	}
	if want := []int{401, 401, 401, 401, 401, 429, 401, 429, 401, 429}; !slices.Equal(statuses, want) {
		t.Errorf("got %v, want %v", statuses, want)
	}
	for name, got := range answers {
		if !reflect.DeepEqual(got, answers["known"]) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, answers["known"])
		}
	}
	if got, want := len(d.observed()), 7*len(tries); got != want {
		t.Errorf("%d hashes were computed, want %d: none for those who have to wait", got, want)
	}
}

// rowOverlong: what is too long is neither hashed nor logged.
func rowOverlong(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	long := strings.Repeat("n", 10<<20)
	cases := map[string]struct {
		body   string
		status int
	}{
		"10 MB handle":   {credentials(t, long, "x"), 413},
		"10 MB password": {credentials(t, "ada", long), 413},
		"10 MB of both":  {credentials(t, long, long), 413},
		// Own variants.
		"a handle of 255 bytes":         {credentials(t, long[:255], "x"), 400},
		"a handle of 128 wide letters":  {credentials(t, strings.Repeat("é", 128), "x"), 400},
		"a password of 1025 bytes":      {credentials(t, "ada", long[:1025]), 400},
		"10 MB of blanks":               {strings.Repeat(" ", 10<<20) + credentials(t, "ada", "x"), 413},
		"10 MB in an unknown field":     {`{"x":"` + long + `"}`, 413},
		"10 KB in an unknown name":      {`{"` + long[:10<<10] + `":1}`, 400},
		"a handle full of line breaks":  {credentials(t, strings.Repeat("\n", 254), "x"), 401},
		"a handle full of quotes":       {credentials(t, strings.Repeat(`"`, 254), "x"), 401},
		"a handle of controls":          {credentials(t, strings.Repeat("\x01", 254), "x"), 401},
		"a handle of wide letters, 254": {credentials(t, strings.Repeat("é", 127), "x"), 401},
	}
	refused := 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		if got := d.post(t, "/api/iam/v1/login", c.body); got.status != c.status || len(got.body) > 1024 {
			t.Errorf("%s: got %d and %d bytes, want %d and less than 1 KB", name, got.status, len(got.body), c.status)
		}
		if c.status == 401 {
			refused++
		}
	}
	if got := d.observed(); len(got) != refused {
		t.Errorf("%d hashes were computed, want %d", len(got), refused)
	}
	for line := range strings.Lines(d.log.String()) {
		if len(line) >= 1024 || !json.Valid([]byte(line)) {
			t.Errorf("a log line of %d bytes: %.100s", len(line), line)
		}
	}
	if !strings.Contains(d.log.String(), "login refused") {
		t.Error("refused logins are not logged at all")
	}
}

// rowWholePassword: every byte of a password counts.
func rowWholePassword(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	hundred := strings.Repeat("0123456789", 10)
	d.person(t, "long", identity.Active, hundred, time.Time{})
	d.person(t, "short", identity.Active, "a", time.Time{})
	d.person(t, "longest", identity.Active, strings.Repeat("p", authn.MaxPassword), time.Time{}) // own variants from here
	d.person(t, "nul", identity.Active, "a\x00b", time.Time{})
	for _, try := range []struct {
		handle, password string
		want             int
	}{
		{"long", hundred, 201},
		{"long", hundred[:90] + "x" + hundred[91:], 401},
		{"short", "a", 201},
		{"short", "a\x00b", 401},
		{"short", "a\x00", 401},
		{"long", hundred[:72], 401},
		{"long", hundred[:99], 401},
		{"long", hundred + " ", 401},
		{"short", "A", 401},
		{"short", " a", 401},
		{"short", "ａ", 401}, // the full-width letter
		{"longest", strings.Repeat("p", authn.MaxPassword), 201},
		{"longest", strings.Repeat("p", authn.MaxPassword-1), 401},
		{"longest", strings.Repeat("p", authn.MaxPassword-1) + "q", 401},
		{"nul", "a\x00b", 201},
		{"nul", "a", 401},
		{"nul", "a\x00c", 401},
	} {
		if got := d.login(t, try.handle, try.password); got.status != try.want {
			t.Errorf("%s with %.20q… of %d: got %d, want %d", try.handle, try.password, len(try.password), got.status, try.want)
		}
	}
}
