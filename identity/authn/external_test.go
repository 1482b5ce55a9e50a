package authn

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// abroad is a world that trusts two issuers: corp, whose strangers are refused, and lab,
// whose strangers pass with their groups.
type abroad struct {
	*world
	corp, lab *trustedtest.IdP
	mu        sync.Mutex
	counted   map[string]int
}

func newAbroad(t *testing.T) *abroad {
	t.Helper()
	w := &abroad{world: newWorld(t), corp: trustedtest.New(t), lab: trustedtest.New(t), counted: map[string]int{}}
	w.corp.Now, w.lab.Now = w.now, w.now
	lab := w.lab.Config("lab")
	lab.Unlinked = trusted.UnlinkedGroups
	others, err := trusted.New([]trusted.Config{w.corp.Config("corp"), lab}, trusted.Options{Now: w.now, Observe: w.count})
	if err != nil {
		t.Fatal(err)
	}
	w.auth = New(w.issuer, Options{Trusted: others})
	if err := w.dir.Attach(t.Context(), w.auth, Collections...); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *abroad) count(issuer, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted[issuer+" "+outcome]++
}

func (w *abroad) link(t *testing.T, issuer, subject string, to identity.Account) {
	t.Helper()
	w.write(t, func(tx *identity.Tx) error {
		return tx.PutIdentity(identity.LinkedIdentity{Issuer: issuer, Subject: subject, Account: to.ID})
	})
}

// subject is who a bearer is taken for.
func (w *abroad) subject(t *testing.T, raw string) identity.Subject {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/auth/nginx", nil)
	r.Header.Set("Authorization", "Bearer "+raw)
	s, err := w.auth.Authenticate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *abroad) expect(t *testing.T, what, raw, want string) {
	t.Helper()
	for _, when := range []string{"at first", "remembered"} {
		if got := w.ask("Bearer " + raw); got != want {
			t.Errorf("%s, %s: got %q, want %q", what, when, got, want)
		}
	}
}

func TestAuthenticate_takes_a_linked_identity_for_its_account_with_the_groups_of_the_token(t *testing.T) {
	w := newAbroad(t)
	w.link(t, w.corp.URL, "ada-1", w.ada)
	// scope is a word between the issuer and others: it narrows nothing here.
	raw := w.corp.Token("ada-1", map[string]any{"groups": []string{"staff", "a,b"}, "scope": "openid", "gen": 7})
	want := identity.Subject{
		ID: string(w.ada.ID), Kind: identity.SubjectAccount, Handle: "ada", Email: "ada@example.org", UserID: "Ada-1", Name: "Ada Lovelace",
		State: identity.Active, Groups: []string{"corp:staff"},
		Token: identity.TokenInfo{Kind: KindExternal, JTI: "jti-ada-1", Issuer: w.corp.URL},
	}
	if got := w.subject(t, raw); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got, err := w.auth.Holder(t.Context(), raw); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Holder: got %+v, %v", got, err)
	}
	if want := map[string]int{"corp keys_fetched": 1, "corp groups_dropped": 1, "corp accepted": 2}; !reflect.DeepEqual(w.counted, want) {
		t.Errorf("counted %v, want %v", w.counted, want)
	}
}

func TestAuthenticate_takes_strangers_as_the_issuer_is_configured(t *testing.T) {
	w := newAbroad(t)
	w.expect(t, "a stranger of corp", w.corp.Token("eve", map[string]any{"groups": []string{"staff"}}), ReasonNotLinked)
	raw := w.lab.Token("eve", map[string]any{"groups": []string{"staff"}})
	want := identity.Subject{
		ID: w.lab.URL + "|eve", Kind: identity.SubjectExternal, Groups: []string{"lab:staff"},
		Token: identity.TokenInfo{Kind: KindExternal, JTI: "jti-eve", Issuer: w.lab.URL},
	}
	if got := w.subject(t, raw); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// A subject that is spelled like an account of ours is none.
	if got := w.subject(t, w.lab.Token(string(w.ada.ID), nil)); got.Kind != identity.SubjectExternal || got.Handle != "" {
		t.Errorf("a subject that is an account's id: got %+v", got)
	}
	w.link(t, w.corp.URL, "ada-1", w.ada)
	w.expect(t, "the same subject of the other issuer", w.lab.Token("ada-1", nil), "account ")
}

// Whatever is taken away counts on the next request, for tokens that were seen before
// and for others.
func TestAuthenticate_follows_links_and_accounts_at_once(t *testing.T) {
	w := newAbroad(t)
	raw := w.corp.Token("ada-1", nil)
	w.expect(t, "before", raw, ReasonNotLinked)
	w.link(t, w.corp.URL, "ada-1", w.ada)
	w.expect(t, "linked", raw, "account ada")
	w.write(t, func(tx *identity.Tx) error { return tx.RemoveIdentity(w.ada.ID, w.corp.URL) })
	w.expect(t, "unlinked", raw, ReasonNotLinked)

	w.link(t, w.corp.URL, "ada-1", w.ada)
	state := func(s identity.State) {
		t.Helper()
		w.write(t, func(tx *identity.Tx) error {
			a, err := tx.Account(w.ada.ID)
			a.State = s
			return errors.Join(err, tx.UpdateAccount(a))
		})
	}
	state(identity.Disabled)
	w.expect(t, "disabled", raw, ReasonAccountDisabled)
	state(identity.Active)
	w.expect(t, "active again", raw, "account ada")
	// It ends what we gave out, and an issuer's token is none of it.
	w.write(t, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(w.ada.ID) })
	w.expect(t, "all tokens of the account revoked", raw, "account ada")
	w.write(t, func(tx *identity.Tx) error { return tx.RemoveAccount(w.ada.ID) })
	w.expect(t, "removed", raw, ReasonNotLinked)
	bob := w.account(t, identity.Account{Handle: "bob", Kind: identity.Person, State: identity.Invited})
	w.link(t, w.corp.URL, "ada-1", bob)
	w.expect(t, "linked to somebody who was invited", raw, "account bob")
	w.at.Add(int64(time.Hour / time.Second))
	w.expect(t, "expired", raw, ReasonExpiredToken)
}

func TestAuthenticate_refuses_what_a_trusted_issuer_did_not_say(t *testing.T) {
	w := newAbroad(t)
	w.link(t, w.corp.URL, "ada-1", w.ada)
	claims := w.corp.Text("ada-1", nil)
	w.expect(t, "J06 the other's key", w.lab.Key.Sign(t, w.lab.Key.Header(), claims), ReasonBadToken)
	w.expect(t, "J06 a slash at the end", w.corp.Token("ada-1", map[string]any{"iss": w.corp.URL + "/"}), ReasonBadToken)
	w.expect(t, "J05 another audience", w.corp.Token("ada-1", map[string]any{"aud": "grafana"}), ReasonBadToken)
	w.expect(t, "an issuer that nobody trusts", trustedtest.New(t).Token("ada-1", nil), "anonymous")
	w.expect(t, "one that says to be of ours", w.corp.Token(string(w.ada.ID), map[string]any{"iss": testIssuer}), ReasonBadToken)
	down := trustedtest.New(t)
	down.ReplaceKeys(http.NotFound)
	others, err := trusted.New([]trusted.Config{down.Config("down")}, trusted.Options{Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.auth = New(w.issuer, Options{Trusted: others})
	w.expect(t, "an issuer whose keys nobody knows", down.Token("ada-1", map[string]any{"iat": w.now().Unix(), "exp": w.now().Unix() + 60}), ReasonIssuerUnavailable)
}
