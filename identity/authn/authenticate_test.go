package authn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

func assertionAbout(w *world) token.Assertion {
	return token.Assertion{Subject: string(w.ada.ID), Kind: "account", Handle: "ada"}
}

func request(raw string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/auth/nginx", nil)
	if raw != "" {
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	return r
}

func TestAuthenticate_tells_who_a_token_belongs_to(t *testing.T) {
	w := newWorld(t)
	acme := w.account(t, identity.Account{Handle: "acme", Kind: identity.Organisation, State: identity.Active})
	w.write(t, func(tx *identity.Tx) error {
		if err := tx.PutMember(acme.ID, w.ada.ID, identity.Member); err != nil {
			return err
		}
		for _, handle := range []identity.Handle{"research", "build"} {
			team, err := tx.CreateTeam(identity.Team{Organisation: acme.ID, Handle: handle})
			if err != nil {
				return err
			}
			if err := tx.PutTeamMember(team.ID, w.ada.ID, identity.Member); err != nil {
				return err
			}
		}
		return nil
	})
	raw, claims := w.mint(t, w.ada)
	want := identity.Subject{
		ID: string(w.ada.ID), Kind: identity.SubjectAccount, Handle: "ada", Email: "ada@example.org", UserID: "Ada-1",
		Name: "Ada Lovelace", State: identity.Active, Teams: []string{"acme:build", "acme:research"},
		Token: identity.TokenInfo{Kind: "access", JTI: claims.ID, Issuer: testIssuer, Scopes: []string{}},
	}
	for _, time := range []string{"first", "again"} {
		got, err := w.auth.Authenticate(t.Context(), request(raw))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", time, got, want)
		}
	}
	want.Token = identity.TokenInfo{}
	if got, found := w.auth.Account(w.ada.ID); !found || !reflect.DeepEqual(got, want) {
		t.Errorf("Account: got %+v, %v, want %+v", got, found, want)
	}
	if _, found := w.auth.Account("01NOBODY"); found {
		t.Error("Account finds somebody who does not exist")
	}
}

func TestAuthenticate_takes_what_is_no_credential_of_ours_for_anonymous(t *testing.T) {
	w := newWorld(t)
	other := token.NewIssuer("https://other.test", testAudience, strangerKeys(t), w.now)
	foreign, _, err := other.Access(token.User{ID: string(w.ada.ID)}, 1, token.AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"nothing": "", "a JupyterHub token": "d5f1c9e0a7b24e33b1f0", "a JWT of another issuer": foreign,
	} {
		got, err := w.auth.Authenticate(t.Context(), request(raw))
		if want := (identity.Subject{Kind: identity.SubjectAnonymous}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

// strangerKeys are keys of another data directory.
func strangerKeys(tb testing.TB) *token.Keyring { return newWorld(tb).ring }

func TestAuthenticate_refuses_a_genuine_token_that_counts_no_more(t *testing.T) {
	for name, test := range map[string]struct {
		undo func(w *world, c token.Claims) func(*identity.Tx) error
		want string
	}{
		"the token is revoked": {func(w *world, c token.Claims) func(*identity.Tx) error {
			return func(tx *identity.Tx) error { return tx.RevokeToken(c.ID, w.ada.ID, c.Expires) }
		}, "revoked_token"},
		"all tokens of the account are revoked": {func(w *world, _ token.Claims) func(*identity.Tx) error {
			return func(tx *identity.Tx) error { return tx.RevokeAccountTokens(w.ada.ID) }
		}, "revoked_token"},
		"the account is disabled": {func(w *world, _ token.Claims) func(*identity.Tx) error {
			return func(tx *identity.Tx) error {
				disabled := w.ada
				disabled.State = identity.Disabled
				return tx.UpdateAccount(disabled)
			}
		}, "account_disabled"},
		"the account is removed": {func(w *world, _ token.Claims) func(*identity.Tx) error {
			return func(tx *identity.Tx) error { return tx.RemoveAccount(w.ada.ID) }
		}, "unknown_account"},
		"the key is retired": {func(w *world, _ token.Claims) func(*identity.Tx) error {
			return func(tx *identity.Tx) error {
				rows, err := tx.Keys()
				for _, row := range rows {
					row.State = "retired"
					err = errors.Join(err, tx.PutKey(row))
				}
				return err
			}
		}, "bad_token"},
	} {
		for _, remembered := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, token remembered: %v", name, remembered), func(t *testing.T) {
				w := newWorld(t)
				raw, claims := w.mint(t, w.ada)
				if remembered {
					w.expect(t, "before", raw, good)
				}
				w.write(t, test.undo(w, claims))
				w.expect(t, "with the next request", raw, test.want)
				w.expect(t, "and the one after it", raw, test.want)
			})
		}
	}
}

func TestAuthenticate_lets_other_tokens_live_when_one_is_revoked(t *testing.T) {
	w := newWorld(t)
	raw, claims := w.mint(t, w.ada)
	other, _ := w.mint(t, w.ada)
	w.write(t, func(tx *identity.Tx) error { return tx.RevokeToken(claims.ID, w.ada.ID, claims.Expires) })
	w.expect(t, "revoked", raw, "revoked_token")
	w.expect(t, "another of the same account", other, good)
	w.write(t, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(w.ada.ID) })
	w.expect(t, "after all were revoked", other, "revoked_token")
	var again identity.Account
	if err := w.dir.Read(t.Context(), func(tx *identity.Tx) (err error) { again, err = tx.Account(w.ada.ID); return err }); err != nil {
		t.Fatal(err)
	}
	fresh, _ := w.mint(t, again)
	w.expect(t, "minted after that", fresh, good)
}

func TestAuthenticate_sees_a_remembered_token_expire(t *testing.T) {
	w := newWorld(t)
	raw, claims := w.mint(t, w.ada)
	w.expect(t, "fresh", raw, good)
	w.at.Store(claims.Expires.Unix() - 1)
	w.expect(t, "in its last second", raw, good)
	w.at.Store(claims.Expires.Unix())
	w.expect(t, "at its expiry", raw, expired)
	w.at.Store(claims.Expires.Unix() + 1)
	w.expect(t, "a second later", raw, expired)
}

func TestAuthenticate_knows_which_accounts_can_act(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		account identity.Account
		want    string
	}{
		"an invited person":  {identity.Account{Kind: identity.Person, State: identity.Invited, Email: "eve@example.org"}, "account "},
		"a service":          {identity.Account{Handle: "ci-bot", Kind: identity.Service, State: identity.Active}, "account ci-bot"},
		"an organisation":    {identity.Account{Handle: "acme", Kind: identity.Organisation, State: identity.Active}, "unknown_account"},
		"a disabled service": {identity.Account{Handle: "old-bot", Kind: identity.Service, State: identity.Disabled}, "account_disabled"},
	} {
		raw, _ := w.mint(t, w.account(t, test.account))
		w.expect(t, name, raw, test.want)
	}
	w.expect(t, "an account that never was", func() string { raw, _ := w.mint(t, identity.Account{ID: "01NOBODY", Generation: 1}); return raw }(), "unknown_account")
	w.expect(t, "a generation that never was", func() string { raw, _ := w.mint(t, identity.Account{ID: w.ada.ID}); return raw }(), "revoked_token")
}

func TestAuthenticate_shows_team_names_as_they_are_now(t *testing.T) {
	w := newWorld(t)
	teams := func() []string {
		t.Helper()
		subject, found := w.auth.Account(w.ada.ID)
		if !found {
			t.Fatal("ada is gone")
		}
		return subject.Teams
	}
	acme := w.account(t, identity.Account{Handle: "acme", Kind: identity.Organisation, State: identity.Active})
	var team identity.Team
	w.write(t, func(tx *identity.Tx) (err error) {
		if err := tx.PutMember(acme.ID, w.ada.ID, identity.Owner); err != nil {
			return err
		}
		if team, err = tx.CreateTeam(identity.Team{Organisation: acme.ID, Handle: "one"}); err != nil {
			return err
		}
		return tx.PutTeamMember(team.ID, w.ada.ID, identity.Owner)
	})
	if got, want := teams(), []string{"acme:one"}; !reflect.DeepEqual(got, want) {
		t.Errorf("member of one: got %q, want %q", got, want)
	}
	w.write(t, func(tx *identity.Tx) error { return tx.RemoveTeamMember(team.ID, w.ada.ID) })
	if got := teams(); len(got) != 0 {
		t.Errorf("left the team: got %q, want none", got)
	}
	w.write(t, func(tx *identity.Tx) error { return tx.PutTeamMember(team.ID, w.ada.ID, identity.Member) })
	if got, want := teams(), []string{"acme:one"}; !reflect.DeepEqual(got, want) {
		t.Errorf("back again: got %q, want %q", got, want)
	}
	w.write(t, func(tx *identity.Tx) error { return tx.RemoveTeam(team.ID) })
	if got := teams(); len(got) != 0 {
		t.Errorf("the team is gone: got %q, want none", got)
	}
}

func TestAuthenticator_names_a_team_that_arrives_after_its_member(t *testing.T) {
	w := newWorld(t)
	const team, organisation = "01KJMMA2G0000000000000TEAM", "01KJMMA2G00000000000000RGN"
	feed := func(collection, key, doc string) {
		t.Helper()
		if err := w.auth.Apply(t.Context(), 9, []identity.Change{{Collection: collection, Key: key, Doc: []byte(doc)}}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		if got, _ := w.auth.Account(w.ada.ID); !slices.Equal(got.Teams, want) {
			t.Errorf("got %q, want %q", got.Teams, want)
		}
	}
	feed("accounts", string(w.ada.ID), `{"handle":"ada","kind":"person","state":"active","teams":{"`+team+`":"member"}}`)
	expect()
	feed("teams", team, `{"handle":"one","organisation":"`+organisation+`"}`)
	expect()
	feed("accounts", organisation, `{"handle":"acme","kind":"organisation","state":"active"}`)
	expect("acme:one")
	feed("teams", team, `{"handle":"two","organisation":"`+organisation+`"}`)
	expect("acme:two")
}

func TestAuthenticator_knows_nobody_before_it_is_fed(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.mint(t, w.ada)
	w.auth = New(w.issuer, Options{})
	w.expect(t, "unfed", raw, "unknown_account")
}

func TestAuthenticator_as_a_sink_takes_all_of_a_replacement_or_stays_as_it_was(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.mint(t, w.ada)
	one := func(c identity.Change, err error) iter.Seq2[identity.Change, error] {
		return func(yield func(identity.Change, error) bool) { yield(c, err) }
	}
	id := string(w.ada.ID)
	for name, documents := range map[string]iter.Seq2[identity.Change, error]{
		"an error":         one(identity.Change{}, errors.New("storage is gone")),
		"no id":            one(identity.Change{Collection: "accounts", Key: "x", Doc: []byte(`{}`)}, nil),
		"a small id":       one(identity.Change{Collection: "accounts", Key: strings.ToLower(id), Doc: []byte(`{}`)}, nil),
		"a bad account":    one(identity.Change{Collection: "accounts", Key: id, Doc: []byte(`{"teams":1}`)}, nil),
		"a bad handle":     one(identity.Change{Collection: "accounts", Key: id, Doc: []byte(`{"handle":1,"name":"x"}`)}, nil),
		"a bad membership": one(identity.Change{Collection: "accounts", Key: id, Doc: []byte(`{"teams":{"x":"member"}}`)}, nil),
		"a bad team":       one(identity.Change{Collection: "teams", Key: id, Doc: []byte(`[]`)}, nil),
		"a stray team":     one(identity.Change{Collection: "teams", Key: id, Doc: []byte(`{"handle":"x"}`)}, nil),
		"a bad generation": one(identity.Change{Collection: "generations", Key: id, Doc: []byte(`{"n":-1}`)}, nil),
		"no generation":    one(identity.Change{Collection: "generations", Key: id, Doc: []byte(`{}`)}, nil),
		"a bad revocation": one(identity.Change{Collection: "revocations", Key: "x", Doc: []byte(`{`)}, nil),
	} {
		if err := w.auth.Replace(t.Context(), 9, documents); err == nil {
			t.Errorf("%s: accepted, want an error", name)
		}
		w.expect(t, name, raw, good)
	}
	bad := []identity.Change{{Collection: "accounts", Key: string(w.ada.ID), Doc: []byte(`{"kind":`)}}
	if err := w.auth.Apply(t.Context(), 9, bad); err == nil {
		t.Error("Apply: accepted, want an error")
	}
	// A state or kind that this version does not know is not one that may act.
	strange := func(doc string) {
		t.Helper()
		change := []identity.Change{{Collection: "accounts", Key: string(w.ada.ID), Doc: []byte(doc)}}
		if err := w.auth.Apply(t.Context(), 9, change); err != nil {
			t.Fatal(err)
		}
	}
	strange(`{"handle":"ada","kind":"person","state":"suspended"}`)
	w.expect(t, "an unknown state", raw, "account_disabled")
	strange(`{"handle":"ada","kind":"robot","state":"active"}`)
	w.expect(t, "an unknown kind", raw, "unknown_account")
	if err := w.auth.Replace(t.Context(), 10, func(func(identity.Change, error) bool) {}); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "after a replacement without ada", raw, "unknown_account")
}

func TestAuthenticate_of_a_remembered_token_allocates_nothing(t *testing.T) {
	w := newWorld(t)
	raw, _ := w.mint(t, w.ada)
	r, ctx := request(raw), context.Background()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := w.auth.Authenticate(ctx, r); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	raw, _ := w.mint(b, w.ada)
	for name, r := range map[string]*http.Request{"remembered": request(raw), "anonymous": request("")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := w.auth.Authenticate(context.Background(), r); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("never seen", func(b *testing.B) {
		b.ReportAllocs()
		r := request(raw)
		for b.Loop() {
			w.auth.verified.Delete(raw)
			if _, err := w.auth.Authenticate(context.Background(), r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
