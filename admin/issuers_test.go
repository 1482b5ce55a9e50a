package admin_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// J22: wherever a token of a trusted issuer is presented, it is looked at alike.
func TestTrusted_tokens_get_the_same_answer_everywhere(t *testing.T) {
	corp, other := trustedtest.New(t), trustedtest.New(t)
	issuers, err := trusted.New([]trusted.Config{corp.Config("corp")}, trusted.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site := admintest.NewSite(t, admintest.Trusted(issuers))
	site.Write(func(tx *identity.Tx) error {
		return tx.PutIdentity(identity.LinkedIdentity{Issuer: corp.URL, Subject: "alice-1", Account: site.Alice.ID})
	})
	t.Run("J22", func(t *testing.T) {
		for name, c := range map[string]struct {
			raw  string
			good bool
		}{
			"good (control)":          {corp.Token("alice-1", nil), true},
			"linked to nobody":        {corp.Token("eve-1", nil), false},
			"another issuer's key":    {other.Key.Sign(t, other.Key.Header(), corp.Text("alice-1", nil)), false},
			"for another audience":    {corp.Token("alice-1", map[string]any{"aud": "grafana"}), false},
			"expired":                 {corp.Token("alice-1", map[string]any{"exp": time.Now().Unix() - 1}), false},
			"of a look-alike":         {corp.Token("alice-1", map[string]any{"iss": corp.URL + "/"}), false},
			"signed, and then edited": {corp.Token("alice-1", nil) + "A", false},
		} {
			status := func(good int) int {
				if c.good {
					return good
				}
				return http.StatusUnauthorized
			}
			bearer := admintest.Header{Name: "Authorization", Value: "Bearer " + c.raw}
			for _, door := range admintest.Doors {
				if got := site.Ask(door, "GET", "https://app.test/api/x", bearer); got.Status != status(http.StatusOK) {
					t.Errorf("%s at %s: got %d %s, want %d", name, door, got.Status, got.Reason(), status(http.StatusOK))
				}
			}
			if got := site.Get("/admin/v1/accounts/me", bearer); got.Status != status(http.StatusOK) {
				t.Errorf("%s at /admin/v1: got %d %s, want %d", name, got.Status, got.Body, status(http.StatusOK))
			}
			body := `{"token":"` + c.raw + `"}`
			login := admintest.Request("POST", "/api/iam/v1/login", "gatehouse",
				admintest.Header{Name: "Content-Type", Value: "application/json"},
				admintest.Header{Name: "Content-Length", Value: strconv.Itoa(len(body))}) + body
			if got := site.Exchange(login); got.Status != status(http.StatusCreated) {
				t.Errorf("%s at login: got %d %s, want %d", name, got.Status, got.Body, status(http.StatusCreated))
			}
		}
	})
}
