package trusted_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

func TestVerify_tells_whose_token_it_is(t *testing.T) {
	w := newWorld(t, nil)
	got, err := w.set.Verify(t.Context(), w.Token("ada", map[string]any{"groups": []string{"staff", "ml"}, "scope": "anything", "nonce": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint("corp ", w.URL, " ada jti-ada [corp:staff corp:ml] ", w.clock.now().Add(time.Hour).Unix(), " ", w.URL, "|ada")
	if text := fmt.Sprint(got.Issuer.Name(), " ", got.Issuer.URL(), " ", got.Subject, " ", got.JTI, " ", got.Groups, " ", got.Expires.Unix(), " ", got.ID()); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	w.clock.move(time.Hour)
	if got := words(got.StillGood(t.Context())); got != "expired_token: expired" {
		t.Errorf("an hour later: %s", got)
	}
}

// What attackers and sloppy issuers put into headers.
func TestVerify_refuses_headers_that_are_not_plain(t *testing.T) {
	w := newWorld(t, nil)
	elsewhere, asked := forbidden(t)
	kid, claims := w.Key.KID, w.Text("ada", nil)
	for name, c := range map[string]struct{ header, want string }{
		"good (control)":                    {w.Key.Header(), "good"},
		"an access token (control)":         {`{"alg":"ES256","kid":"` + kid + `","typ":"at+jwt"}`, "good"},
		"no typ (control)":                  {`{"alg":"ES256","kid":"` + kid + `"}`, "good"},
		"a member of no meaning (control)":  {`{"alg":"ES256","kid":"` + kid + `","x5t":"AA"}`, "good"},
		"J01 none":                          {`{"alg":"none","kid":"` + kid + `"}`, "bad_token"},
		"J01 nOnE":                          {`{"alg":"nOnE"}`, "bad_token"},
		"no alg":                            {`{"kid":"` + kid + `"}`, "bad_token"},
		"another algorithm of ours":         {`{"alg":"RS256","kid":"` + kid + `"}`, "bad_token"},
		"J03 jwk":                           {`{"alg":"ES256","kid":"` + kid + `","jwk":` + w.Key.JWK() + `}`, "bad_token"},
		"J03 jku":                           {`{"alg":"ES256","kid":"` + kid + `","jku":"` + elsewhere + `"}`, "bad_token"},
		"J03 x5u":                           {`{"alg":"ES256","kid":"` + kid + `","x5u":"` + elsewhere + `"}`, "bad_token"},
		"J03 X5C":                           {`{"alg":"ES256","kid":"` + kid + `","X5C":["AA"]}`, "bad_token"},
		"J04 a path as kid":                 {`{"alg":"ES256","kid":"../../../../dev/null"}`, "bad_token"},
		"J04 a list as kid":                 {`{"alg":"ES256","kid":["` + kid + `"]}`, "bad_token"},
		"J04 a number as kid":               {`{"alg":"ES256","kid":7}`, "bad_token"},
		"J04 a long kid":                    {`{"alg":"ES256","kid":"` + strings.Repeat("k", 300) + `"}`, "bad_token"},
		"J04 an empty kid":                  {`{"alg":"ES256","kid":""}`, "bad_token"},
		"J09 encrypted":                     {`{"alg":"ES256","kid":"` + kid + `","enc":"A256GCM"}`, "bad_token"},
		"J10 a logout token":                {`{"alg":"ES256","kid":"` + kid + `","typ":"logout+jwt"}`, "bad_token"},
		"J10 an assertion of ours":          {`{"alg":"ES256","kid":"` + kid + `","typ":"gatehouse-assertion+jwt"}`, "bad_token"},
		"J11 crit":                          {`{"alg":"ES256","kid":"` + kid + `","crit":["exp"]}`, "bad_token"},
		"J11 b64":                           {`{"alg":"ES256","kid":"` + kid + `","b64":true}`, "bad_token"},
		"J13 alg twice":                     {`{"alg":"none","alg":"ES256","kid":"` + kid + `"}`, "bad_token"},
		"J13 alg twice, in different cases": {`{"alg":"ES256","Alg":"none","kid":"` + kid + `"}`, "good"}, // exact names alone mean something
		"no object":                         {`["ES256"]`, "bad_token"},
		"something behind it":               {w.Key.Header() + "{}", "bad_token"},
	} {
		w.expect(t, name, w.Key.Sign(t, c.header, claims), c.want)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("an address out of a header was asked %d times", n)
	}
}

// J02: no public key is a secret.
func TestVerify_takes_no_public_key_for_a_secret(t *testing.T) {
	t.Run("J02", func(t *testing.T) {
		w := newWorld(t, nil)
		encode := base64.RawURLEncoding.EncodeToString
		for name, secret := range map[string]string{"the JWK": w.Key.JWK(), "nothing": "", "its x": fmt.Sprint(w.Key.Members["x"])} {
			input := encode([]byte(`{"alg":"HS256","kid":"`+w.Key.KID+`"}`)) + "." + encode([]byte(w.Text("ada", nil)))
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(input))
			w.expect(t, name, input+"."+encode(mac.Sum(nil)), "bad_token")
		}
	})
}

// Claims as other products were wrong about them.
func TestVerify_judges_claims_exactly(t *testing.T) {
	w := newWorld(t, nil)
	at := w.clock.now()
	for name, c := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"good (control)":                      {nil, "good"},
		"J05 the audience in a list":          {map[string]any{"aud": []string{"gatehouse", "x"}}, "good"},
		"J05 no audience":                     {map[string]any{"aud": nil}, "bad_token"},
		"J05 an empty list":                   {map[string]any{"aud": []string{}}, "bad_token"},
		"J05 another":                         {map[string]any{"aud": []string{"x"}}, "bad_token"},
		"J05 one that begins alike":           {map[string]any{"aud": "gatehouse-evil"}, "bad_token"},
		"J05 in another case":                 {map[string]any{"aud": "Gatehouse"}, "bad_token"},
		"J05 a list with a number":            {map[string]any{"aud": []any{"gatehouse", 7}}, "bad_token"},
		"J05 a list with null":                {map[string]any{"aud": []any{"gatehouse", nil}}, "bad_token"},
		"J05 an object":                       {map[string]any{"aud": map[string]string{"0": "gatehouse"}}, "bad_token"},
		"J07 expired":                         {map[string]any{"exp": at.Unix()}, "expired_token"},
		"J12 no exp":                          {map[string]any{"exp": nil}, "bad_token"},
		"J12 exp as text":                     {map[string]any{"exp": "9999999999"}, "bad_token"},
		"J12 exp as an exponent":              {map[string]any{"exp": jsonNumber("1e309")}, "bad_token"},
		"J12 exp below zero":                  {map[string]any{"exp": -1}, "bad_token"},
		"J12 exp that is null":                {map[string]any{"exp": jsonNumber("null")}, "bad_token"},
		"J12 exp with a fraction":             {map[string]any{"exp": jsonNumber(fmt.Sprint(at.Unix()+60, ".75"))}, "good"},
		"J12 nbf ahead":                       {map[string]any{"nbf": at.Add(time.Minute).Unix()}, "bad_token"},
		"J12 nbf ahead by a clock's error":    {map[string]any{"nbf": at.Add(20 * time.Second).Unix()}, "good"},
		"J12 iat an hour ahead":               {map[string]any{"iat": at.Add(time.Hour).Unix()}, "bad_token"},
		"J12 no iat":                          {map[string]any{"iat": nil}, "good"},
		"no subject":                          {map[string]any{"sub": nil}, "bad_token"},
		"an empty subject":                    {map[string]any{"sub": ""}, "bad_token"},
		"a number as subject":                 {map[string]any{"sub": 7}, "bad_token"},
		"a subject that breaks a line":        {map[string]any{"sub": "ada\nroot"}, "bad_token"},
		"a subject with a sign nobody sees":   {map[string]any{"sub": "ada\u200b"}, "bad_token"},
		"a long subject":                      {map[string]any{"sub": strings.Repeat("a", 256)}, "bad_token"},
		"a security event":                    {map[string]any{"events": map[string]any{}}, "bad_token"},
		"bound to a key":                      {map[string]any{"cnf": map[string]any{"jkt": "AA"}}, "bad_token"},
		"no jti":                              {map[string]any{"jti": nil}, "good"},
		"a jti that is not usable":            {map[string]any{"jti": 7}, "good"},
		"J14 an e-mail that nobody has shown": {map[string]any{"email": "root@corp.test", "email_verified": false}, "good"}, // it means nothing here
	} {
		w.expect(t, name, w.Token("ada", c.changes), c.want)
	}
	twice := `{"sub":"root",` + w.Text("ada", nil)[1:]
	w.expect(t, "J13 sub twice", w.Key.Sign(t, w.Key.Header(), twice), "bad_token")
	expired := w.Token("ada", map[string]any{"exp": at.Unix() - 60})
	w.expect(t, "J07 expired and forged", expired[:len(expired)-8]+"AAAAAAAA", "bad_token: bad signature")
}

// jsonNumber is written into claims as it is.
type jsonNumber string

func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

func TestVerify_looks_at_the_form_first(t *testing.T) {
	w := newWorld(t, nil)
	good := w.Token("ada", nil)
	w.expect(t, "good (control)", good, "good")
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for name, c := range map[string]struct{ raw, want string }{
		"nothing":                {"", "not ours"},
		"one part":               {"hunter2", "not ours"},
		"two parts":              {header + "." + payload, "not ours"},
		"J09 five parts":         {good + ".AA.AA", "not ours"},
		"no signature":           {header + "." + payload + ".", "bad_token"},
		"padding":                {good + "=", "bad_token"},
		"a line break within":    {header + "." + payload + "." + signature[:10] + "\n" + signature[10:], "bad_token"},
		"another last character": {good[:len(good)-1] + string(good[len(good)-1]^1), "bad_token"},
		"J08 dots":               {strings.Repeat(".", 1<<20), "bad_token"},
		"J08 base64":             {strings.Repeat("A", 1<<20), "bad_token"},
		"J08 very deep":          {w.Key.Sign(t, w.Key.Header(), `{"iss":"`+w.URL+`","x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`), "bad_token"},
		"just too long":          {w.Token("ada", map[string]any{"x": strings.Repeat("x", trusted.MaxLength*3/4)}), "bad_token"},
		"long, and not too long": {w.Token("ada", map[string]any{"x": strings.Repeat("x", trusted.MaxLength*3/4-600)}), "good"},
	} {
		w.expect(t, name, c.raw, c.want)
	}
	if fetches := w.Fetches(); fetches != 1 {
		t.Errorf("%d fetches, want 1", fetches)
	}
}

func TestVerify_counts_what_it_refused_and_says_nothing_of_the_token(t *testing.T) {
	w := newWorld(t, nil)
	secret := "hunter2hunter2"
	for _, raw := range []string{
		w.Token(secret, map[string]any{"aud": secret}), w.Token(secret, map[string]any{"exp": 1}),
		w.Key.Sign(t, `{"alg":"`+secret+`"}`, w.Text(secret, nil)), w.Token(secret, nil) + "A",
	} {
		if got := w.ask(t, raw); strings.Contains(got, secret) || strings.Contains(w.log.String(), secret) {
			t.Errorf("the token is repeated: %s\n%s", got, w.log)
		}
	}
	if bad, expired := w.counts.of("corp bad_token"), w.counts.of("corp expired_token"); bad != 3 || expired != 1 {
		t.Errorf("counted %d bad and %d expired ones, want 3 and 1", bad, expired)
	}
}

// PS* with a salt of another length is another signature (J17).
func TestVerify_takes_PSS_with_the_salt_of_its_hash_alone(t *testing.T) {
	t.Run("J17", func(t *testing.T) {
		w := newWorld(t, func(c *trusted.Config) { c.Algorithms = []string{"PS256"} })
		key := trustedtest.NewKey(t, "PS256")
		w.Publish(key)
		encode := base64.RawURLEncoding.EncodeToString
		input := encode([]byte(key.Header())) + "." + encode([]byte(w.Text("ada", nil)))
		for salt, want := range map[int]string{32: "good", 20: "bad_token", 0: "bad_token", 64: "bad_token"} {
			if salt == 0 {
				salt = 222 // as long as a key of 2,048 bits lets it be; 0 means that to crypto/rsa
			}
			w.expect(t, fmt.Sprint("a salt of ", salt), input+"."+encode(key.Signature(t, input, salt)), want)
		}
	})
}

// J16 beside what fetch_test.go shows: certificates count, and plain HTTP does not.
func TestFetch_believes_only_servers_that_prove_who_they_are(t *testing.T) {
	t.Run("J16", func(t *testing.T) {
		config, o, key, _ := secure(t, "127.0.0.0/8")
		o.Resolver = names(t, "127.0.0.1")
		raw := key.Sign(t, key.Header(), fmt.Sprintf(`{"iss":%q,"sub":"ada","aud":"gatehouse","exp":%d}`, config.Issuer, time.Now().Unix()+60))
		verify := func(o trusted.Options) string {
			set, err := trusted.New([]trusted.Config{config}, o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = set.Verify(t.Context(), raw)
			return words(err)
		}
		if got := verify(o); got != "good" {
			t.Errorf("with its certificate (control): got %q", got)
		}
		o.RootCAs = nil
		if got := verify(o); !strings.HasPrefix(got, unavailable) {
			t.Errorf("with a certificate that nobody vouches for: got %q", got)
		}
	})
}

func TestGroups_are_taken_over_under_names_that_nobody_can_mistake(t *testing.T) {
	long := strings.Repeat("g", 124)
	many, kept := []string{}, []string{}
	for n := range 250 {
		many = append(many, fmt.Sprint("g", n))
		if n < 200 {
			kept = append(kept, fmt.Sprint("corp:g", n))
		}
	}
	w, other := newWorld(t, nil), trustedtest.New(t)
	config, elsewhere := w.Config("corp"), other.Config("other")
	elsewhere.GroupsPrefix = "corp:vip:"
	w.trust(t, config, elsewhere)
	for name, c := range map[string]struct {
		groups any
		want   []string
		left   bool
	}{
		"a list":                   {[]string{"a", "b c"}, []string{"corp:a", "corp:b c"}, false},
		"one":                      {"a", []string{"corp:a"}, false},
		"none":                     {[]string{}, nil, false},
		"missing":                  {nil, nil, false},
		"twice":                    {[]string{"a", "a"}, []string{"corp:a"}, false},
		"250":                      {many, kept, true},
		"an empty name":            {[]string{"", "a"}, []string{"corp:a"}, true},
		"other things than texts":  {[]any{7, nil, true, []string{"x"}, "a"}, []string{"corp:a"}, true},
		"a comma":                  {[]string{"a,admins", "b"}, []string{"corp:b"}, true},
		"a line break":             {[]string{"a\nb", "c"}, []string{"corp:c"}, true},
		"a sign that nobody sees":  {[]string{"a\u200d", "b"}, []string{"corp:b"}, true},
		"space at the end":         {[]string{"a ", "b"}, []string{"corp:b"}, true},
		"too long":                 {[]string{long, "a"}, []string{"corp:a"}, true},
		"a group of the other":     {[]string{"vip:a", "b"}, []string{"corp:b"}, true},
		"the name of our prefix":   {[]string{"corp:a"}, []string{"corp:corp:a"}, false},
		"an object of two members": {map[string]any{"a": 1}, nil, true},
	} {
		before := w.counts.of("corp groups_dropped")
		got, err := w.set.Verify(t.Context(), w.Token("ada", map[string]any{"groups": c.groups}))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got.Groups) != fmt.Sprint(c.want) || (w.counts.of("corp groups_dropped") > before) != c.left {
			t.Errorf("%s: got %q, want %q", name, got.Groups, c.want)
		}
	}
	plain := newWorld(t, func(c *trusted.Config) { c.GroupsClaim = "" })
	if got, err := plain.set.Verify(t.Context(), plain.Token("ada", map[string]any{"groups": []string{"a"}, "": []string{"b"}})); err != nil || got.Groups != nil {
		t.Errorf("without a claim: got %v, %v, want none", got, err)
	}
}

// A token is never the reason to wait for an issuer that it does not name.
func TestVerify_asks_nobody_about_tokens_of_others(t *testing.T) {
	w := newWorld(t, nil)
	w.ReplaceKeys(func(http.ResponseWriter, *http.Request) { t.Error("the issuer was asked") })
	stranger := trustedtest.New(t)
	w.expect(t, "a stranger's", stranger.Token("ada", nil), "not ours")
	if n := w.Asked("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("discovery was asked %d times", n)
	}
}
