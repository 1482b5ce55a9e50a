package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// TestWrites_that_were_answered_hold_on_the_next_request changes what one person may do,
// in every way there is, and asks over HTTP right after each write was answered, with
// the memo on, while others ask the same all the time.
func TestWrites_that_were_answered_hold_on_the_next_request(t *testing.T) {
	t.Parallel()
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	p := newPremises(t)
	stop := p.others()
	defer stop()
	draw := rand.New(rand.NewPCG(21, 22))
	allowed := 0
	for round := range rounds {
		what := p.change(t, draw)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			want := p.want(method)
			for _, when := range []string{"the next", "one more"} { // the second may be remembered
				got, err := p.ask(p.raw, method)
				if err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Fatalf("round %d: %s; %s request, %s as %+v: status %d, want %d", round, what, when, method, p.state, got, want)
				}
			}
			if want == http.StatusOK {
				allowed++
			}
		}
	}
	if hits := p.memoHits(t); hits < rounds || allowed < rounds/10 {
		t.Errorf("%d answers were remembered ones and %d of %d allowed something: this shows little", hits, allowed, 2*rounds)
	}
}

// premises are a house wired as `serve` wires it, and the state of the one person who
// asks, as it should be.
type premises struct {
	directory *identity.Directory
	issuer    *token.Issuer
	public    *httptest.Server
	ops       http.Handler
	person    identity.Account
	team      identity.Team
	raw       string
	held      atomic.Pointer[string] // raw, for the others
	claims    token.Claims
	state     standing
}

// standing is what the person's requests depend on.
type standing struct {
	Disabled, Revoked bool
	Role              identity.Role // of the person's binding, empty for none
	InTeam            bool
	TeamRole          identity.Role // of the team's binding
}

func newPremises(t *testing.T) *premises {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	dir, err := identity.Open(ctx, identity.Options{Dir: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := defaultConfig()
	cfg.Engine.Deadline = 10 * time.Second // a busy machine must not fail the test
	house, err := wire(ctx, cfg, dir, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := house.keeper.Load(ctx); err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &premises{
		directory: dir, issuer: token.NewIssuer(defaultIssuer, defaultAudience, keys, time.Now),
		public: httptest.NewServer(house.handlers.Public), ops: house.handlers.Ops,
	}
	t.Cleanup(p.public.Close)
	p.write(t, p.furnish)
	p.mint(t)
	return p
}

// furnish makes the person, who is nobody's member yet, and the namespace of another.
func (p *premises) furnish(tx *identity.Tx) (err error) {
	create := func(handle identity.Handle, kind identity.Kind) identity.Account {
		a, failed := tx.CreateAccount(identity.Account{Handle: handle, Kind: kind, State: identity.Active})
		err = errors.Join(err, failed)
		return a
	}
	p.person = create("ada", identity.Person)
	owner, organisation := create("olga", identity.Person), create("acme", identity.Organisation)
	if err != nil {
		return err
	}
	p.team, err = tx.CreateTeam(identity.Team{Organisation: organisation.ID, Handle: "one"})
	return errors.Join(err,
		tx.PutMember(organisation.ID, p.person.ID, identity.Member),
		tx.PutNamespace(identity.Namespace{Name: "lab", Owners: []identity.Principal{identity.AccountPrincipal(owner.ID)}}))
}

func (p *premises) write(t *testing.T, fn func(*identity.Tx) error) {
	t.Helper()
	if _, err := p.directory.Write(context.Background(), "test", fn); err != nil {
		t.Fatal(err)
	}
}

// mint gives the person a fresh token.
func (p *premises) mint(t *testing.T) {
	t.Helper()
	var err error
	if err = p.directory.Read(t.Context(), func(tx *identity.Tx) (err error) { p.person, err = tx.Account(p.person.ID); return err }); err != nil {
		t.Fatal(err)
	}
	if p.raw, p.claims, err = p.issuer.Access(token.UserOf(p.person), p.person.Generation, token.AccessOptions{TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	p.state.Revoked = false
	raw := p.raw
	p.held.Store(&raw)
}

// change does one write and says what it was.
func (p *premises) change(t *testing.T, draw *rand.Rand) string {
	t.Helper()
	if p.state.Revoked && draw.IntN(2) == 0 {
		p.mint(t)
		return "a new token"
	}
	role := []identity.Role{"", identity.View, identity.Edit}[draw.IntN(3)]
	switch draw.IntN(8) {
	case 0, 1, 2:
		p.write(t, bind(identity.AccountPrincipal(p.person.ID), p.state.Role, role))
		p.state.Role = role
		return fmt.Sprintf("the person's role became %q", role)
	case 3:
		p.write(t, bind(identity.TeamPrincipal(p.team.ID), p.state.TeamRole, role))
		p.state.TeamRole = role
		return fmt.Sprintf("the team's role became %q", role)
	case 4, 5:
		p.state.InTeam = !p.state.InTeam
		p.write(t, func(tx *identity.Tx) error {
			if p.state.InTeam {
				return tx.PutTeamMember(p.team.ID, p.person.ID, identity.Member)
			}
			return tx.RemoveTeamMember(p.team.ID, p.person.ID)
		})
		return "the person joined or left the team"
	case 6:
		p.state.Disabled = !p.state.Disabled
		p.write(t, func(tx *identity.Tx) error {
			state := map[bool]identity.State{true: identity.Disabled, false: identity.Active}[p.state.Disabled]
			return tx.UpdateAccount(identity.Account{ID: p.person.ID, State: state})
		})
		return "the account was disabled or enabled"
	default:
		p.state.Revoked = true
		if draw.IntN(2) == 0 {
			p.write(t, func(tx *identity.Tx) error { return tx.RevokeToken(p.claims.ID, p.person.ID, p.claims.Expires) })
			return "the token was revoked"
		}
		p.write(t, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(p.person.ID) })
		return "all tokens of the account were revoked"
	}
}

func bind(principal identity.Principal, before, after identity.Role) func(*identity.Tx) error {
	return func(tx *identity.Tx) error {
		switch {
		case after != "":
			return tx.PutBinding(identity.Binding{Namespace: "lab", Principal: principal, Role: after})
		case before != "":
			return tx.RemoveBinding("lab", principal)
		}
		return nil
	}
}

// want is the status that a request must get in the state of now.
func (p *premises) want(method string) int {
	s := p.state
	if s.Disabled || s.Revoked {
		return http.StatusUnauthorized
	}
	held := []identity.Role{s.Role}
	if s.InTeam {
		held = append(held, s.TeamRole)
	}
	for _, role := range held {
		if role == identity.Edit || role == identity.View && method == http.MethodGet {
			return http.StatusOK
		}
	}
	return http.StatusForbidden
}

// ask asks as a proxy does, over a connection that is kept.
func (p *premises) ask(raw, method string) (status int, err error) {
	r, err := http.NewRequest(http.MethodGet, p.public.URL+"/auth/nginx", http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+raw)
	r.Header.Set("X-Original-Method", method)
	r.Header.Set("X-Original-Url", "https://app.example.org/notebook/lab/demo/lab")
	resp, err := p.public.Client().Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// others ask the same until stopped, so that answers are looked up and remembered in the
// middle of writes.
func (p *premises) others() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			_, _ = p.ask(*p.held.Load(), []string{http.MethodGet, http.MethodPost}[n%2])
		}
	})
	return func() {
		cancel()
		all.Wait()
	}
}

// memoHits is how many decisions were remembered ones, by the metrics.
func (p *premises) memoHits(t *testing.T) int {
	t.Helper()
	w := httptest.NewRecorder()
	p.ops.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.SplitSeq(w.Body.String(), "\n") {
		if value, found := strings.CutPrefix(line, "gatehouse_decision_memo_hits_total "); found {
			hits, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(hits)
		}
	}
	t.Fatal("the metrics do not say how many decisions were remembered")
	return 0
}
