package authn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// cheap keeps tests quick; what costs much is the same code with other numbers.
var cheap = Params{Memory: 64, Time: 1, Threads: 1}

func (w *world) setPassword(tb testing.TB, a identity.Account, password string, expires time.Time) {
	tb.Helper()
	hash, err := Hash(password, cheap)
	if err != nil {
		tb.Fatal(err)
	}
	w.write(tb, func(tx *identity.Tx) error { return tx.SetPassword(a.ID, hash, expires, false) })
}

func TestHash_is_a_PHC_string_that_matches_its_password_only(t *testing.T) {
	text, err := Hash("correct horse", DefaultParams)
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(text, want) {
		t.Errorf("got %s, want it to begin with %s", text, want)
	}
	again, err := Hash("correct horse", Params{})
	if err != nil {
		t.Fatal(err)
	}
	if again == text {
		t.Error("two hashes of one password are equal: no salt")
	}
	h, ok := parsePHC(text)
	if !ok {
		t.Fatalf("cannot parse %s", text)
	}
	if got := h.String(); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
	for password, want := range map[string]bool{
		"correct horse": true, "correct horse ": false, "Correct horse": false, "correct hors": false, "": false, "correct horse\x00": false,
	} {
		if got := h.matches(password); got != want {
			t.Errorf("%q: got %v, want %v", password, got, want)
		}
	}
}

func TestHash_takes_a_composed_and_a_decomposed_letter_for_the_same(t *testing.T) {
	text, err := Hash("caf\u00e9", cheap)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := parsePHC(text)
	if !h.matches("cafe\u0301") {
		t.Error("the decomposed form does not match")
	}
	if h.matches("cafe") || h.matches("ｃafé") {
		t.Error("a letter without its accent, or a full-width one, matches")
	}
}

func TestHash_refuses_what_could_not_be_checked_later(t *testing.T) {
	for name, test := range map[string]struct {
		password string
		params   Params
	}{
		"an empty password":   {"", cheap},
		"an over-long one":    {strings.Repeat("x", MaxPassword+1), cheap},
		"no passes":           {"x", Params{Memory: 64, Threads: 1}},
		"too much memory":     {"x", Params{Memory: 1 << 30, Time: 1, Threads: 1}},
		"less than is needed": {"x", Params{Memory: 7, Time: 1, Threads: 1}},
	} {
		var invalid *identity.InvalidError
		if _, err := Hash(test.password, test.params); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want an InvalidError", name, err)
		}
	}
}

func TestParsePHC_refuses_what_is_broken_or_too_dear(t *testing.T) {
	good := phc{Params: cheap, salt: make([]byte, 16), sum: make([]byte, 32)}.String()
	if _, ok := parsePHC(good); !ok {
		t.Fatalf("cannot parse %s", good)
	}
	for _, change := range [][2]string{
		{"argon2id", "argon2i"}, {"argon2id", "bcrypt"}, {"v=19", "v=16"}, {"m=64", "m=999999999"}, {"m=64", "m=-1"},
		{"m=64", "m=1"}, {"t=1", "t=0"}, {"t=1", "t=999"}, {"p=1", "p=0"}, {"p=1", "p=257"}, {"p=1", "p=1,x=2"}, {"m=64,t=1", "t=1,m=64"},
		{"AAAAAAAAAAAAAAAAAAAAAA$", "$"}, {"AAAAAAAAAAAAAAAAAAAAAA$", "AA$"}, {"$argon2id", "x$argon2id"}, {"$v=19", ""},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if text == good {
			t.Fatalf("%q changes nothing", change)
		}
		if _, ok := parsePHC(text); ok {
			t.Errorf("accepted %s", text)
		}
	}
	for _, text := range []string{"", "$", "$$$$$", "plain", good + "=", good + "$", good[:len(good)-30]} {
		if _, ok := parsePHC(text); ok {
			t.Errorf("accepted %s", text)
		}
	}
}

func TestCheck_answers_with_the_account_by_any_of_its_names(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	passwords := NewPasswords(w.dir, PasswordOptions{Params: cheap, Now: w.now})
	for _, name := range []string{"ada", "ADA", "ada@example.org", "Ada@Example.org", "Ada-1"} {
		got, err := passwords.Check(t.Context(), Attempt{Name: name, Password: "right"})
		if err != nil || got.ID != w.ada.ID || got.Generation != w.ada.Generation {
			t.Errorf("%s: got %+v, %v, want ada", name, got, err)
		}
		if got, err := passwords.Check(t.Context(), Attempt{Name: name, Password: "wrong"}); !errors.Is(err, ErrWrong) || got.ID != "" {
			t.Errorf("%s with a wrong password: got %+v, %v, want %v", name, got, err, ErrWrong)
		}
	}
}

func TestCheck_gives_one_answer_for_the_same_work_whatever_is_wrong(t *testing.T) {
	w := newWorld(t)
	person := func(handle identity.Handle, state identity.State) identity.Account {
		return w.account(t, identity.Account{Handle: handle, Kind: identity.Person, State: state, Email: identity.Email(handle + "@example.org")})
	}
	w.setPassword(t, w.ada, "right", time.Time{})
	w.setPassword(t, person("disabled", identity.Disabled), "right", time.Time{})
	w.setPassword(t, person("invited", identity.Invited), "right", time.Time{})
	w.setPassword(t, person("expired", identity.Active), "right", w.now())
	w.setPassword(t, person("expiring", identity.Active), "right", w.now().Add(time.Second))
	broken := person("broken", identity.Active)
	w.write(t, func(tx *identity.Tx) error {
		return tx.SetPassword(broken.ID, "$argon2id$v=19$nonsense", time.Time{}, false)
	})
	person("passwordless", identity.Active)
	w.account(t, identity.Account{Handle: "acme", Kind: identity.Organisation, State: identity.Active})

	var work []Params
	passwords := NewPasswords(w.dir, PasswordOptions{Params: cheap, Now: w.now, Observe: func(p Params, _ time.Duration) { work = append(work, p) }})
	for _, name := range []string{
		"nobody", "disabled", "invited", "expired", "broken", "passwordless", "acme",
		"not a handle!", "a@b@c", "", "x\x00y", strings.Repeat("n", MaxName), "' OR 1=1 --",
	} {
		work = nil
		got, err := passwords.Check(t.Context(), Attempt{Name: name, Password: "right"})
		if !errors.Is(err, ErrWrong) || err.Error() != ErrWrong.Error() || got.ID != "" {
			t.Errorf("%q: got %+v, %v, want exactly %v", name, got, err, ErrWrong)
		}
		if len(work) != 1 || work[0] != cheap {
			t.Errorf("%q: got work %v, want one hash of %v", name, work, cheap)
		}
	}
	work = nil
	if got, err := passwords.Check(t.Context(), Attempt{Name: "expiring", Password: "right"}); err != nil || got.Handle != "expiring" || len(work) != 1 {
		t.Errorf("a password in its last second: got %+v, %v, work %v", got.Handle, err, work)
	}
	for name, long := range map[string][2]string{
		"name": {strings.Repeat("n", MaxName+1), "right"}, "password": {"ada", strings.Repeat("p", MaxPassword+1)},
	} {
		work = nil
		if _, err := passwords.Check(t.Context(), Attempt{Name: long[0], Password: long[1]}); !errors.Is(err, ErrWrong) || len(work) != 0 {
			t.Errorf("an over-long %s: got %v and work %v, want %v without work", name, err, work, ErrWrong)
		}
	}
}

func TestCheck_bounds_how_many_work_and_how_many_wait(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, w.ada, "right", time.Time{})
	const working, waiting = 2, 3
	passwords := NewPasswords(w.dir, PasswordOptions{Concurrency: working, Queue: waiting, Params: cheap, Now: w.now})
	busy := func(n int) { // as n checks under way
		for range n {
			passwords.slots <- struct{}{}
		}
		passwords.inside.Add(int64(n))
	}
	busy(working)
	var right, failed atomic.Int64
	var all sync.WaitGroup
	for range waiting {
		all.Go(func() {
			if _, err := passwords.Check(context.Background(), Attempt{Name: "ada", Password: "right"}); err != nil {
				failed.Add(1)
			} else {
				right.Add(1)
			}
		})
	}
	for passwords.inside.Load() < working+waiting {
		if failed.Load() > 0 {
			t.Fatal("one that may wait was turned away")
		}
		runtime.Gosched()
	}
	for range 10 {
		if _, err := passwords.Check(t.Context(), Attempt{Name: "ada", Password: "right"}); !errors.Is(err, ErrBusy) {
			t.Errorf("queue full: got %v, want %v", err, ErrBusy)
		}
	}
	for range working {
		<-passwords.slots
	}
	passwords.inside.Add(-working)
	all.Wait()
	if got := right.Load(); got != waiting {
		t.Errorf("got %d of those that waited served, want %d", got, waiting)
	}
	if got := passwords.inside.Load(); got != 0 {
		t.Errorf("got %d inside at the end, want 0", got)
	}
}

func TestCheck_stops_waiting_when_the_caller_is_gone(t *testing.T) {
	w := newWorld(t)
	for name, lookup := range map[string]time.Duration{"in the queue": time.Nanosecond, "during the lookup": time.Hour} {
		passwords := NewPasswords(w.dir, PasswordOptions{Concurrency: 1, Queue: 1, Params: cheap, Lookup: lookup})
		passwords.slots <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, err := passwords.Check(ctx, Attempt{Name: "ada", Password: "right"}); done <- err }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
		if got := passwords.inside.Load(); got != 0 {
			t.Errorf("%s: got %d inside, want 0", name, got)
		}
	}
}

func TestCheck_without_a_queue_turns_the_second_away(t *testing.T) {
	w := newWorld(t)
	passwords := NewPasswords(w.dir, PasswordOptions{Concurrency: 1, Queue: -1, Params: cheap})
	passwords.inside.Add(1)
	if _, err := passwords.Check(t.Context(), Attempt{Name: "ada", Password: "right"}); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want %v", err, ErrBusy)
	}
}

func TestCheck_does_not_take_a_broken_directory_for_a_wrong_password(t *testing.T) {
	w := newWorld(t)
	passwords := NewPasswords(w.dir, PasswordOptions{Params: cheap})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := passwords.Check(ctx, Attempt{Name: "ada", Password: "right"}); err == nil || errors.Is(err, ErrWrong) {
		t.Errorf("got %v, want an error of its own", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	w := newWorld(b)
	passwords := NewPasswords(w.dir, PasswordOptions{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := passwords.Check(context.Background(), Attempt{Name: fmt.Sprint("nobody-", i), Password: "wrong"}); !errors.Is(err, ErrWrong) {
			b.Fatal(err)
		}
	}
}
