package authn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/internal/recent"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Two caches hand out again what was worked out once: authn remembers tokens that it
// verified, token remembers assertions that it signed. Both are keys to somebody's
// identity, so an entry must serve nothing but exactly the question that made it.

// rotate retires the active key of a use and has another made.
func (w *world) rotate(t *testing.T, use string) {
	t.Helper()
	before := w.key(t, use).KID
	w.write(t, func(tx *identity.Tx) error {
		rows, err := tx.Keys()
		for _, row := range rows {
			if row.Use == use && row.State == "active" {
				row.State = "verifying"
				err = errors.Join(err, tx.PutKey(row))
			}
		}
		return err
	})
	if _, err := token.OpenKeyring(t.Context(), w.dir); err != nil { // makes what is missing, which w.ring is fed
		t.Fatal(err)
	}
	if after := w.key(t, use).KID; after == before {
		t.Fatalf("the %s key did not change", use)
	}
}

func TestRemembered_tokens_serve_no_other_bytes(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.mint(t, w.ada)
	w.expect(t, "the token itself", raw, good)
	for at := range len(raw) {
		for _, other := range []byte{'A', 'z', '-', '.', '=', ' ', raw[at] ^ 0x20} {
			if other == raw[at] {
				continue
			}
			spoilt := raw[:at] + string(rune(other)) + raw[at+1:]
			if got := w.ask("Bearer " + spoilt); got == good {
				t.Fatalf("byte %d as %q: got %q, want it not believed", at, other, got)
			}
		}
	}
	for name, spoilt := range map[string]string{
		"one byte less": raw[:len(raw)-1], "one byte more": raw + "A", "padded": raw + "=", "another case": strings.ToLower(raw),
		"a first byte less": raw[1:], "twice": raw + "." + raw, "a NUL behind it": raw + "\x00", "its first half": raw[:len(raw)/2],
	} {
		if got := w.ask("Bearer " + spoilt); got == good {
			t.Errorf("%s: got %q, want it not believed", name, got)
		}
	}
	if got := w.auth.verified.Len(); got != 1 {
		t.Errorf("%d tokens are remembered, want the one that is good", got)
	}
	w.expect(t, "the token itself, at the end", raw, good)
}

// TestRemembered_tokens_are_of_one_account_generation_and_key draws tokens that differ
// in few things, so that any part which a cache left out of its key would be noticed.
func TestRemembered_tokens_are_of_one_account_generation_and_key(t *testing.T) {
	w := newWorld(t)
	accounts := []identity.Account{w.ada, w.account(t, identity.Account{Handle: "bea", Kind: identity.Person, State: identity.Active})}
	type minted struct {
		raw    string
		claims token.Claims
	}
	var all []minted
	for range 2 { // keys
		for _, a := range accounts {
			for _, generation := range []uint64{a.Generation, a.Generation + 1} {
				for range 2 { // apart from its bytes, the same token
					raw, claims, err := w.issuer.Access(token.UserOf(a), generation, token.AccessOptions{TTL: time.Hour})
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, minted{raw, claims})
				}
			}
		}
		w.rotate(t, token.UseAccess)
	}
	draw := rand.New(rand.NewPCG(1, 2))
	revoked := map[string]bool{}
	for round := range 400 {
		m := all[draw.IntN(len(all))]
		i := slices.IndexFunc(accounts, func(a identity.Account) bool { return string(a.ID) == m.claims.Subject })
		subject, err := w.auth.Authenticate(t.Context(), request(m.raw))
		var refused *Refused
		switch {
		case m.claims.Generation != accounts[i].Generation || revoked[m.claims.ID]:
			if !errors.As(err, &refused) || refused.Reason != ReasonRevokedToken {
				t.Fatalf("round %d: a token of generation %d, revoked %v: got %+v, %v", round, m.claims.Generation, revoked[m.claims.ID], subject, err)
			}
		case err != nil || subject.ID != m.claims.Subject || subject.Handle != string(accounts[i].Handle) || subject.Token.JTI != m.claims.ID:
			t.Fatalf("round %d: got %+v, %v, want %+v", round, subject, err, m.claims)
		}
		switch round % 50 {
		case 20: // all tokens of one account stop to count, and those of the next generation begin to
			i := draw.IntN(len(accounts))
			w.write(t, func(tx *identity.Tx) (err error) {
				if err := tx.RevokeAccountTokens(accounts[i].ID); err != nil {
					return err
				}
				accounts[i], err = tx.Account(accounts[i].ID)
				return err
			})
		case 45:
			m := all[draw.IntN(len(all))]
			w.write(t, func(tx *identity.Tx) error {
				return tx.RevokeToken(m.claims.ID, identity.AccountID(m.claims.Subject), m.claims.Expires)
			})
			revoked[m.claims.ID] = true
		}
	}
	w.write(t, func(tx *identity.Tx) error { // tokens of a key that is gone stop to count, those of others do not
		rows, err := tx.Keys()
		for _, row := range rows {
			if row.KID == all[0].claims.KeyID {
				row.State = "retired"
				err = errors.Join(err, tx.PutKey(row))
			}
		}
		return err
	})
	for _, m := range all {
		_, err := w.auth.Authenticate(t.Context(), request(m.raw))
		var refused *Refused
		if ofTheKey := m.claims.KeyID == all[0].claims.KeyID; ofTheKey != (errors.As(err, &refused) && refused.Reason == ReasonBadToken) {
			t.Errorf("a token of key %s after %s was retired: got %v", m.claims.KeyID, all[0].claims.KeyID, err)
		}
	}
}

// question is all that an assertion is asked for with.
type question struct {
	about    token.Assertion
	audience string
	ttl      time.Duration
}

// neighbours are questions that differ from the first in exactly one field, and in ways
// in which fields that are glued together would look alike.
func neighbours(q question) map[string]question {
	all := map[string]question{"itself": q}
	change := func(name string, by func(*question)) {
		changed := q
		by(&changed)
		all[name] = changed
	}
	change("subject", func(q *question) { q.about.Subject += "x" })
	change("kind", func(q *question) { q.about.Kind = "device" })
	change("handle", func(q *question) { q.about.Handle = "eve" })
	change("no handle", func(q *question) { q.about.Handle = "" })
	change("email", func(q *question) { q.about.Email = "eve@corp.test" })
	change("name", func(q *question) { q.about.Name = "Eve" })
	change("handle and name swapped", func(q *question) { q.about.Handle, q.about.Name = q.about.Name, q.about.Handle })
	change("audience", func(q *question) { q.audience = "other.test" })
	change("audience in another case", func(q *question) { q.audience = strings.ToUpper(q.audience) })
	change("a letter moved from audience to subject", func(q *question) {
		q.about.Subject, q.audience = q.about.Subject+q.audience[:1], q.audience[1:]
	})
	change("ttl", func(q *question) { q.ttl += time.Second })
	change("one group less", func(q *question) { q.about.Groups = q.about.Groups[:1] })
	change("one group more", func(q *question) { q.about.Groups = append(slices.Clone(q.about.Groups), "root") })
	change("no groups", func(q *question) { q.about.Groups = nil })
	change("another group", func(q *question) { q.about.Groups = []string{q.about.Groups[0], "root"} })
	change("groups the other way round", func(q *question) { q.about.Groups = []string{q.about.Groups[1], q.about.Groups[0]} })
	change("groups cut elsewhere", func(q *question) {
		joined := strings.Join(q.about.Groups, "")
		q.about.Groups = []string{joined[:3], joined[3:]}
	})
	change("groups joined", func(q *question) { q.about.Groups = []string{strings.Join(q.about.Groups, ",")} })
	return all
}

func TestRemembered_assertions_answer_one_question_only(t *testing.T) {
	w := newWorld(t)
	first := question{
		about:    token.Assertion{Subject: "01A", Kind: "account", Handle: "ada", Email: "ada@corp.test", Name: "Ada", Groups: []string{"acme:one", "acme:two"}},
		audience: "app.test", ttl: 5 * time.Minute,
	}
	all := neighbours(first)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	draw := rand.New(rand.NewPCG(3, 4))
	asked := map[string]string{} // assertion -> the key and the question that it was given for
	for round := range 3000 {
		if round%1000 == 999 {
			w.rotate(t, token.UseAssertion)
		}
		name := names[draw.IntN(len(names))]
		q, kid := all[name], w.key(t, token.UseAssertion).KID
		q.about.Groups = slices.Clone(q.about.Groups)
		raw, expires, err := w.issuer.Assertion(q.about, q.audience, q.ttl)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(q.about.Groups); n > 0 {
			q.about.Groups[n-1] = "root" // what was asked with is the caller's own, and now another question's
		}
		if before, had := asked[raw]; had && before != kid+" "+name {
			t.Fatalf("round %d: %q with key %s was given the assertion of %q", round, name, kid, before)
		}
		asked[raw] = kid + " " + name
		checkAssertion(t, w, name, all[name], raw, expires)
	}
	for range 2 {
		one, _, _ := w.issuer.Assertion(first.about, first.audience, first.ttl)
		two, _, _ := w.issuer.Assertion(first.about, first.audience, first.ttl)
		if one != two {
			t.Error("the same question was answered with two assertions: nothing is remembered, and this test shows nothing")
		}
	}
}

func checkAssertion(t *testing.T, w *world, name string, q question, raw string, expires time.Time) {
	t.Helper()
	got, err := w.issuer.VerifyAssertion(raw, q.audience)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(got.Groups) == 0 {
		got.Groups = nil
	}
	if !reflect.DeepEqual(got, q.about) {
		t.Fatalf("%s: got %+v, want %+v", name, got, q.about)
	}
	if want := w.now().Add(q.ttl); !expires.Equal(want) {
		t.Fatalf("%s: expires %v, want %v", name, expires, want)
	}
}

// TestRemembered_tokens_serve_requests_and_not_connections: the same request object
// with another credential is another question.
func TestRemembered_tokens_serve_requests_and_not_connections(t *testing.T) {
	w := newWorld(t)
	bea := w.account(t, identity.Account{Handle: "bea", Kind: identity.Person, State: identity.Active})
	adas, _ := w.mint(t, w.ada)
	beas, _ := w.mint(t, bea)
	r := request(adas)
	for i, c := range []struct{ raw, want string }{{adas, "ada"}, {beas, "bea"}, {"", ""}, {adas, "ada"}, {"", ""}, {beas, "bea"}} {
		r.Header = http.Header{}
		if c.raw != "" {
			r.Header.Set("Authorization", "Bearer "+c.raw)
		}
		subject, err := w.auth.Authenticate(t.Context(), r)
		if err != nil || subject.Handle != c.want {
			t.Errorf("%s: got %q, %v, want %q", fmt.Sprint("request ", i), subject.Handle, err, c.want)
		}
	}
}

func TestRemembered_tokens_are_weighed_with_the_teams_of_their_holders(t *testing.T) {
	w := newWorld(t)
	var tokens []string
	for range 20 {
		raw, _ := w.mint(t, w.ada)
		tokens = append(tokens, raw)
	}
	w.auth.verified = recent.New(int64(len(tokens)*(len(tokens[0])+verifiedSize+1000)), weigh)
	remembered := func() int {
		for _, raw := range tokens {
			w.expect(t, "a token", raw, good)
		}
		return w.auth.verified.Len()
	}
	if got := remembered(); got != len(tokens) {
		t.Fatalf("without teams: got %d tokens remembered, want all %d", got, len(tokens))
	}
	organisation := w.account(t, identity.Account{Handle: "guild", Kind: identity.Organisation, State: identity.Active})
	w.write(t, func(tx *identity.Tx) error {
		err := tx.PutMember(organisation.ID, w.ada.ID, identity.Member)
		for n := range 300 {
			team, failed := tx.CreateTeam(identity.Team{Organisation: organisation.ID, Handle: identity.Handle(fmt.Sprintf("team-of-number-%d", n))})
			err = errors.Join(err, failed, tx.PutTeamMember(team.ID, w.ada.ID, identity.Member))
		}
		return err
	})
	if got := remembered(); got < 1 || got > len(tokens)/3 {
		t.Errorf("in 300 teams, whose names take some 9 kB: got %d tokens remembered, want a few of %d", got, len(tokens))
	}
}
