package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestVerifyAccess_does_not_take_what_others_made_for_ours(t *testing.T) {
	issuer, keys, _ := newIssuer(t)
	stranger := newKey(t, UseAccess)
	encode := base64.RawURLEncoding.EncodeToString
	foreign := func(claims string) string {
		return forge(t, stranger.Private, `{"alg":"ES256","typ":"JWT","kid":"`+stranger.KID+`"}`, claims)
	}
	for name, raw := range map[string]string{
		"nothing":                        "",
		"an opaque token":                "d5f1c9e0a7b24e33",
		"two parts":                      "a.b",
		"four parts":                     "a.b.c.d",
		"an encrypted token":             "a.b.c.d.e",
		"three parts of no meaning":      "abc.def.ghi",
		"empty parts":                    "..",
		"another issuer":                 foreign(`{"iss":"https://other.test","sub":"x"}`),
		"our issuer with a slash":        foreign(`{"iss":"` + testIssuer + `/","sub":"x"}`),
		"no issuer":                      foreign(`{"sub":"x"}`),
		"an issuer that is a number":     foreign(`{"iss":7}`),
		"claims that are an array":       foreign(`["iss"]`),
		"a JWT library's example":        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
		"an unsigned foreign one":        encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{"iss":"x"}`)) + ".",
		"a foreign key id that is a map": forge(t, keys[0].Private, `{"alg":"ES256","kid":{}}`, `{"iss":"x"}`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := issuer.VerifyAccess(raw); refusal(err) != "not ours" {
				t.Errorf("got %v, want %v", err, ErrNotOurs)
			}
		})
	}
}

func TestVerifyAccess_judges_as_ours_whatever_names_our_issuer_or_key(t *testing.T) {
	issuer, keys, c := newIssuer(t)
	raw, _, err := issuer.Access(ada, 1, AccessOptions{TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(raw, ".")
	_, claims, _ := parts(raw)
	ours := `{"alg":"ES256","kid":"` + keys[0].KID + `","typ":"at+jwt"}`
	sign := func(claims string) string { return forge(t, keys[0].Private, ours, claims) }
	now := c.now().Unix()
	for name, test := range map[string]struct{ raw, want string }{
		"padding":                        {part[0] + "." + part[1] + "=." + part[2], "bad_token: claims: not base64url"},
		"a foreign character":            {part[0] + "." + part[1] + "~." + part[2], "bad_token: claims: not base64url"},
		"a line break":                   {part[0] + "." + part[1] + ".\n" + part[2], "bad_token: line breaks"},
		"no signature":                   {part[0] + "." + part[1] + ".", "bad_token: bad signature"},
		"half a signature":               {part[0] + "." + part[1] + "." + part[2][:40], "bad_token: bad signature"},
		"signature bits that are unused": {part[0] + "." + part[1] + "." + lastBitFlipped(part[2]), "bad_token: claims of the wrong type"},
		"claims cut short":               {sign(claims[:len(claims)-5]), "bad_token: claims: not a JSON object"},
		"over-long":                      {raw + strings.Repeat("A", 8<<10), "bad_token: longer than 8192 characters"},
		"issuers in a list":              {sign(strings.Replace(claims, `"iss":"`+testIssuer+`"`, `"iss":["`+testIssuer+`"]`, 1)), "bad_token: claims of the wrong type"},
		"another issuer, our key":        {sign(strings.Replace(claims, testIssuer, "https://other.test", 1)), "bad_token: another issuer"},
		"no subject":                     {sign(strings.Replace(claims, `"sub":"01ADA",`, "", 1)), "bad_token: no subject or no id"},
		"a subject that is an object":    {sign(strings.Replace(claims, `"sub":"01ADA"`, `"sub":{"uid":"01ADA"}`, 1)), "bad_token: claims of the wrong type"},
		"no id":                          {sign(fmt.Sprintf(`{"iss":%q,"sub":"x","aud":"gatehouse","iat":%d,"exp":%d}`, testIssuer, now, now+9)), "bad_token: no subject or no id"},
		"claims that are not UTF-8":      {sign(strings.Replace(claims, "ada@", "a\xffa@", 1)), "bad_token: claims: not UTF-8"},
		"claims nested without end":      {sign(strings.Replace(claims, `{`, `{"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,`, 1)), "bad_token: claims: nested too deeply"},
		"a role that is a number":        {sign(strings.Replace(claims, `"roles":["admin"]`, `"roles":[1]`, 1)), "bad_token: claims of the wrong type"},
		"a negative generation":          {sign(strings.Replace(claims, `"gen":1`, `"gen":-1`, 1)), "bad_token: claims of the wrong type"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := issuer.VerifyAccess(test.raw); refusal(err) != test.want {
				t.Errorf("got %q, want %q", refusal(err), test.want)
			}
		})
	}
	if _, err := issuer.VerifyAccess(sign(claims)); err != nil {
		t.Errorf("the claims as they were, signed by the test: got %v, want none", err)
	}
}

// lastBitFlipped changes a bit of the last character that stands for no byte: a
// decoder that is not strict reads the same signature.
func lastBitFlipped(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	at := strings.IndexByte(alphabet, part[len(part)-1])
	return part[:len(part)-1] + string(alphabet[at^1])
}
