package authn

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// FuzzAuthorization: whatever stands in the Authorization headers (one a line), the
// answer is anonymous, a refusal with a known reason, or an account whose id was
// signed with our access key, which the test checks by itself.
func FuzzAuthorization(f *testing.F) {
	w := newWorld(f)
	raw, header, claims := w.genuine(f)
	part := strings.Split(raw, ".")
	for _, seed := range []string{
		"", "Bearer " + raw, "bearer\t" + raw, "Bearer " + raw + "\nBearer " + raw, "Basic " + raw, raw,
		"Bearer " + part[0] + "." + part[1] + ".", "Bearer " + raw + ".AAAA.AAAA", "Bearer ..", "Bearer .",
		"Bearer " + encode(strings.Replace(header, "ES256", "none", 1)) + "." + part[1] + ".",
		"Bearer " + w.forge(f, "access", header, strings.Replace(claims, `"exp"`, `"EXP"`, 1)),
		"Bearer " + w.forge(f, "access", header, strings.Replace(claims, `"sub"`, `"sub":"x","sub"`, 1)),
		"Bearer " + w.forge(f, "assertion", header, claims),
		"Bearer " + w.forge(f, "access", `{"alg":"ES256","typ":"at+jwt"}`, claims),
		"Bearer " + w.forge(f, "access", header, `{"iss":"https://gate.test","sub":null}`),
		"Bearer " + encode(`{"kid":{}}`) + "." + encode(`[[[[`) + ".AA",
	} {
		f.Add(seed)
	}
	known := map[string]bool{
		ReasonBadToken: true, ReasonExpiredToken: true, ReasonRevokedToken: true,
		ReasonAccountDisabled: true, ReasonUnknownAccount: true, ReasonDuplicate: true,
	}
	public := w.key(f, "access").Public.(*ecdsa.PublicKey)
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, "/auth/nginx", nil)
		r.Header["Authorization"] = strings.Split(text, "\n")
		subject, err := w.auth.Authenticate(r.Context(), r)
		var refused *Refused
		switch {
		case errors.As(err, &refused):
			if !known[refused.Reason] || len(refused.Error()) > 200 || subject.Kind != "" {
				t.Errorf("refused with %+v and subject %+v", refused, subject)
			}
		case err != nil:
			t.Errorf("an error that is no refusal: %v", err)
		case subject.Kind == identity.SubjectAnonymous:
			if subject.ID != "" || subject.Handle != "" || subject.Token.JTI != "" {
				t.Errorf("anonymous has an identity: %+v", subject)
			}
		case subject.ID != string(w.ada.ID) || !signed(public, text, subject.ID):
			t.Errorf("%q passes as %+v", text, subject)
		}
	})
}

// signed verifies with nothing but the standard library.
func signed(public *ecdsa.PublicKey, authorization, subject string) bool {
	scheme, raw, _ := strings.Cut(strings.ReplaceAll(authorization, "\t", " "), " ")
	part := strings.Split(strings.Trim(raw, " "), ".")
	if !strings.EqualFold(scheme, "bearer") || len(part) != 3 {
		return false
	}
	payload, errPayload := base64.RawURLEncoding.DecodeString(part[1])
	signature, errSignature := base64.RawURLEncoding.DecodeString(part[2])
	if errPayload != nil || errSignature != nil || len(signature) != 64 {
		return false
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Sub != subject {
		return false
	}
	sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
	return ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}
