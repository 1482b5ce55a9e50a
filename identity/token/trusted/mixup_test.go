package trusted_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// J06: what one issuer says counts as that of no other.
func TestIssuers_cannot_speak_for_one_another(t *testing.T) {
	t.Run("J06", func(t *testing.T) {
		t.Run("tokens signed with another issuer's key", rowForeignKeys)
		t.Run("issuers that look alike", rowAlike)
		t.Run("a discovery document of another issuer at the start", rowForeignDocument)
		t.Run("a discovery document of another issuer later", rowForeignDocumentLater)
	})
}

// twoIssuers is a world that trusts "corp" and "other".
func twoIssuers(t *testing.T) (w *world, other *trustedtest.IdP) {
	t.Helper()
	w, other = newWorld(t, nil), trustedtest.New(t)
	other.Now = w.clock.now
	w.trust(t, w.Config("corp"), other.Config("other"))
	return w, other
}

func rowForeignKeys(t *testing.T) {
	w, other := twoIssuers(t)
	namesake := trustedtest.NewKey(t, "ES256") // the other issuer's key under the name of ours
	namesake.KID = w.Key.KID
	namesake.Members["kid"] = w.Key.KID
	other.Publish(other.Key, namesake)
	header := strings.Replace(w.Key.Header(), `"kid":"`+w.Key.KID+`",`, "", 1)
	for name, c := range map[string]struct{ raw, want string }{
		"its own (control)":               {w.Token("ada", nil), "good"},
		"the other's own (control)":       {other.Token("ada", nil), "good"},
		"the other's key by its name":     {other.Key.Sign(t, other.Key.Header(), w.Text("ada", nil)), "bad_token"},
		"the other's key by our name":     {other.Key.Sign(t, w.Key.Header(), w.Text("ada", nil)), "bad_token"},
		"the other's key without a name":  {other.Key.Sign(t, header, w.Text("ada", nil)), "bad_token"},
		"a namesake of our key":           {namesake.Sign(t, namesake.Header(), w.Text("ada", nil)), "bad_token"},
		"our key for the other's subject": {w.Key.Sign(t, w.Key.Header(), other.Text("ada", nil)), "bad_token"},
		"both issuers in one token":       {other.Key.Sign(t, other.Key.Header(), `{"iss":"`+w.URL+`",`+other.Text("ada", nil)[1:]), "bad_token"},
		"both issuers in a list":          {w.Token("ada", map[string]any{"iss": []string{other.URL, w.URL}}), "bad_token"},
	} {
		w.expect(t, name, c.raw, c.want)
	}
}

func rowAlike(t *testing.T) {
	w := newWorld(t, nil)
	host := strings.TrimPrefix(w.URL, "http://")
	for name, iss := range map[string]string{
		"a slash at the end":   w.URL + "/",
		"two slashes":          w.URL + "//",
		"upper case":           strings.ToUpper(w.URL),
		"another scheme":       "https://" + host,
		"a space around it":    " " + w.URL + " ",
		"a query":              w.URL + "?x",
		"a user":               "http://ada@" + host,
		"a host name in front": "http://127.0.0.1.:" + strings.Split(host, ":")[1],
	} {
		w.expect(t, name, w.Token("ada", map[string]any{"iss": iss}), "bad_token")
	}
	for name, iss := range map[string]string{
		"a path of its own": w.URL + "/realms/other", "another port": "http://127.0.0.1:1", "nothing": "", "a name": "corp",
	} {
		w.expect(t, name, w.Token("ada", map[string]any{"iss": iss}), "not ours")
	}
}

// foreignDocuments are discovery documents that a fetch for the issuer must not believe.
func foreignDocuments(issuer, other string) map[string]string {
	return map[string]string{
		"the other's":         trustedtest.Discovery(other, other+"/keys"),
		"the other's, to us":  trustedtest.Discovery(other, issuer+"/keys"),
		"a slash at the end":  trustedtest.Discovery(issuer+"/", issuer+"/keys"),
		"upper case":          trustedtest.Discovery(strings.ToUpper(issuer), issuer+"/keys"),
		"an empty issuer":     trustedtest.Discovery("", issuer+"/keys"),
		"no issuer":           `{"jwks_uri":"` + issuer + `/keys"}`,
		"an issuer in a list": `{"issuer":["` + issuer + `"],"jwks_uri":"` + issuer + `/keys"}`,
		"null":                `{"issuer":null,"jwks_uri":"` + issuer + `/keys"}`,
	}
}

func rowForeignDocument(t *testing.T) {
	other := trustedtest.New(t)
	for name := range foreignDocuments("", "") {
		w := newWorld(t, nil)
		document := foreignDocuments(w.URL, other.URL)[name]
		w.ReplaceDiscovery(func(out http.ResponseWriter, _ *http.Request) { trustedtest.Answer(out, document) })
		var contradiction *trusted.DocumentError
		if err := w.set.Load(t.Context()); !errors.As(err, &contradiction) || contradiction.Issuer != "corp" || !strings.Contains(err.Error(), w.URL) {
			t.Errorf("%s: got %v, want a DocumentError that names the issuer", name, err)
		}
		if n := w.Fetches() + other.Fetches(); n != 0 {
			t.Errorf("%s: a key set was fetched %d times", name, n)
		}
		w.expect(t, name, w.Token("ada", nil), unavailable)
	}
}

// Later on such a document is a failed fetch: what was known before goes on for a while,
// and nothing of the document counts.
func rowForeignDocumentLater(t *testing.T) {
	w, other := twoIssuers(t)
	w.expect(t, "before", w.Token("ada", nil), "good")
	for name, document := range foreignDocuments(w.URL, other.URL) {
		w.ReplaceDiscovery(func(out http.ResponseWriter, _ *http.Request) { trustedtest.Answer(out, document) })
		w.clock.move(refresh)
		w.expect(t, name+", the other's key", other.Key.Sign(t, other.Key.Header(), w.Text("ada", nil)), "bad_token")
		w.expect(t, name+", the known key", w.Token("ada", nil), "good")
	}
	w.clock.move(stale)
	w.expect(t, "too late", w.Token("ada", nil), unavailable)
}
