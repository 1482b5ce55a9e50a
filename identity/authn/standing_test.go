package authn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// TestAnswers_follow_what_was_fed_whoever_else_asks changes what a remembered token
// depends on while others ask with it all the time: whatever they look up meanwhile, an
// answer after a change is by that change.
func TestAnswers_follow_what_was_fed_whoever_else_asks(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	w := newWorld(t)
	raw, claims := w.mint(t, w.ada)
	stop := asking(t, w, raw)
	defer stop()
	const team, organisation = "01KJMMA2G0000000000000TEAM", "01KJMMA2G00000000000000RGN"
	draw := rand.New(rand.NewPCG(5, 6))
	state, generation, revoked, named, member := "active", uint64(1), false, "acme", false
	revision := uint64(100)
	for round := range rounds {
		change := identity.Change{}
		switch draw.IntN(5) {
		case 0, 1:
			state, member = []string{"active", "disabled", "invited"}[draw.IntN(3)], draw.IntN(2) == 0
			teams := ""
			if member {
				teams = `"` + team + `":"member"`
			}
			change = identity.Change{Collection: "accounts", Key: string(w.ada.ID), Doc: fmt.Appendf(nil, `{"handle":"ada","kind":"person","state":%q,"teams":{%s}}`, state, teams)}
		case 2:
			generation = 1 + draw.Uint64N(2)
			change = identity.Change{Collection: "generations", Key: string(w.ada.ID), Doc: fmt.Appendf(nil, `{"n":%d}`, generation)}
		case 3:
			revoked = !revoked
			change = identity.Change{Collection: "revocations", Key: claims.ID}
			if revoked {
				change.Doc = []byte(`{"account":"x","expires":1}`)
			}
		case 4:
			named = fmt.Sprint("acme", draw.IntN(3))
			change = identity.Change{Collection: "accounts", Key: organisation, Doc: fmt.Appendf(nil, `{"handle":%q,"kind":"organisation","state":"active","teams":{}}`, named)}
		}
		feed := []identity.Change{change}
		if round == 0 {
			feed = append(feed, identity.Change{Collection: "teams", Key: team, Doc: []byte(`{"handle":"one","organisation":"` + organisation + `"}`)})
		}
		revision++
		if err := w.auth.Apply(t.Context(), revision, feed); err != nil {
			t.Fatal(err)
		}
		want := "account ada"
		switch {
		case revoked, state != "disabled" && generation != 1:
			want = ReasonRevokedToken
		case state == "disabled":
			want = ReasonAccountDisabled
		}
		if got := w.ask("Bearer " + raw); got != want {
			t.Fatalf("round %d: state %s, generation %d, revoked %v: got %q, want %q", round, state, generation, revoked, got, want)
		}
		subject, err := w.auth.Authenticate(t.Context(), request(raw))
		if err == nil && round > 0 && member && (len(subject.Teams) != 1 || subject.Teams[0] != named+":one") && named != "acme" {
			t.Fatalf("round %d: got teams %q, want %s:one", round, subject.Teams, named)
		}
		if err == nil && !member && subject.Teams != nil {
			t.Fatalf("round %d: got teams %q, want none", round, subject.Teams)
		}
	}
}

// asking asks with the token in two goroutines, until stopped.
func asking(t *testing.T, w *world, raw string) (stop func()) {
	t.Helper()
	var done atomic.Bool
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			r := &http.Request{Header: http.Header{"Authorization": {"Bearer " + raw}}}
			for !done.Load() {
				_, _ = w.auth.Authenticate(context.Background(), r)
			}
		})
	}
	return func() {
		done.Store(true)
		all.Wait()
	}
}
