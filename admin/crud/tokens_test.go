package crud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

func TestTokens_are_made_listed_named_and_revoked(t *testing.T) {
	h := newHouse(t)
	made := h.as("bob", http.MethodPost, "/accounts/me/tokens", `{"name":"nightly build"}`)
	body := made.json(t)
	raw, _ := body["token"].(string)
	jti, _ := body["jti"].(string)
	if made.status != http.StatusCreated || raw == "" || body["kind"] != token.KindPersonal || made.header.Get("Location") != "/admin/v1/tokens/"+jti {
		t.Fatalf("status %d, Location %q: %s", made.status, made.header.Get("Location"), made.body)
	}
	if got := h.do(raw, http.MethodGet, "/accounts/me", ""); got.status != http.StatusOK {
		t.Fatalf("the token is answered with %d: %s", got.status, got.body)
	}
	listed := h.as("bob", http.MethodGet, "/accounts/me/tokens", "")
	if !strings.Contains(listed.body, jti) || strings.Contains(listed.body, raw) {
		t.Errorf("the list is %s", listed.body)
	}
	t.Run("J18", func(t *testing.T) {
		h.run(t, []exchange{
			{name: "another's is not there", as: "ada", ask: "GET /tokens/" + jti, status: 404, want: notThere},
			{name: "nor to be revoked", as: "ada", ask: "DELETE /tokens/" + jti, status: 404, want: notThere},
			{name: "nobody makes one for another", as: "bob", ask: "POST /accounts/{ada}/tokens", body: `{"name":"x"}`, status: 404, want: notThere},
			{name: "not even an admin for a person", as: "root", ask: "POST /accounts/{bob}/tokens", body: `{"name":"x"}`, status: 403, want: denied},
			{name: "a narrow token makes none", as: "robot", ask: "POST /accounts/me/tokens", body: `{"name":"x"}`, status: 404, want: notThere},
		})
		if got := h.do(raw, http.MethodPost, "/accounts/me/tokens", `{"name":"x"}`); got.status != http.StatusForbidden {
			t.Errorf("a personal token makes another: %d %s", got.status, got.body)
		}
		if got := h.as("root", http.MethodPost, "/accounts/{robot}/tokens", `{"name":"x"}`); got.status != http.StatusCreated {
			t.Errorf("an admin makes none for a service: %d %s", got.status, got.body)
		}
	})
	if got := h.as("bob", http.MethodPatch, "/tokens/"+jti, `{"name":"weekly build"}`); got.json(t)["name"] != "weekly build" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := h.as("bob", http.MethodDelete, "/tokens/"+jti, ""); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := h.do(raw, http.MethodGet, "/accounts/me", ""); got.status != http.StatusUnauthorized {
		t.Errorf("a revoked token is answered with %d", got.status)
	}
	other := h.signedIn("bob")
	if got := h.do(other, http.MethodDelete, "/accounts/me/tokens", ""); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := h.do(other, http.MethodGet, "/accounts/me", ""); got.status != http.StatusUnauthorized {
		t.Errorf("after all were revoked one is answered with %d", got.status)
	}
	t.Run("K03", func(t *testing.T) {
		entries, err := h.Directory.Journal(t.Context(), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		secrets := []string{raw, other}
		for _, e := range entries {
			for _, secret := range secrets {
				if strings.Contains(string(e.Before)+string(e.After), secret) {
					t.Errorf("the journal holds a token at revision %d", e.Revision)
				}
			}
		}
		for _, secret := range secrets {
			if strings.Contains(h.log.String(), secret) {
				t.Error("the log holds a token")
			}
		}
	})
}

func TestPassword_is_replaced_by_who_knows_it(t *testing.T) {
	h := newHouse(t)
	set := func(as, path, body string) answer { return h.as(as, http.MethodPut, path, body) }
	if got := set("root", "/accounts/{bob}/password", `{"password":"first password"}`); got.status != http.StatusNoContent {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	if got := set("bob", "/accounts/me/password", `{"password":"second password","current":"wrong password"}`); got.status != http.StatusUnauthorized {
		t.Errorf("with a wrong one: status %d: %s", got.status, got.body)
	}
	if got := set("bob", "/accounts/me/password", `{"password":"second password"}`); got.status != http.StatusUnauthorized {
		t.Errorf("with none: status %d: %s", got.status, got.body)
	}
	if got := set("ada", "/accounts/{bob}/password", `{"password":"second password"}`); got.status != http.StatusNotFound {
		t.Errorf("another's: status %d: %s", got.status, got.body)
	}
	if got := set("bob", "/accounts/me/password", `{"password":"second password","current":"first password"}`); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	var kept identity.Password
	err := h.Directory.Read(t.Context(), func(tx *identity.Tx) (err error) {
		kept, err = tx.Password(h.id("bob"))
		return err
	})
	if err != nil || kept.MustChange || !strings.HasPrefix(kept.Hash, "$argon2id$") {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	for _, secret := range []string{"first password", "second password", "wrong password"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	h.pass(time.Minute)
}

func TestOrganisations_are_their_owners(t *testing.T) {
	h := newHouse(t)
	h.run(t, []exchange{
		{name: "who is not in one does not see it", as: "bob", ask: "GET /organisations/{acme}", status: 404, want: notThere},
		{name: "a person is none", as: "root", ask: "GET /organisations/{bob}", status: 404, want: notThere},
		{name: "a member does not rename it", as: "nia", ask: "PATCH /organisations/{acme}", body: `{"name":"Ours"}`, status: 403, want: denied},
		{name: "nor add people", as: "nia", ask: "PUT /organisations/{acme}/members/{bob}", body: `{"role":"member"}`, status: 403, want: denied},
		{name: "nor does a stranger, who is told nothing", as: "bob", ask: "PUT /organisations/{acme}/members/{bob}", body: `{"role":"owner"}`, status: 404, want: notThere},
		{name: "an owner adds people", as: "olga", ask: "PUT /organisations/{acme}/members/{bob}", body: `{"role":"member"}`, status: 201,
			want: `{"uid":"{bob}","handle":"bob","name":"Bob","kind":"person","state":"active","role":"member"}`, header: []string{"Location", "/admin/v1/organisations/{acme}/members/{bob}"}},
		{name: "who then sees it", as: "bob", ask: "GET /organisations/{acme}/members/me", status: 200,
			want: `{"uid":"{bob}","handle":"bob","name":"Bob","kind":"person","state":"active","role":"member"}`},
		{name: "and leaves", as: "bob", ask: "DELETE /organisations/{acme}/members/me", status: 204},
		{name: "and sees it no more", as: "bob", ask: "GET /organisations/{acme}/members", status: 404, want: notThere},
		{name: "an owner does not remove it", as: "olga", ask: "DELETE /organisations/{acme}", status: 403, want: denied},
		{name: "nobody makes one but admins", as: "olga", ask: "POST /organisations", body: `{"handle":"globex"}`, status: 403, want: denied},
	})
	if got := h.as("olga", http.MethodPatch, "/organisations/{acme}", `{"name":"Acme Laboratories"}`); got.json(t)["name"] != "Acme Laboratories" {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := h.as("bob", http.MethodGet, "/organisations", ""); got.body != `{"items":[]}`+"\n" {
		t.Errorf("bob's organisations are %s", got.body)
	}
}
