package authn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	bad     = "bad_token"
	expired = "expired_token"
	good    = "account ada"
)

// The attacks on JSON Web Tokens that other products fell to, one subtest each. Every
// one starts from a token that is good until the attack is applied.
func TestAuthenticate_refuses_known_attacks_on_tokens(t *testing.T) {
	w := newWorld(t)
	raw, _, _ := w.genuine(t)
	w.expect(t, "control", raw, good)
	for id, row := range map[string]func(*testing.T, *world){
		"J01": rowNoAlgorithm, "J02": rowKeyConfusion, "J03": rowEmbeddedKeys, "J04": rowKeyID,
		"J05": rowAudience, "J07": rowErrorPrecedence, "J08": rowDots, "J09": rowEncrypted,
		"J10": rowKinds, "J11": rowCritical, "J12": rowTimes, "J13": rowDuplicates, "J20": rowBasic,
	} {
		t.Run(id, func(t *testing.T) { row(t, w) })
	}
}

func rowNoAlgorithm(t *testing.T, w *world) {
	raw, header, claims := w.genuine(t)
	signature := strings.Split(raw, ".")[2]
	for _, alg := range []string{"none", "None", "nOnE", "NONE", "", "none\x00", "HS256", "ES384", "es256"} {
		h := replace(t, header, `"ES256"`, fmt.Sprintf("%q", alg))
		input := encode(h) + "." + encode(claims)
		w.expect(t, alg+" without a signature", input+".", bad)
		w.expect(t, alg+" with the old signature", input+"."+signature, bad)
		w.expect(t, alg+" with a fresh one", w.forge(t, "access", h, claims), bad)
		mac := hmac.New(sha256.New, nil)
		mac.Write([]byte(input))
		w.expect(t, alg+" with a blank secret", input+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), bad)
	}
	input := strings.Join(strings.Split(raw, ".")[:2], ".")
	w.expect(t, "no alg", w.forge(t, "access", replace(t, header, `"alg":"ES256",`, ""), claims), bad)
	w.expect(t, "alg null", w.forge(t, "access", replace(t, header, `"ES256"`, "null"), claims), bad)
	// Own variants: r = s = 0, which broken verifiers accept for any message; r = s = n.
	w.expect(t, "signature of zeros", input+"."+base64.RawURLEncoding.EncodeToString(make([]byte, 64)), bad)
	order := elliptic.P256().Params().N.Bytes()
	w.expect(t, "signature of the order", input+"."+base64.RawURLEncoding.EncodeToString(slices.Concat(order, order)), bad)
}

func rowKeyConfusion(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	public := w.key(t, "access").Public.(*ecdsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	secrets := map[string][]byte{
		"PEM": text, "PEM without a newline": bytes.TrimRight(text, "\n"), "DER": der,
		"key set": w.issuer.JWKS(), "point": point, "X": point[1:33], "kid": []byte(w.key(t, "access").KID),
	}
	for name, secret := range secrets {
		input := encode(replace(t, header, "ES256", "HS256")) + "." + encode(claims)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		w.expect(t, name, input+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), bad)
	}
	// Own variant: the algorithm right, the signature in the other encoding (ASN.1).
	input := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(input))
	asn1, err := ecdsa.SignASN1(rand.Reader, w.key(t, "access").Private.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, "ASN.1 signature", input+"."+base64.RawURLEncoding.EncodeToString(asn1), bad)
}

func rowEmbeddedKeys(t *testing.T, w *world) {
	var visits atomic.Int64
	listener := httptest.NewUnstartedServer(http.NotFoundHandler())
	listener.Config.ConnState = func(net.Conn, http.ConnState) { visits.Add(1) }
	listener.Start()
	defer listener.Close()
	_, header, claims := w.genuine(t)
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := mine.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	url := listener.URL + "/keys"
	jwk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`,
		base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:]))
	for name, member := range map[string]string{
		"jwk": `"jwk":` + jwk, "jku": `"jku":"` + url + `"`, "x5u": `"x5u":"` + url + `"`,
		"x5c": `"x5c":["MIIB"]`, "x5t": `"x5t":"AAAA"`, "upper case": `"JKU":"` + url + `"`, "escaped": `"\u006aku":"` + url + `"`,
	} {
		h := replace(t, header, "{", "{"+member+",")
		input := encode(h) + "." + encode(claims)
		w.expect(t, name+" signed by the attacker", input+"."+sign(t, mine, input), bad)
		w.expect(t, name+" signed by us", w.forge(t, "access", h, claims), bad) // own variant
	}
	if got := visits.Load(); got != 0 {
		t.Errorf("the listener saw %d connections, want 0", got)
	}
}

func rowKeyID(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	kid := w.key(t, "access").KID
	for name, value := range map[string]string{
		"a path": `"../../../../dev/null"`, "SQL": `"x' UNION SELECT '1';--"`, "a command": `"|sleep 10"`,
		"a megabyte": `"` + strings.Repeat("k", 1<<20) + `"`, "an array": `["` + kid + `"]`, "a number": "7",
		"null": "null", "empty": `""`, "a URL": `"http://127.0.0.1:1/"`,
		// Own variants: near misses of the right one, and the key of another use.
		"right with a blank": `"` + kid + ` "`, "right in upper case": `"` + strings.ToUpper(kid) + `"`,
		"right with NUL": `"` + kid + `\u0000"`, "an object": `{"kid":"` + kid + `"}`,
		"the assertion key": `"` + w.key(t, "assertion").KID + `"`,
	} {
		start := time.Now()
		w.expect(t, name, w.forge(t, "access", replace(t, header, `"`+kid+`"`, value), claims), bad)
		t.Logf("%s: %v", name, time.Since(start))
	}
	w.expect(t, "no kid", w.forge(t, "access", replace(t, header, `"kid":"`+kid+`",`, ""), claims), bad)
}

func rowAudience(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	with := func(aud string) string {
		return w.forge(t, "access", header, replace(t, claims, `"aud":["gatehouse"]`, aud))
	}
	for aud, want := range map[string]string{
		`"x":1`: bad, `"aud":[]`: bad, `"aud":["x"]`: bad, `"aud":"gatehouse-evil"`: bad,
		`"aud":["gatehouse","x"]`: good, `"aud":"gatehouse"`: good,
		// Own variants.
		`"aud":null`: bad, `"aud":""`: bad, `"aud":"Gatehouse"`: bad, `"aud":"gatehouse "`: bad, `"aud":["gatehouse",7]`: bad,
		`"aud":{"gatehouse":true}`: bad, `"aud":[["gatehouse"]]`: bad, `"AUD":["gatehouse"]`: bad, `"aud":"x gatehouse"`: bad,
	} {
		w.expect(t, aud, with(aud), want)
	}
}

func rowErrorPrecedence(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	now := w.now().Unix()
	old := replace(t, claims, fmt.Sprintf(`"exp":%d`, now+3600), fmt.Sprintf(`"exp":%d`, now-1))
	old = replace(t, old, fmt.Sprintf(`"iat":%d`, now), fmt.Sprintf(`"iat":%d`, now-3600))
	spoilt := w.forge(t, "access", header, old)
	spoilt = spoilt[:len(spoilt)-10] + "AAAAAAAAAA"
	w.expect(t, "expired and badly signed", spoilt, bad)
	if got, want := w.detail("Bearer "+spoilt), "bad signature"; got != want {
		t.Errorf("logged as %q, want %q", got, want)
	}
	w.expect(t, "expired and well signed", w.forge(t, "access", header, old), expired)
	// Own variant: wrong in several ways at once and still named after the signature.
	later := replace(t, replace(t, old, `"gatehouse"`, `"evil"`), "{", `{"nbf":99999999999,`)
	spoilt = w.forge(t, "access", header, later)
	if got, want := w.detail("Bearer "+spoilt[:len(spoilt)-10]+"AAAAAAAAAA"), "bad signature"; got != want {
		t.Errorf("logged as %q, want %q", got, want)
	}
}

func rowDots(t *testing.T, w *world) {
	raw, _, _ := w.genuine(t)
	for name, text := range map[string]string{
		"a megabyte of dots":      strings.Repeat(".", 1<<20),
		"a megabyte of base64":    strings.Repeat("A", 1<<20),
		"a megabyte of signature": raw + strings.Repeat("A", 1<<20), // own variants from here
		"a megabyte of parts":     strings.Repeat("YQ.", 1<<18),
		"eight kilobytes of dots": strings.Repeat(".", 8<<10),
		"deep claims":             encode(`{}`) + "." + encode(strings.Repeat(`{"iss":`, 800)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got := w.ask("Bearer " + text)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if got != bad && got != "anonymous" {
			t.Errorf("%s: got %q, want a refusal or anonymous", name, got)
		}
		// The request itself, which the test makes, holds the text once.
		if used := int64(after.TotalAlloc-before.TotalAlloc) - int64(len(text)); used > 64<<10 {
			t.Errorf("%s: %d bytes allocated beyond the request", name, used)
		}
		t.Logf("%s: %v", name, took)
	}
	w.expect(t, "a megabyte of dots", strings.Repeat(".", 1<<20), bad)
}

func rowEncrypted(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	for name, h := range map[string]string{
		"five parts":    `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`,
		"many rounds":   `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`,
		"with our kid":  replace(t, header, "ES256", "ECDH-ES"),
		"empty parts":   `{}`,
		"signed inside": header,
	} {
		w.expect(t, name, encode(h)+"."+strings.Join([]string{encode(claims), "AAAA", "AAAA", "AAAA"}, "."), "anonymous")
	}
	// Own variant: three parts that say they are compressed or encrypted.
	for _, member := range []string{`"zip":"DEF"`, `"enc":"A256GCM"`, `"cty":"JWT"`, `"p2c":2147483647`} {
		w.expect(t, member, w.forge(t, "access", replace(t, header, "{", "{"+member+","), claims), bad)
	}
}

func rowKinds(t *testing.T, w *world) {
	raw, header, claims := w.genuine(t)
	badge, _, err := w.issuer.Assertion(assertionAbout(w), testAudience, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, "an assertion for an audience named like ours", badge, bad)
	if _, err := w.issuer.VerifyAssertion(badge, testAudience); err != nil {
		t.Errorf("the assertion in its own place: got %v, want none", err)
	}
	if _, err := w.issuer.VerifyAssertion(raw, testAudience); err == nil {
		t.Error("an access token passes for an assertion")
	}
	for _, typ := range []string{
		`"JWT"`, `"logout+jwt"`, `"gatehouse-assertion+jwt"`, `"application/at+jwt"`, `"AT+JWT"`, `""`, "null", `["at+jwt"]`, "1",
	} {
		w.expect(t, "typ "+typ, w.forge(t, "access", replace(t, header, `"at+jwt"`, typ), claims), bad)
	}
	w.expect(t, "no typ", w.forge(t, "access", replace(t, header, `,"typ":"at+jwt"`, ""), claims), bad)
	// Own variant: everything right except that the key is the assertions'.
	h := replace(t, header, w.key(t, "access").KID, w.key(t, "assertion").KID)
	w.expect(t, "the assertion key as access key", w.forge(t, "assertion", h, claims), bad)
}

func rowCritical(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	for _, member := range []string{
		`"crit":["exp"]`, `"crit":["b64"],"b64":false`, `"b64":false`, `"crit":["unknown"],"unknown":1`,
		`"crit":[]`, `"crit":null`, `"crit":"exp"`, `"exp":1`, `"CRIT":["exp"]`, `"":1`, // own variants
	} {
		w.expect(t, member, w.forge(t, "access", replace(t, header, "{", "{"+member+","), claims), bad)
	}
}

func rowTimes(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	now := w.now().Unix()
	exp, iat := fmt.Sprintf(`"exp":%d`, now+3600), fmt.Sprintf(`"iat":%d`, now)
	cases := map[string]struct{ old, new, want string }{
		"exp missing":      {exp, `"x":1`, bad},
		"exp a string":     {exp, `"exp":"9999999999"`, bad},
		"exp infinite":     {exp, `"exp":1e309`, bad},
		"exp negative":     {exp, `"exp":-1`, bad},
		"exp null":         {exp, `"exp":null`, bad},
		"nbf in future":    {exp, exp + fmt.Sprintf(`,"nbf":%d`, now+3600), bad},
		"iat in an hour":   {iat, fmt.Sprintf(`"iat":%d`, now+3600), bad},
		"iat in a minute":  {iat, fmt.Sprintf(`"iat":%d`, now+60), bad}, // own variants from here
		"iat after exp":    {iat, fmt.Sprintf(`"iat":%d`, now+7200), bad},
		"iat missing":      {iat, `"x":1`, bad},
		"iat a little off": {iat, fmt.Sprintf(`"iat":%d`, now+29), good},
		"exp a fraction":   {exp, fmt.Sprintf(`"exp":%d.5`, now+3600), bad},
		"exp an exponent":  {exp, `"exp":1e10`, bad},
		"exp a list":       {exp, fmt.Sprintf(`"exp":[%d]`, now+3600), bad},
		"exp too long":     {exp, `"exp":99999999999999999999`, bad},
		"exp true":         {exp, `"exp":true`, bad},
		"exp now":          {exp, fmt.Sprintf(`"exp":%d`, now), bad},
		"exp in a second":  {exp, fmt.Sprintf(`"exp":%d`, now+1), good},
		"nbf a string":     {exp, exp + `,"nbf":"0"`, bad},
		"nbf past":         {exp, exp + `,"nbf":1`, good},
		"exp in upper":     {exp, fmt.Sprintf(`"EXP":%d`, now+3600), bad},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		w.expect(t, name, w.forge(t, "access", header, replace(t, claims, c.old, c.new)), c.want)
	}
}

func rowDuplicates(t *testing.T, w *world) {
	_, header, claims := w.genuine(t)
	sub := fmt.Sprintf(`"sub":%q`, w.ada.ID)
	for name, c := range map[string]string{
		"sub twice":          replace(t, claims, sub, `"sub":"root",`+sub),
		"sub twice, after":   replace(t, claims, sub, sub+`,"sub":"root"`),
		"sub twice, alike":   replace(t, claims, sub, sub+","+sub), // own variants from here
		"sub escaped":        replace(t, claims, sub, sub+`,"\u0073ub":"root"`),
		"sub in upper case":  replace(t, claims, sub, sub+`,"SUB":"root"`),
		"sub with a long s":  replace(t, claims, sub, sub+`,"ſub":"root"`),
		"sub only in upper":  replace(t, claims, `"sub"`, `"Sub"`),
		"uid twice in user":  replace(t, claims, `"uid":`, `"uid":"root","uid":`),
		"iss twice":          replace(t, claims, `{`, `{"iss":"https://other.test",`),
		"a stranger's twice": replace(t, claims, `{`, `{"x":1,"x":2,`),
	} {
		w.expect(t, name, w.forge(t, "access", header, c), bad)
	}
	for name, h := range map[string]string{
		"alg twice":        replace(t, header, "{", `{"alg":"none",`),
		"alg twice, after": replace(t, header, "}", `,"alg":"HS256"}`),
		"kid twice":        replace(t, header, "{", `{"kid":"x",`),
		"kid and Kelvin":   replace(t, header, "{", "{\"\u212aid\":\"x\","),
		"typ in two cases": replace(t, header, "{", `{"Typ":"JWT",`),
	} {
		w.expect(t, name, w.forge(t, "access", h, claims), bad)
	}
}

func rowBasic(t *testing.T, w *world) {
	raw, _, _ := w.genuine(t)
	basic := base64.StdEncoding.EncodeToString
	for header, want := range map[string]string{
		"Basic " + basic([]byte(raw+":")):     "anonymous",
		"Basic " + basic([]byte("root:"+raw)): "anonymous",
		"bearer " + raw:                       good,
		"BEARER " + raw:                       good,
		"bEaReR " + raw:                       good,
		// Own variants.
		"Basic " + raw:                        "anonymous",
		"basic " + basic([]byte(":"+raw)):     "anonymous",
		"Bearer   " + raw:                     good,
		"Bearer\t" + raw:                      good,
		"Bearer " + basic([]byte(raw+":")):    "anonymous",
		"Bearer: " + raw:                      "anonymous",
		"Bearer" + raw:                        "anonymous",
		"token " + raw:                        "anonymous",
		"DPoP " + raw:                         "anonymous",
		raw:                                   "anonymous",
		"Bearer":                              "anonymous",
		"Bearer ":                             "anonymous",
		"":                                    "anonymous",
		"Bearer \"" + raw + "\"":              bad,
		"Bearer token=" + raw:                 bad,
		"Bearer " + raw + " " + raw:           "anonymous",
		"Bearer " + raw + ", Bearer " + raw:   "duplicate_credentials",
		"Bearer " + raw + ", Basic cm9vdDo=":  "duplicate_credentials",
		"Basic cm9vdDo=, Bearer " + raw:       "anonymous",
		"Negotiate " + basic([]byte{0x60, 1}): "anonymous",
	} {
		if got := w.ask(header); got != want {
			t.Errorf("%.40s: got %q, want %q", header, got, want)
		}
	}
	for _, pair := range [][]string{
		{"Bearer " + raw, "Bearer " + raw}, {"Bearer " + raw, "Basic cm9vdDo="}, {"Basic cm9vdDo=", "Bearer " + raw}, {"", "Bearer " + raw},
	} {
		if got := w.ask(pair...); got != "duplicate_credentials" {
			t.Errorf("two headers %.20q: got %q, want duplicate_credentials", pair, got)
		}
	}
}
