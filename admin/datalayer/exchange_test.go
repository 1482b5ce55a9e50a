package datalayer_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/datalayer"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

var loginPaths = []string{"/api/iam/v1/login", "/api/iam/v1/authentication/login"}

// exchangeDoor is a door that trusts two issuers: corp, whose strangers are refused, and
// lab, whose strangers pass with their groups. ada is ada-1 to corp and ada-2 to lab.
type exchangeDoor struct {
	*door
	corp, lab *trustedtest.IdP
	ada       identity.Account
}

func newExchangeDoor(t *testing.T) *exchangeDoor {
	t.Helper()
	d := &exchangeDoor{corp: trustedtest.New(t), lab: trustedtest.New(t)}
	labConfig := d.lab.Config("lab")
	labConfig.Unlinked = trusted.UnlinkedGroups
	others, err := trusted.New([]trusted.Config{d.corp.Config("corp"), labConfig}, trusted.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.door = openDoor(t, t.TempDir(), authn.PasswordOptions{Params: cheap}, others)
	d.ada = d.person(t, "ada", identity.Active, "right", time.Time{})
	d.write(t, func(tx *identity.Tx) error {
		return errors.Join(
			tx.PutIdentity(identity.LinkedIdentity{Issuer: d.corp.URL, Subject: "ada-1", Account: d.ada.ID}),
			tx.PutIdentity(identity.LinkedIdentity{Issuer: d.lab.URL, Subject: "ada-2", Account: d.ada.ID}),
		)
	})
	return d
}

func (d *door) write(t *testing.T, fn func(tx *identity.Tx) error) {
	t.Helper()
	if _, err := d.dir.Write(t.Context(), "test", fn); err != nil {
		t.Fatal(err)
	}
}

// ours mints a token of this house.
func (d *door) ours(t *testing.T, a identity.Account, o token.AccessOptions) string {
	t.Helper()
	o.TTL = time.Hour
	raw, _, err := d.issuer.Access(token.UserOf(a), a.Generation, o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// exchange posts a token and reads the answer.
func (d *door) exchange(t *testing.T, path, raw string) (answer, map[string]any) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"token": raw})
	if err != nil {
		t.Fatal(err)
	}
	got := d.post(t, path, string(text))
	var body map[string]any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	return got, body
}

// recorded are the tokens that the directory knows an account to have, and who wrote the
// last revision, and from where.
func (d *door) recorded(t *testing.T, a identity.Account) (tokens []identity.Token, actor identity.Actor, address string) {
	t.Helper()
	err := d.dir.Read(t.Context(), func(tx *identity.Tx) (err error) {
		tokens, _, err = tx.ListTokens(a.ID, identity.Page{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := d.dir.JournalPage(t.Context(), identity.JournalFilter{Newest: true}, identity.JournalAt{}, 1)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return tokens, rows[0].Actor, rows[0].Address
}

func TestLogin_exchanges_the_token_of_a_linked_identity_for_one_of_ours(t *testing.T) {
	d := newExchangeDoor(t)
	d.from = "203.0.113.9"
	_, signedIn := d.exchangeByPassword(t)
	for at, path := range loginPaths {
		given := d.corp.Token("ada-1", nil)
		got, body := d.exchange(t, path, given)
		if got.status != http.StatusCreated || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: got %d %v %s, want 201 and no-store", path, got.status, got.header, got.body)
		}
		raw, _ := body["token"].(string)
		want := maps.Clone(signedIn) // the user is told as after a login by password
		maps.Copy(want, map[string]any{
			"token": raw, "provided_token": given, "provided_token_issuer": d.corp.URL, "is_provided_token_external": true,
		})
		if !reflect.DeepEqual(body, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", path, body, want)
		}
		holder, err := d.auth.Holder(t.Context(), raw)
		if err != nil || holder.ID != string(d.ada.ID) || holder.Token.Kind != token.KindLogin || len(holder.Token.Scopes) != 0 || holder.Token.Issuer != "https://gate.test" {
			t.Errorf("%s: our token is that of %+v, %v", path, holder, err)
		}
		tokens, actor, address := d.recorded(t, d.ada)
		known := false
		for _, one := range tokens {
			known = known || one.JTI == holder.Token.JTI && one.Kind == token.KindLogin
		}
		if !known || len(tokens) != at+2 || actor != identity.Actor("account:"+string(d.ada.ID)) || address != "203.0.113.9" {
			t.Errorf("%s: recorded are %v by %s from %q", path, tokens, actor, address)
		}
	}
	if log := d.log.String(); strings.Contains(log, "eyJ") {
		t.Errorf("a token is in the log: %s", log)
	}
}

// exchangeByPassword is a login by password, with the answer as an exchange has it.
func (d *exchangeDoor) exchangeByPassword(t *testing.T) (raw string, body map[string]any) {
	t.Helper()
	got := d.login(t, "ada", "right")
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != http.StatusCreated {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	return body["token"].(string), body
}

func TestLogin_answers_a_token_of_a_login_with_itself_and_makes_none(t *testing.T) {
	d := newExchangeDoor(t)
	raw, signedIn := d.exchangeByPassword(t)
	revision := d.dir.Revision()
	for _, path := range loginPaths {
		got, body := d.exchange(t, path, raw)
		want := maps.Clone(signedIn)
		maps.Copy(want, map[string]any{
			"provided_token": raw, "provided_token_issuer": "https://gate.test", "is_provided_token_external": false,
		})
		if got.status != http.StatusCreated || !reflect.DeepEqual(body, want) {
			t.Errorf("%s: got %d\n     %v\nwant %v", path, got.status, body, want)
		}
	}
	if now := d.dir.Revision(); now != revision {
		t.Errorf("the directory went from revision %d to %d", revision, now)
	}
}

// What an exchange must not do is make a token of what is none, and a wide one of a
// narrow one.
func TestLogin_refuses_tokens_that_are_not_to_sign_in_with(t *testing.T) {
	d := newExchangeDoor(t)
	dora := d.person(t, "dora", identity.Disabled, "right", time.Time{})
	gone := d.person(t, "gone", identity.Active, "right", time.Time{})
	d.write(t, func(tx *identity.Tx) error {
		return tx.PutIdentity(identity.LinkedIdentity{Issuer: d.corp.URL, Subject: "dora-1", Account: dora.ID})
	})
	personal := d.ours(t, d.ada, token.AccessOptions{Kind: token.KindPersonal})
	narrow := d.ours(t, d.ada, token.AccessOptions{Kind: token.KindPersonal, Scopes: []string{"ingress:read"}})
	narrowLogin := d.ours(t, d.ada, token.AccessOptions{Scopes: []string{"ingress:read"}})
	orphan := d.ours(t, gone, token.AccessOptions{})
	d.write(t, func(tx *identity.Tx) error { return tx.RemoveAccount(gone.ID) })
	stranger := trustedtest.New(t)
	forged := d.lab.Key.Sign(t, d.corp.Key.Header(), d.corp.Text("ada-1", nil))
	past := map[string]any{"iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": time.Now().Add(-time.Hour).Unix()}
	revision := d.dir.Revision()
	for name, test := range map[string]struct {
		raw    string
		status int
	}{
		"J18 a personal token":                {personal, 403},
		"J18 a personal token with scopes":    {narrow, 403},
		"J18 a login's token with scopes":     {narrowLogin, 403},
		"of nobody who is linked":             {d.corp.Token("eve-1", nil), 401},
		"of another issuer's subject":         {d.corp.Token("ada-2", nil), 401},
		"of nobody who is linked, but groups": {d.lab.Token("eve-1", map[string]any{"groups": []string{"staff"}}), 401},
		"of a disabled account":               {d.corp.Token("dora-1", nil), 401},
		"of an account that is gone":          {orphan, 401},
		"signed by another issuer's key":      {forged, 401},
		"expired":                             {d.corp.Token("ada-1", past), 401},
		"for another audience":                {d.corp.Token("ada-1", map[string]any{"aud": "grafana"}), 401},
		"of an issuer that nobody trusts":     {stranger.Token("ada-1", nil), 401},
		"no token":                            {"hunter2-hunter2", 401},
		"with the name of a scheme":           {"Bearer " + d.corp.Token("ada-1", nil), 401},
		"two tokens":                          {d.corp.Token("ada-1", nil) + "," + d.corp.Token("ada-1", nil), 401},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range loginPaths {
				got, body := d.exchange(t, path, test.raw)
				challenged := got.header.Get("WWW-Authenticate") != ""
				if got.status != test.status || body["success"] != false || body["token"] != nil || challenged != (test.status == 401) {
					t.Errorf("%s: got %d %v %s, want %d", path, got.status, got.header, got.body, test.status)
				}
				for _, part := range strings.Split(test.raw, ".") {
					if strings.Contains(got.body, part) || strings.Contains(d.log.String(), part) {
						t.Errorf("%s: the token is repeated: %s %s", path, got.body, d.log.String())
					}
				}
			}
		})
	}
	if now := d.dir.Revision(); now != revision {
		t.Errorf("the directory went from revision %d to %d", revision, now)
	}
	if hashes := d.observed(); len(hashes) != 0 {
		t.Errorf("%d hashes were computed", len(hashes))
	}
}

func TestLogin_by_token_follows_the_link_at_once(t *testing.T) {
	d := newExchangeDoor(t)
	expect := func(when string, want int) {
		t.Helper()
		if got, _ := d.exchange(t, loginPaths[0], d.corp.Token("ada-1", nil)); got.status != want {
			t.Errorf("%s: got %d %s, want %d", when, got.status, got.body, want)
		}
	}
	expect("linked", 201)
	d.write(t, func(tx *identity.Tx) error { return tx.RemoveIdentity(d.ada.ID, d.corp.URL) })
	expect("after the link was taken away", 401)
	d.write(t, func(tx *identity.Tx) error {
		return tx.PutIdentity(identity.LinkedIdentity{Issuer: d.corp.URL, Subject: "ada-1", Account: d.ada.ID})
	})
	expect("linked again", 201)
}

// unwritable is a directory that reads and does not write.
type unwritable struct {
	datalayer.Directory
	err error
}

func (u unwritable) Write(context.Context, identity.Actor, func(*identity.Tx) error) (uint64, error) {
	return 0, u.err
}

func TestLogin_hands_out_no_token_that_it_could_not_record(t *testing.T) {
	d := newExchangeDoor(t)
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"others are writing":      {identity.ErrBusy, 503},
		"it does not count yet":   {identity.ErrNotApplied, 503},
		"the caller has left":     {context.Canceled, 503},
		"the disk is broken":      {errors.New("disk I/O error"), 500},
		"the account was removed": {identity.ErrNotFound, 401},
		"it was made wrongly":     {&identity.InvalidError{Field: "kind", Why: "must be one word"}, 500},
	} {
		deps := d.deps
		deps.Directory = unwritable{d.dir, test.err}
		d.serve(t, deps)
		byToken, _ := d.exchange(t, loginPaths[0], d.corp.Token("ada-1", nil))
		for way, got := range map[string]answer{"password": d.login(t, "ada", "right"), "token": byToken} {
			if got.status != test.status || strings.Contains(got.body, "eyJ") || strings.Contains(got.body, "disk") {
				t.Errorf("%s, by %s: got %d %s, want %d and no token", name, way, got.status, got.body, test.status)
			}
			if (got.header.Get("Retry-After") != "") != (test.status == 503) {
				t.Errorf("%s, by %s: Retry-After %q", name, way, got.header.Get("Retry-After"))
			}
		}
	}
	if strings.Contains(d.log.String(), "eyJ") {
		t.Errorf("a token is in the log: %s", d.log.String())
	}
}
