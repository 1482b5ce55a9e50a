package token

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var ada = User{ID: "01ADA", Handle: "ada", Email: "ada@example.org", Name: "Ada King Lovelace", Roles: []string{"admin"}}

func TestAccess_token_verifies_to_what_it_was_minted_for(t *testing.T) {
	issuer, keys, c := newIssuer(t)
	raw, minted, err := issuer.Access(ada, 7, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	got, err := issuer.VerifyAccess(raw)
	if err != nil {
		t.Fatal(err)
	}
	got.Issued, got.Expires, minted.Issued, minted.Expires = got.Issued.UTC(), got.Expires.UTC(), minted.Issued.UTC(), minted.Expires.UTC()
	want := Claims{
		ID: minted.ID, Subject: "01ADA", Issuer: testIssuer, Audience: []string{testAudience},
		Issued: c.now(), Expires: c.now().Add(time.Hour), Generation: 7, Kind: "access", Scopes: []string{},
		User: ada, KeyID: keys[0].KID,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("verified:\ngot  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(minted, want) {
		t.Errorf("minted:\ngot  %+v\nwant %+v", minted, want)
	}
	if len(minted.ID) < 26 {
		t.Errorf("jti %q has fewer than 128 bits", minted.ID)
	}
}

func TestAccess_token_has_the_members_that_clients_of_the_platform_read(t *testing.T) {
	issuer, keys, c := newIssuer(t)
	raw, minted, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	header, claims, signature := parts(raw)
	want := map[string]any{
		"iss": testIssuer, "sub": "01ADA", "aud": []any{"gatehouse"}, "jti": minted.ID, "gen": 1.0,
		"iat": float64(c.now().Unix()), "exp": float64(c.now().Add(time.Hour).Unix()),
		"roles": []any{"admin"},
		"user": map[string]any{
			"id": "01ADA", "uid": "01ADA", "handle": "ada", "email": "ada@example.org",
			"firstName": "Ada King", "lastName": "Lovelace", "avatarUrl": "", "roles": []any{"admin"},
		},
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(claims), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("claims:\ngot  %v\nwant %v", got, want)
	}
	if want := `{"alg":"ES256","kid":"` + keys[0].KID + `","typ":"at+jwt"}`; header != want {
		t.Errorf("header: got %s, want %s", header, want)
	}
	if len(raw) < 100 || len(raw) > 5000 || len(signature) < 20 {
		t.Errorf("got %d characters with a signature of %d: clients refuse that", len(raw), len(signature))
	}
}

func TestAccess_refuses_what_clients_or_verifiers_could_not_use(t *testing.T) {
	issuer, _, _ := newIssuer(t)
	roles := User{ID: "01ADA", Roles: slices.Repeat([]string{"a-role-with-a-long-name"}, 200)}
	for name, mint := range map[string]func() error{
		"a user without an id":   func() error { _, _, err := issuer.Access(User{}, 0, AccessOptions{TTL: time.Hour}); return err },
		"no lifetime":            func() error { _, _, err := issuer.Access(ada, 0, AccessOptions{TTL: 0}); return err },
		"a negative lifetime":    func() error { _, _, err := issuer.Access(ada, 0, AccessOptions{TTL: -time.Hour}); return err },
		"more than 4900 letters": func() error { _, _, err := issuer.Access(roles, 0, AccessOptions{TTL: time.Hour}); return err },
		"assertion: no subject":  func() error { _, _, err := issuer.Assertion(Assertion{}, "x", time.Hour); return err },
		"assertion: no audience": func() error { _, _, err := issuer.Assertion(Assertion{Subject: "a"}, "", time.Hour); return err },
		"assertion: no life":     func() error { _, _, err := issuer.Assertion(Assertion{Subject: "a"}, "x", 0); return err },
		"no key for what is made": func() error {
			_, _, err := NewIssuer("i", "a", fixedKeys{}, time.Now).Access(ada, 0, AccessOptions{TTL: time.Hour})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := mint(); err == nil {
				t.Error("minted, want an error")
			}
		})
	}
}

func TestFirstAndLast_cut_a_name_at_its_last_space(t *testing.T) {
	for name, want := range map[string][2]string{
		"":                  {"", ""},
		"Plato":             {"Plato", ""},
		" Ada  Lovelace ":   {"Ada", "Lovelace"},
		"Ada King Lovelace": {"Ada King", "Lovelace"},
	} {
		first, last := User{Name: name}.FirstAndLast()
		if got := [2]string{first, last}; got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestStillGood_sees_expiry_and_a_key_that_is_gone(t *testing.T) {
	issuer, keys, c := newIssuer(t)
	_, claims, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got := refusal(issuer.StillGood(&claims)); got != "" {
		t.Errorf("fresh: got %q, want none", got)
	}
	gone := NewIssuer(testIssuer, testAudience, keys[1:], c.now)
	if got, want := refusal(gone.StillGood(&claims)), "bad_token: unknown key"; got != want {
		t.Errorf("key gone: got %q, want %q", got, want)
	}
	c.move(time.Minute)
	if got, want := refusal(issuer.StillGood(&claims)), "expired_token: expired"; got != want {
		t.Errorf("expired: got %q, want %q", got, want)
	}
}

func TestAssertion_verifies_for_its_audience_only(t *testing.T) {
	issuer, keys, c := newIssuer(t)
	about := Assertion{Subject: "01ADA", Kind: "account", Handle: "ada", Email: "ada@example.org", Name: "Ada", Groups: []string{"a", "b"}}
	raw, expires, err := issuer.Assertion(about, "app.test", 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if want := c.now().Add(5 * time.Minute); !expires.Equal(want) {
		t.Errorf("expires: got %v, want %v", expires, want)
	}
	got, err := issuer.VerifyAssertion(raw, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, about) {
		t.Errorf("got %+v, want %+v", got, about)
	}
	if _, err := issuer.VerifyAssertion(raw, "other.test"); refusal(err) != "bad_token: another audience" {
		t.Errorf("another audience: got %v", err)
	}
	header, _, _ := parts(raw)
	if want := `{"alg":"ES256","kid":"` + keys[1].KID + `","typ":"gatehouse-assertion+jwt"}`; header != want {
		t.Errorf("header: got %s, want %s", header, want)
	}
}

func TestAssertion_is_handed_out_again_until_half_its_life_is_over(t *testing.T) {
	issuer, _, c := newIssuer(t)
	about := Assertion{Subject: "01ADA", Groups: []string{"a"}}
	mint := func(a Assertion, audience string) string {
		t.Helper()
		raw, expires, err := issuer.Assertion(a, audience, 4*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if left := expires.Sub(c.now()); left < 2*time.Minute {
			t.Errorf("handed out with %v left, want half of its life at least", left)
		}
		return raw
	}
	first := mint(about, "app.test")
	c.move(2*time.Minute - time.Second)
	if mint(about, "app.test") != first {
		t.Error("signed again before half its life was over")
	}
	short := Assertion{Subject: "01ADA"}
	if bare := mint(short, "app.test"); mint(short, "app.test") != bare || mint(about, "app.test") != first {
		t.Error("the same without groups pushes the one with groups out")
	}
	for name, other := range map[string]string{
		"another audience": mint(about, "other.test"),
		"another subject":  mint(Assertion{Subject: "01EVE", Groups: []string{"a"}}, "app.test"),
		"other groups":     mint(Assertion{Subject: "01ADA", Groups: []string{"b"}}, "app.test"),
		"a changed e-mail": mint(Assertion{Subject: "01ADA", Groups: []string{"a"}, Email: "a@b"}, "app.test"),
	} {
		if other == first {
			t.Errorf("%s shares an assertion", name)
		}
	}
	second := mint(about, "app.test")
	c.move(2 * time.Minute)
	if mint(about, "app.test") == second {
		t.Error("not renewed after half its life")
	}
	c.move(-time.Hour)
	if raw := mint(about, "app.test"); raw == second {
		t.Error("an assertion from the future was handed out after the clock was set back")
	}
}

func TestAssertion_leaves_groups_out_that_proxies_could_not_carry(t *testing.T) {
	issuer, _, _ := newIssuer(t)
	groups := slices.Repeat([]string{"a-group-of-twenty-chars"}, 500)
	raw, _, err := issuer.Assertion(Assertion{Subject: "01ADA", Groups: groups}, "app.test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	got, err := issuer.VerifyAssertion(raw, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) == 0 || len(got.Groups) >= 500 || len(raw) > 2500 {
		t.Errorf("got %d groups in %d characters", len(got.Groups), len(raw))
	}
	if _, claims, _ := parts(raw); !strings.Contains(claims, `"groups_truncated":true`) {
		t.Errorf("nothing says that groups are missing: %s", claims)
	}
}

func TestJWKS_holds_public_parts_only(t *testing.T) {
	issuer, keys, _ := newIssuer(t)
	var got struct{ Keys []map[string]any }
	if err := json.Unmarshal(issuer.JWKS(), &got); err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	for _, key := range keys {
		public, err := toJWK(key.Public)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, map[string]any{
			"kty": "EC", "crv": "P-256", "x": public.X, "y": public.Y, "kid": key.KID, "alg": "ES256", "use": "sig",
		})
	}
	if !reflect.DeepEqual(got.Keys, want) {
		t.Errorf("got %v, want %v", got.Keys, want)
	}
	if got := string(NewIssuer("i", "a", fixedKeys{}, time.Now).JWKS()); got != `{"keys":[]}` {
		t.Errorf("without keys: got %s", got)
	}
}

func BenchmarkVerifyAccess(b *testing.B) {
	issuer, _, _ := newIssuer(b)
	raw, _, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := issuer.VerifyAccess(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAssertionHandedOutAgain(b *testing.B) {
	issuer, _, _ := newIssuer(b)
	about := Assertion{Subject: "01ADA", Groups: []string{"a", "b"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := issuer.Assertion(about, "app.test", 5*time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
