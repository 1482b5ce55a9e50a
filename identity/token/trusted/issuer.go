package trusted

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Issuer is one trusted issuer and what is known of its keys.
//
// Keys are used from memory. They are fetched again in the background from half of their
// refresh time on, and before the next answer once all of it is over, so a key that the
// issuer takes back counts no longer than that. Whatever is presented, two fetches are
// at least a cool-down apart, and everybody waits for the same one.
type Issuer struct {
	config  Config
	foreign []string // prefixes of groups that are another issuer's
	fetch   *fetcher
	o       Options

	keys atomic.Pointer[keySet] // nil until the first fetch

	mu      sync.Mutex
	running chan struct{} // closed when the fetch under way is done; nil = none is
	tried   time.Time     // when the last one began
	failure error         // of the last one
}

func newIssuer(c Config, all []Config, o Options) *Issuer {
	return &Issuer{config: c, foreign: otherPrefixes(c, all), fetch: newFetcher(c, o), o: o}
}

// Name is what the configuration calls the issuer.
func (i *Issuer) Name() string { return i.config.Name }

// URL is the issuer as tokens name it.
func (i *Issuer) URL() string { return i.config.Issuer }

// TakesUnlinked says whether callers who are linked to no account pass as subjects
// without one.
func (i *Issuer) TakesUnlinked() bool { return i.config.Unlinked == UnlinkedGroups }

// Observe counts what became of a credential of the issuer.
func (i *Issuer) Observe(outcome string) { i.o.Observe(i.config.Name, outcome) }

// refresh begins a fetch, or joins the one under way. It is nil while the last one is
// too recent.
func (i *Issuer) refresh() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running != nil {
		return i.running
	}
	now := i.o.Now()
	if since := now.Sub(i.tried); !i.tried.IsZero() && since >= 0 && since < i.o.CoolDown {
		return nil
	}
	i.tried, i.running = now, make(chan struct{})
	go i.run(i.running) // it ends by itself: all that it does is bounded in time
	return i.running
}

func (i *Issuer) run(done chan struct{}) {
	began := i.o.Now()
	set, err := i.fetch.keys(context.Background())
	if err == nil {
		set.fetched = began
		set.keep(i.keys.Load())
		i.keys.Store(set)
	}
	i.mu.Lock()
	before := i.failure
	i.running, i.failure = nil, err
	i.mu.Unlock()
	i.report(set, before, err)
	close(done)
}

// report logs what has changed.
func (i *Issuer) report(set *keySet, before, err error) {
	if err != nil {
		level := slog.LevelWarn
		if before != nil && before.Error() == err.Error() {
			level = slog.LevelDebug // it has been said
		}
		i.o.Logger.Log(context.Background(), level, "the keys of a trusted issuer could not be fetched", "issuer", i.config.Name, "error", err)
		i.Observe(OutcomeKeysFailed)
		return
	}
	if before != nil {
		i.o.Logger.Info("the keys of a trusted issuer could be fetched again", "issuer", i.config.Name, "keys", len(set.keys))
	}
	if len(set.keys) == 0 {
		i.o.Logger.Warn("a trusted issuer publishes no key that verifies here: all of its tokens are refused", "issuer", i.config.Name, "skipped", set.skipped)
	}
	i.Observe(OutcomeKeysFetched)
}

// await waits for a fetch, nil being none.
func (*Issuer) await(ctx context.Context, done <-chan struct{}) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// contradiction is the DocumentError of the last fetch, nil where it had none.
func (i *Issuer) contradiction() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var contradiction *DocumentError
	if errors.As(i.failure, &contradiction) {
		return contradiction
	}
	return nil
}

func (i *Issuer) failing() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failure != nil
}

// current are the keys that count now. It waits for a fetch only where there are none,
// or where the ones there are have been good for as long as they may be.
func (i *Issuer) current(ctx context.Context) (*keySet, error) {
	set := i.keys.Load()
	if set != nil {
		switch age := i.o.Now().Sub(set.fetched); {
		case age >= 0 && age < i.o.Refresh/2:
			return set, nil
		case age >= 0 && age < i.o.Refresh, age >= 0 && age < i.o.Stale && i.failing():
			i.refresh() // nobody waits for it
			return set, nil
		}
	}
	i.await(ctx, i.refresh())
	if set = i.keys.Load(); set != nil {
		// Past their time keys count only because the issuer could not be asked, and not
		// because the caller did not wait.
		if age := i.o.Now().Sub(set.fetched); age < i.o.Refresh || age < i.o.Stale && i.failing() {
			return set, nil
		}
	}
	return nil, &token.RefusedError{Reason: ReasonUnavailable, Detail: "the issuer's keys cannot be fetched"}
}

// find returns the key that verifies tokens of a header. One that is not known may be
// new, so it is looked for once more after a fetch.
func (i *Issuer) find(ctx context.Context, kid, alg string) (*key, error) {
	set, err := i.current(ctx)
	if err != nil {
		return nil, err
	}
	if k := set.find(kid, alg); k != nil {
		return k, nil
	}
	i.await(ctx, i.refresh())
	if set, err = i.current(ctx); err != nil {
		return nil, err
	}
	if k := set.find(kid, alg); k != nil {
		return k, nil
	}
	return nil, refuse("unknown key, or one that is not for the algorithm")
}
