package authn

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

var (
	home  = netip.MustParseAddr("192.0.2.1")
	cafe  = netip.MustParseAddr("198.51.100.7")
	thief = netip.MustParseAddr("203.0.113.9")
)

// newGate are Passwords whose line is written down instead of stood in, and how their
// checks ended.
func (w *world) newGate(tb testing.TB, o PasswordOptions) (p *Passwords, line *[]time.Duration, ended *[]Outcome) {
	tb.Helper()
	var mu sync.Mutex
	line, ended = new([]time.Duration), new([]Outcome)
	o.Params, o.Now, o.Lookup = cheap, w.now, time.Nanosecond
	o.Outcome = func(how Outcome) { mu.Lock(); defer mu.Unlock(); *ended = append(*ended, how) }
	p = NewPasswords(w.dir, o)
	p.pause = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*line = append(*line, d)
		return nil
	}
	return p, line, ended
}

func (w *world) turn(by time.Duration) { w.at.Add(int64(by / time.Second)) }

// tryAs tries a name so many times and returns the errors.
func tryAs(tb testing.TB, p *Passwords, name, password string, from netip.Addr, times int) (errs []error) {
	tb.Helper()
	for range times {
		_, err := p.Check(tb.Context(), Attempt{Name: name, Password: password, Address: from})
		errs = append(errs, err)
	}
	return errs
}

func waitOf(tb testing.TB, err error) time.Duration {
	tb.Helper()
	var tooMany *TooManyError
	if !errors.As(err, &tooMany) {
		tb.Fatalf("got %v, want a TooManyError", err)
	}
	return tooMany.Wait
}

func TestCheck_makes_a_client_wait_twice_as_long_with_each_failure(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} {
		w := newWorld(t)
		w.setPassword(t, w.ada, "right", time.Time{})
		p, line, _ := w.newGate(t, PasswordOptions{})
		for i, err := range tryAs(t, p, name, "wrong", thief, 5) {
			if !errors.Is(err, ErrWrong) {
				t.Fatalf("%s: failure %d: got %v, want %v", name, i+1, err, ErrWrong)
			}
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
			want *= time.Second
			got := waitOf(t, tryAs(t, p, name, "right", thief, 1)[0])
			if got != want {
				t.Errorf("%s: got to wait %v, want %v", name, got, want)
			}
			w.turn(want - time.Second)
			if got := waitOf(t, tryAs(t, p, name, "right", thief, 1)[0]); got != time.Second {
				t.Errorf("%s: got to wait %v at the end of %v, want a second", name, got, want)
			}
			w.turn(time.Second)
			if err := tryAs(t, p, name, "wrong", thief, 1)[0]; !errors.Is(err, ErrWrong) {
				t.Errorf("%s: after %v: got %v, want %v", name, want, err, ErrWrong)
			}
		}
		w.turn(24 * time.Hour)
		*line = nil
		for _, err := range tryAs(t, p, name, "wrong", thief, 5) {
			if !errors.Is(err, ErrWrong) {
				t.Errorf("%s: a day later: got %v, want %v", name, err, ErrWrong)
			}
		}
		if len(*line) != 0 {
			t.Errorf("%s: a day later they stand in line for %v", name, *line)
		}
	}
}

func TestTooManyError_says_whole_seconds(t *testing.T) {
	for wait, want := range map[time.Duration]int{0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 15 * time.Minute: 900} {
		if got := (&TooManyError{Wait: wait}).Seconds(); got != want {
			t.Errorf("%v: got %d, want %d", wait, got, want)
		}
	}
}

func TestCheck_only_slows_down_others_than_those_who_failed(t *testing.T) {
	for _, name := range []string{"ada", "nobody"} { // the same line for both
		w := newWorld(t)
		w.setPassword(t, w.ada, "right", time.Time{})
		p, line, _ := w.newGate(t, PasswordOptions{})
		at := thief
		for range 8 { // 5 failures each
			tryAs(t, p, name, "wrong", at, 5)
			at = at.Next()
		}
		var want []time.Duration
		for others := range 40 { // what the try after so many failures stands in line
			if others >= 10 {
				want = append(want, min(3*time.Second, time.Duration(others-9)*150*time.Millisecond))
			}
		}
		if !slices.Equal(*line, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, *line, want)
		}
	}
}

func TestCheck_does_not_slow_down_who_has_signed_in_before(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	p, line, _ := w.newGate(t, PasswordOptions{})
	if err := tryAs(t, p, "ada", "right", home, 1)[0]; err != nil {
		t.Fatal(err)
	}
	at := thief
	for range 4 {
		tryAs(t, p, "ada", "wrong", at, 5)
		at = at.Next()
	}
	*line = nil
	if errs := tryAs(t, p, "ada", "right", home, 2); errors.Join(errs...) != nil || len(*line) != 0 {
		t.Errorf("at home: got %v after %v in line, want neither", errs, *line)
	}
	if errs := tryAs(t, p, "ada", "right", cafe, 2); errors.Join(errs...) != nil || !slices.Equal(*line, []time.Duration{1650 * time.Millisecond}) {
		t.Errorf("in a café: got %v after %v in line, want 1.65 s, and nothing the second time", errs, *line)
	}
}

func TestCheck_clears_the_failures_of_a_client_that_gets_in(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	p, _, ended := w.newGate(t, PasswordOptions{})
	for range 3 {
		tryAs(t, p, "ada", "wrong", home, 4)
		if err := tryAs(t, p, "Ada@example.org", "right", home, 1)[0]; err != nil {
			t.Errorf("got %v", err)
		}
	}
	tryAs(t, p, "Ada-1", "wrong", home, 6)
	want := slices.Concat(slices.Repeat(append(slices.Repeat([]Outcome{OutcomeWrong}, 4), OutcomeSuccess), 3),
		slices.Repeat([]Outcome{OutcomeWrong}, 5), []Outcome{OutcomeThrottled})
	if !slices.Equal(*ended, want) {
		t.Errorf("got  %v\nwant %v", *ended, want)
	}
}

// Tries side by side would all see no failure yet.
func TestCheck_lets_tries_of_one_client_through_one_at_a_time(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	const tries = 40
	p, _, ended := w.newGate(t, PasswordOptions{Concurrency: 8, Queue: tries})
	var all sync.WaitGroup
	for range tries {
		all.Go(func() {
			_, _ = p.Check(context.Background(), Attempt{Name: "ada", Password: "wrong", Address: thief})
		})
	}
	all.Wait()
	count := map[Outcome]int{}
	for _, how := range *ended {
		count[how]++
	}
	if want := map[Outcome]int{OutcomeWrong: 5, OutcomeThrottled: tries - 5}; !reflect.DeepEqual(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
	if inside, lanes := p.inside.Load(), len(p.lanes.open); inside != 0 || lanes != 0 {
		t.Errorf("left behind: %d inside, %d lanes", inside, lanes)
	}
}

func TestCheck_counts_a_failure_of_somebody_who_hangs_up(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	for range 5 {
		ctx, hangUp := context.WithCancel(t.Context())
		p := NewPasswords(w.dir, PasswordOptions{Params: cheap, Now: w.now, Lookup: time.Nanosecond,
			Observe: func(Params, time.Duration) { hangUp() }})
		_, err := p.Check(ctx, Attempt{Name: "ada", Password: "wrong", Address: thief})
		if !errors.Is(err, ErrWrong) {
			t.Errorf("got %v", err)
		}
	}
	p, _, _ := w.newGate(t, PasswordOptions{})
	waitOf(t, tryAs(t, p, "ada", "right", thief, 1)[0])
}

func TestCheck_in_line_holds_no_place_and_has_a_bound(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	p, _, _ := w.newGate(t, PasswordOptions{Concurrency: 1, Queue: -1})
	at := thief
	for range 4 {
		tryAs(t, p, "ada", "wrong", at, 5)
		at = at.Next()
	}
	inLine := make(chan struct{})
	release := make(chan struct{})
	p.pause = func(context.Context, time.Duration) error { close(inLine); <-release; return nil }
	done := make(chan error, 1)
	go func() {
		_, err := p.Check(context.Background(), Attempt{Name: "ada", Password: "right", Address: cafe})
		done <- err
	}()
	<-inLine
	if err := tryAs(t, p, "nobody", "wrong", home, 1)[0]; !errors.Is(err, ErrWrong) {
		t.Errorf("another one meanwhile: got %v, want to be let in to the only place", err)
	}
	p.delayed.Add(maxDelayed - 1)
	if err := tryAs(t, p, "ada", "right", at, 1)[0]; !errors.Is(err, ErrBusy) {
		t.Errorf("with the line full: got %v, want %v", err, ErrBusy)
	}
	p.delayed.Add(1 - maxDelayed)
	close(release)
	if err := <-done; err != nil {
		t.Errorf("at the end of the line: got %v", err)
	}
	ctx, leave := context.WithCancel(t.Context())
	p.pause = func(ctx context.Context, d time.Duration) error { leave(); return pause(ctx, d) }
	if _, err := p.Check(ctx, Attempt{Name: "ada", Password: "right", Address: at}); !errors.Is(err, context.Canceled) {
		t.Errorf("left the line: got %v, want %v", err, context.Canceled)
	}
	if inside, delayed := p.inside.Load(), p.delayed.Load(); inside != 0 || delayed != 0 {
		t.Errorf("left behind: %d inside, %d in line", inside, delayed)
	}
}

func TestVerify_counts_like_a_login(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	p, _, ended := w.newGate(t, PasswordOptions{})
	tryAs(t, p, "ada", "wrong", thief, 2)
	if err := p.Verify(t.Context(), w.ada.ID, "right", home); err != nil {
		t.Errorf("the right one: got %v", err)
	}
	for range 3 {
		if err := p.Verify(t.Context(), w.ada.ID, "wrong", thief); !errors.Is(err, ErrWrong) {
			t.Errorf("a wrong one: got %v, want %v", err, ErrWrong)
		}
	}
	waitOf(t, p.Verify(t.Context(), w.ada.ID, "right", thief))
	waitOf(t, tryAs(t, p, "ada", "right", thief, 1)[0])
	for what, id := range map[string]identity.AccountID{"nobody's": "01NOBODY", "of one without a password": w.account(t, identity.Account{
		Handle: "eve", Kind: identity.Person, State: identity.Active}).ID} {
		if err := p.Verify(t.Context(), id, "right", home); !errors.Is(err, ErrWrong) {
			t.Errorf("%s: got %v, want %v", what, err, ErrWrong)
		}
	}
	if err := p.Verify(t.Context(), w.ada.ID, strings.Repeat("x", MaxPassword+1), home); !errors.Is(err, ErrWrong) {
		t.Errorf("an over-long one: got %v, want %v", err, ErrWrong)
	}
	want := []Outcome{"wrong", "wrong", "success", "wrong", "wrong", "wrong", "throttled", "throttled", "wrong", "wrong", "wrong"}
	if !slices.Equal(*ended, want) {
		t.Errorf("got  %v\nwant %v", *ended, want)
	}
}

func TestPasswords_hash_within_their_bounds(t *testing.T) {
	w := newWorld(t)
	p, _, ended := w.newGate(t, PasswordOptions{Concurrency: 1, Queue: -1})
	for length, fits := range map[int]bool{0: false, 7: false, 8: true, 1024: true, 1025: false} {
		plain := strings.Repeat("p", length)
		hash, err := p.Hash(t.Context(), plain)
		var invalid *identity.InvalidError
		if fits {
			h, ok := parsePHC(hash)
			if err != nil || !ok || !h.matches(plain) || h.Params != cheap {
				t.Errorf("%d bytes: got %s, %v", length, hash, err)
			}
		} else if !errors.As(err, &invalid) || invalid.Field != "password" || hash != "" {
			t.Errorf("%d bytes: got %q, %v, want an InvalidError of password", length, hash, err)
		}
	}
	p.inside.Add(1)
	if _, err := p.Hash(t.Context(), "long enough"); !errors.Is(err, ErrBusy) {
		t.Errorf("with no place: got %v, want %v", err, ErrBusy)
	}
	p.inside.Add(-1)
	p.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Hash(ctx, "long enough"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v, want %v", err, context.Canceled)
	}
	if len(*ended) != 0 || p.inside.Load() != 0 {
		t.Errorf("hashing counted as %v and left %d inside", *ended, p.inside.Load())
	}
}

// A failure that cannot be counted must not be told: guessing would be free.
func TestCheck_says_nothing_when_it_cannot_count(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	for _, password := range []string{"right", "wrong"} {
		var p *Passwords
		var ended []Outcome
		p = NewPasswords(w.dir, PasswordOptions{Params: cheap, Now: w.now, Outcome: func(o Outcome) { ended = append(ended, o) },
			Observe: func(Params, time.Duration) { p.dir = closedDirectory(t) }})
		account, err := p.Check(t.Context(), Attempt{Name: "ada", Password: password, Address: home})
		if err == nil || errors.Is(err, ErrWrong) || account.ID != "" || len(ended) != 0 {
			t.Errorf("%s: got %+v, %v, %v, want an error of its own", password, account, err, ended)
		}
	}
}

func closedDirectory(t *testing.T) *identity.Directory {
	t.Helper()
	d, err := identity.Open(t.Context(), identity.Options{Dir: t.TempDir(), Create: true})
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNetworks_are_addresses_or_what_one_client_has_to_itself(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64",
	} {
		if got := networkOf(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s: got %v, want %s", address, got, want)
		}
	}
	if got := networkOf(netip.Addr{}); got.IsValid() {
		t.Errorf("an unknown address: got %v", got)
	}
}
