package trusted_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// The times of trusted.Options where nothing else is said.
const (
	refresh  = 5 * time.Minute
	coolDown = 30 * time.Second
	stale    = time.Hour
)

// J15: what an issuer takes back is over within the refresh, and nobody can make us ask
// the issuer more often than a cool-down allows.
func TestKeys_follow_the_issuer_without_being_driven_by_callers(t *testing.T) {
	t.Run("J15", func(t *testing.T) {
		t.Run("a key that was taken back", rowRemovedKey)
		t.Run("a key that was taken back behind a verified token", rowRemovedKeyRemembered)
		t.Run("a key replaced under its name", rowReplacedKey)
		t.Run("a new key counts at once", rowNewKey)
		t.Run("1,000 tokens with random names of keys", rowKidStorm)
		t.Run("1,000 at the same time", rowKidStormAtOnce)
		t.Run("while the issuer is down", rowKidStormDown)
		t.Run("a storm holds up nobody with a known key", rowKidStormSlow)
	})
}

func rowRemovedKey(t *testing.T) {
	w := newWorld(t, nil)
	raw, next := w.Token("ada", nil), trustedtest.NewKey(t, "ES256")
	w.expect(t, "before", raw, "good")
	w.Publish(next)
	w.clock.move(refresh - time.Second) // half of it is over: keys are fetched, and nobody waits
	w.expect(t, "within the refresh", raw, "good")
	w.clock.move(time.Second)
	w.expect(t, "after it", raw, "bad_token: unknown key, or one that is not for the algorithm")
	w.expect(t, "the next key", next.Sign(t, next.Header(), w.Text("ada", nil)), "good")
	w.Publish() // all of them
	w.clock.move(refresh)
	w.expect(t, "with no key left", next.Sign(t, next.Header(), w.Text("ada", nil)), "bad_token")
	if !strings.Contains(w.log.String(), "publishes no key") {
		t.Errorf("the log does not say so: %s", w.log)
	}
}

// rowRemovedKeyRemembered asks again about a token whose signature is not looked at again.
func rowRemovedKeyRemembered(t *testing.T) {
	w := newWorld(t, nil)
	raw := w.Token("ada", nil)
	verified, err := w.set.Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	again := func(when, want string) {
		t.Helper()
		if got := words(verified.StillGood(t.Context())); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	again("at once", "good")
	w.clock.move(refresh)
	again("published unchanged", "good")
	w.Key.Members["alg"] = "ES384" // still the same point, now for something else
	w.Publish(w.Key)
	w.clock.move(refresh)
	again("the key is for another algorithm", "bad_token: the issuer has taken the key back")
	w.Key.Members["alg"] = "ES256"
	w.Publish(w.Key)
	w.clock.move(refresh)
	w.expect(t, "given back", raw, "good")
	w.Publish(trustedtest.NewKey(t, "ES256"))
	w.clock.move(refresh)
	again("taken back", "bad_token: the issuer has taken the key back")
}

func rowReplacedKey(t *testing.T) {
	w := newWorld(t, nil)
	raw := w.Token("ada", nil)
	w.expect(t, "before", raw, "good")
	next := trustedtest.NewKey(t, "ES256")
	next.KID = w.Key.KID
	next.Members["kid"] = w.Key.KID
	w.Publish(next)
	w.clock.move(refresh)
	w.expect(t, "signed with the key before", raw, "bad_token: bad signature")
	w.expect(t, "signed with the key of now", next.Sign(t, next.Header(), w.Text("ada", nil)), "good")
}

func rowNewKey(t *testing.T) {
	w := newWorld(t, nil)
	w.expect(t, "before", w.Token("ada", nil), "good")
	next := trustedtest.NewKey(t, "ES256")
	w.Publish(w.Key, next)
	raw := next.Sign(t, next.Header(), w.Text("ada", nil))
	w.expect(t, "within the cool-down", raw, "bad_token")
	w.clock.move(coolDown)
	w.expect(t, "after it", raw, "good")
	w.expect(t, "the key before, which is still published", w.Token("ada", nil), "good")
}

// unknown is a token with a name of a key that nobody has.
func (w *world) unknown(t *testing.T, n int) string {
	header := strings.Replace(w.Key.Header(), w.Key.KID, fmt.Sprintf("key-%d", n), 1)
	return w.Key.Sign(t, header, w.Text("ada", nil))
}

func rowKidStorm(t *testing.T) {
	w := newWorld(t, nil)
	w.expect(t, "before", w.Token("ada", nil), "good")
	for round := 1; round <= 3; round++ {
		w.clock.move(coolDown)
		for n := range 1000 {
			w.expect(t, "an unknown key", w.unknown(t, n), "bad_token")
		}
		if got, want := w.Fetches(), 1+round; got != want {
			t.Fatalf("%d fetches in the first and %d more cool-downs, want %d", got, round, want)
		}
		w.expect(t, "a known key", w.Token("ada", nil), "good")
	}
}

func rowKidStormAtOnce(t *testing.T) {
	w := newWorld(t, nil) // nothing is known yet
	w.storm(t, 1000, "bad_token")
	if got := w.Fetches(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
	w.clock.move(coolDown)
	w.storm(t, 1000, "bad_token")
	if got := w.Fetches(); got != 2 {
		t.Errorf("%d fetches after a cool-down, want 2", got)
	}
}

func rowKidStormDown(t *testing.T) {
	w := newWorld(t, nil)
	w.ReplaceKeys(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "down", http.StatusBadGateway) })
	w.storm(t, 200, unavailable)
	w.storm(t, 200, unavailable)
	if got := w.Fetches(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
	if got := strings.Count(w.log.String(), "level=WARN"); got != 1 {
		t.Errorf("%d warnings, want 1: %s", got, w.log)
	}
}

func rowKidStormSlow(t *testing.T) {
	w := newWorld(t, nil)
	w.expect(t, "before", w.Token("ada", nil), "good")
	release := make(chan struct{})
	end := sync.OnceFunc(func() { close(release) })
	defer end() // before the server is closed, which waits for its answers
	w.ReplaceKeys(func(out http.ResponseWriter, _ *http.Request) {
		<-release
		trustedtest.Answer(out, trustedtest.KeySet(w.Key))
	})
	w.clock.move(coolDown)
	var waiting sync.WaitGroup
	for n := range 100 {
		raw := w.unknown(t, n)
		waiting.Go(func() { w.expect(t, "an unknown key", raw, "bad_token") })
	}
	for w.Fetches() < 2 { // the storm waits for this one
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	w.expect(t, "a known key", w.Token("ada", nil), "good")
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
	end()
	waiting.Wait()
	if got := w.Fetches(); got != 2 {
		t.Errorf("%d fetches, want 2", got)
	}
}

// storm presents so many tokens with unknown keys at the same time.
func (w *world) storm(t *testing.T, n int, want string) {
	t.Helper()
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		raw := w.unknown(t, i)
		all.Go(func() {
			<-gate
			w.expect(t, "an unknown key", raw, want)
		})
	}
	close(gate)
	all.Wait()
}

func TestKeys_count_for_a_while_where_the_issuer_is_down(t *testing.T) {
	w := newWorld(t, nil)
	w.expect(t, "before", w.Token("ada", nil), "good")
	w.ReplaceKeys(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "down", http.StatusBadGateway) })
	w.clock.move(refresh)
	w.expect(t, "after the refresh", w.Token("ada", nil), "good")
	w.clock.move(stale - refresh - time.Second)
	w.expect(t, "just in time", w.Token("ada", nil), "good")
	w.clock.move(time.Second)
	w.expect(t, "too late", w.Token("ada", nil), unavailable)
	w.ReplaceKeys(nil)
	w.clock.move(coolDown)
	w.expect(t, "when it is back", w.Token("ada", nil), "good")
}

func TestKeys_are_fetched_ahead_of_their_time_so_that_nobody_waits(t *testing.T) {
	w := newWorld(t, nil)
	w.expect(t, "before", w.Token("ada", nil), "good")
	w.clock.move(refresh/2 - time.Second)
	w.expect(t, "in the first half", w.Token("ada", nil), "good")
	if got := w.Fetches(); got != 1 {
		t.Fatalf("%d fetches in the first half, want 1", got)
	}
	w.clock.move(time.Second)
	w.expect(t, "in the second half", w.Token("ada", nil), "good")
	for deadline := time.Now().Add(5 * time.Second); w.counts.of("corp keys_fetched") < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is fetched in the background")
		}
	}
	w.clock.move(refresh / 2)
	w.expect(t, "and so on", w.Token("ada", nil), "good")
}

// A key is what its issuer says, and only what can be used is kept.
func TestKeys_are_taken_only_for_what_they_are_published_for(t *testing.T) {
	for name, c := range map[string]struct {
		alg    string
		change func(members map[string]any)
		want   string
	}{
		"RS256":                    {"RS256", nil, "good"},
		"EdDSA":                    {"EdDSA", nil, "good"},
		"EdDSA by its newer name":  {"EdDSA", func(m map[string]any) { m["alg"] = "Ed25519" }, "good"},
		"without an algorithm":     {"ES256", func(m map[string]any) { delete(m, "alg") }, "good"},
		"for verifying":            {"ES256", func(m map[string]any) { m["key_ops"] = []string{"verify"} }, "good"},
		"ES384, which is not ours": {"ES384", nil, "bad_token"},
		"PS256, which is not ours": {"PS256", nil, "bad_token"},
		"for encryption":           {"ES256", func(m map[string]any) { m["use"] = "enc" }, "bad_token"},
		"for signing only":         {"ES256", func(m map[string]any) { m["key_ops"] = []string{"sign"} }, "bad_token"},
		"for another algorithm":    {"RS256", func(m map[string]any) { m["alg"] = "RS512" }, "bad_token"},
		"with a private part":      {"ES256", func(m map[string]any) { m["d"] = "AAAA" }, "bad_token"},
		"a shared secret":          {"ES256", func(m map[string]any) { m["kty"], m["k"] = "oct", "AAAA" }, "bad_token"},
		"a point beside the curve": {"ES256", func(m map[string]any) { m["y"] = m["x"] }, "bad_token"},
		"an even RSA exponent":     {"RS256", func(m map[string]any) { m["e"] = "BA" }, "bad_token"},
		"an RSA exponent of one":   {"RS256", func(m map[string]any) { m["e"] = "AQ" }, "bad_token"},
		"a short RSA key":          {"RS256", func(m map[string]any) { m["n"] = m["n"].(string)[:171] }, "bad_token"},
		"numbers for a name":       {"ES256", func(m map[string]any) { m["kid"] = 7 }, "bad_token"},
	} {
		w := newWorld(t, nil)
		key := trustedtest.NewKey(t, c.alg)
		if c.change != nil {
			c.change(key.Members)
		}
		w.Publish(key)
		w.expect(t, name, key.Sign(t, key.Header(), w.Text("ada", nil)), c.want)
	}
}

func TestKeys_without_a_name_count_where_there_is_only_one(t *testing.T) {
	w := newWorld(t, func(c *trusted.Config) { c.Algorithms = []string{"ES256"} })
	header := `{"alg":"ES256"}`
	w.expect(t, "one key", w.Key.Sign(t, header, w.Text("ada", nil)), "good")
	w.Publish(w.Key, trustedtest.NewKey(t, "ES256"))
	w.clock.move(refresh)
	w.expect(t, "two keys", w.Key.Sign(t, header, w.Text("ada", nil)), "bad_token")
	w.Publish(w.Key, trustedtest.NewKey(t, "RS256"))
	w.clock.move(refresh)
	w.expect(t, "another of another algorithm", w.Key.Sign(t, header, w.Text("ada", nil)), "good")
}
