package datalayer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

func TestLogin_answers_with_the_user_and_a_token_that_the_gate_believes(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	ada := d.person(t, "ada", identity.Active, "right", time.Time{})
	_, err := d.dir.Write(t.Context(), "test", func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "admin") })
	if err != nil {
		t.Fatal(err)
	}
	created := ada.Created.UTC().Format(time.RFC3339)
	for _, path := range []string{"/api/iam/v1/login", "/api/iam/v1/authentication/login"} {
		for _, name := range []string{"ada", "ADA", "ada@example.org"} {
			got := d.post(t, path, credentials(t, name, "right"))
			if got.status != http.StatusCreated || got.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s as %s: got %d %v %s, want 201 and no-store", path, name, got.status, got.header, got.body)
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatal(err)
			}
			raw, _ := body["token"].(string)
			delete(body, "token")
			want := map[string]any{
				"success": true, "message": "Signed in with success.",
				"user": map[string]any{
					"id": string(ada.ID), "uid": string(ada.ID), "handle_s": "ada", "email_s": "ada@example.org",
					"first_name_t": "Ada King", "last_name_t": "Lovelace", "type_s": "user", "origin_s": "gatehouse",
					"roles_ss": []any{"admin"}, "avatar_url_s": "", "creation_ts_dt": created, "join_ts_dt": created,
					"settings": map[string]any{}, "events": []any{}, "iam_providers": []any{},
				},
			}
			if !reflect.DeepEqual(body, want) {
				t.Errorf("got  %v\nwant %v", body, want)
			}
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+raw)
			subject, err := d.auth.Authenticate(t.Context(), r)
			if err != nil || subject.ID != string(ada.ID) {
				t.Errorf("the token: got %+v, %v, want ada", subject, err)
			}
		}
	}
	if strings.Contains(d.log.String(), "right") || strings.Contains(d.log.String(), "eyJ") {
		t.Errorf("a secret is in the log: %s", d.log.String())
	}
}

func TestLogin_names_the_field_of_a_malformed_request_before_it_hashes(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	for name, test := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"no body":                 {"", 400, "empty"},
		"no JSON":                 {"handle=ada&password=x", 400, "not valid JSON"},
		"an array":                {`["ada","x"]`, 400, "object"},
		"cut short":               {`{"handle":"ada"`, 400, "JSON"},
		"something after it":      {`{"handle":"ada","password":"x"} {}`, 400, "JSON"},
		"an unknown field":        {`{"handle":"ada","password":"x","admin":true}`, 400, "admin"},
		"a field in another case": {`{"Handle":"ada","password":"x"}`, 400, "Handle"},
		"a field twice":           {`{"handle":"ada","handle":"root","password":"x"}`, 400, "handle"},
		"a number as handle":      {`{"handle":7,"password":"x"}`, 400, "handle"},
		"no handle":               {`{"password":"x"}`, 400, "handle"},
		"an empty handle":         {`{"handle":"","password":"x"}`, 400, "handle"},
		"no password":             {`{"handle":"ada"}`, 400, "password"},
		"null as password":        {`{"handle":"ada","password":null}`, 400, "password"},
		"a token and a handle":    {`{"token":"eyJ.x.y","handle":"ada"}`, 400, "token"},
		"a token and a password":  {`{"token":"eyJ.x.y","password":"x"}`, 400, "token"},
		"an empty token":          {`{"token":""}`, 400, "token"},
		"null as token":           {`{"token":null}`, 400, "handle"},
		"a list as token":         {`{"token":["eyJ.x.y"]}`, 400, "token"},
		"an over-long token":      {`{"token":"` + strings.Repeat("a", 16<<10+1) + `"}`, 400, "token"},
		"an over-long handle":     {`{"handle":"` + strings.Repeat("a", 255) + `","password":"x"}`, 400, "handle"},
		"an over-long password":   {`{"handle":"ada","password":"` + strings.Repeat("p", 1025) + `"}`, 400, "password"},
		"over the limit":          {`{"handle":"ada","password":"` + strings.Repeat("p", 20<<10) + `"}`, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.post(t, "/api/iam/v1/login", test.body)
			var body struct {
				Success bool
				Message string
				Errors  []string
			}
			if err := json.Unmarshal([]byte(got.body), &body); err != nil {
				t.Fatalf("%s: %v", got.body, err)
			}
			if got.status != test.status || body.Success || body.Message == "" || !strings.Contains(strings.Join(body.Errors, " "), test.want) {
				t.Errorf("got %d %s, want %d with %q", got.status, got.body, test.status, test.want)
			}
			if strings.Contains(body.Message, "success") {
				t.Errorf("a failure says success: %s", body.Message)
			}
		})
	}
	if got := d.observed(); len(got) != 0 {
		t.Errorf("%d hashes were computed, want none", len(got))
	}
}

func TestLogin_does_not_blame_the_password_when_the_directory_is_broken(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	d.person(t, "ada", identity.Active, "right", time.Time{})
	if err := d.dir.Close(); err != nil {
		t.Fatal(err)
	}
	got := d.login(t, "ada", "right")
	if got.status < 500 || strings.Contains(got.body, "sql") || strings.Contains(got.body, "token") {
		t.Errorf("got %d %s, want a server error that tells nothing", got.status, got.body)
	}
}

func TestSurface_answers_the_names_that_need_no_credential(t *testing.T) {
	d := newDoor(t, authn.PasswordOptions{Params: cheap})
	for path, want := range map[string]string{
		"/api/iam/v1/ping":       `{"success":true,"message":"pong"}`,
		"/api/iam/version":       `{"success":true,"message":"Gatehouse answers.","version":"1.2.3"}`,
		"/.well-known/jwks.json": string(d.issuer.JWKS()),
	} {
		got := d.get(t, path)
		if got.status != http.StatusOK || got.body != want || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: got %d %s %s, want 200 %s", path, got.status, got.header.Get("Content-Type"), got.body, want)
		}
	}
	if got := d.get(t, "/.well-known/jwks.json").header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("key set: Cache-Control %q", got)
	}
	if got := d.get(t, "/api/iam/v1/auth"); got.status != http.StatusNotFound {
		t.Errorf("/api/iam/v1/auth: got %d, want 404: it is the ingress's", got.status)
	}
	if got := d.get(t, "/api/iam/v1/login"); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET login: got %d, want 405", got.status)
	}
}
