package crud_test

import (
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

func TestPrincipals_are_found_by_a_whole_name(t *testing.T) {
	h := newHouse(t)
	const ambiguous = `{"type":"about:blank","title":"The name stands for more than one.","status":409,"code":"ambiguous_name","field":"name","detail":"It is the handle of one account and the user id of another: ask by e-mail address."}`
	h.Write(func(tx *identity.Tx) error {
		kay := identity.Account{ID: "01J00000000000000000000KAY", Kind: identity.Person, State: identity.Invited, UserID: "vic", Email: "kay@corp.test", Name: "Kay"}
		if _, err := tx.CreateAccount(kay); err != nil {
			return err
		}
		nia, err := tx.Account(h.id("nia"))
		if err != nil {
			return err
		}
		nia.UserID = "system:serviceaccount:corp/Nia"
		return tx.UpdateAccount(nia)
	})
	h.learn(map[string]string{"kay": "01J00000000000000000000KAY"})
	const (
		ada = `{"principal":"account:{ada}","kind":"person","handle":"ada","name":"Ada"}`
		nia = `{"principal":"account:{nia}","kind":"person","handle":"nia","name":"Nia"}`
		kay = `{"principal":"account:{kay}","kind":"person","name":"Kay"}`
		ml  = `{"principal":"team:{ml}","kind":"team","handle":"acme/ml","name":"Machine learning"}`
	)
	find := func(name, as, query string, status int, want string) exchange {
		return exchange{name: name, as: as, ask: "GET /principals" + query, status: status, want: want}
	}
	h.run(t, []exchange{
		find("by handle, by somebody with no part in anything", "bob", "?name=ada", 200, ada),
		find("in any spelling", "bob", "?name=%EF%BC%A1DA", 200, ada), // a full-width A
		find("by e-mail address", "bob", "?name=Ada@Corp.test", 200, ada),
		find("by user id", "bob", "?name=system:serviceaccount:corp/Nia", 200, nia),
		find("a user id is exact", "bob", "?name=system:serviceaccount:corp/nia", 404, notThere),
		find("one that is invited", "bob", "?name=kay@corp.test", 200, kay),
		find("a handle that is another's user id is refused", "bob", "?name=vic", 409, ambiguous),
		find("and still found by address", "bob", "?name=vic@corp.test", 200, `{"principal":"account:{vic}","kind":"person","handle":"vic","name":"Vic"}`),
		find("a service", "bob", "?name=robot", 200, `{"principal":"account:{robot}","kind":"service","handle":"robot","name":"Robot"}`),
		find("an organisation", "bob", "?name=acme", 200, `{"principal":"account:{acme}","kind":"organisation","handle":"acme","name":"Acme"}`),
		find("a team", "bob", "?name=ACME/ml", 200, ml),
		find("no team of another", "bob", "?name=ada/ml", 404, notThere),
		find("no team without a name", "bob", "?name=acme/", 404, notThere),
		find("none of nobody", "bob", "?name=/ml", 404, notThere),
		find("nobody by a part", "bob", "?name=ad", 404, notThere),
		find("nobody by a pattern", "bob", "?name=ad%25", 404, notThere),
		find("nobody by a uid", "bob", "?name={ada}", 404, notThere),
		find("nobody by SQL", "bob", "?name='%20OR%201=1--", 404, notThere),
		find("nobody by control characters", "bob", "?name=ada%00", 404, notThere),
		find("not by who has not signed in", "", "?name=ada", 401, signIn),
		find("not by a token for other things", "robot", "?name=ada", 403, narrowed),
	})
	narrow := h.tokenOf("bob", token.AccessOptions{TTL: time.Hour, Kind: token.KindPersonal, Scopes: []string{"directory:read"}})
	if got := h.do(narrow, "GET", "/principals?name=ada", ""); got.status != 200 {
		t.Errorf("a token that may read the directory: %d %s", got.status, got.body)
	}
	for _, query := range []string{"", "?name=", "?name=ada&name=bob", "?name=ada&limit=1"} {
		if got := h.as("bob", "GET", "/principals"+query, ""); got.status != 400 {
			t.Errorf("%q: %d %s", query, got.status, got.body)
		}
	}
	h.Write(func(tx *identity.Tx) error { return tx.RemoveAccount(h.id("vic")) })
	h.run(t, []exchange{
		find("who was removed is not found", "bob", "?name=vic@corp.test", 404, notThere),
		find("nor by a handle that nobody gets again", "bob", "?name=vic", 200, kay),
	})
}
