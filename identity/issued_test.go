package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// dated opens a new data directory whose clock shows now.
func dated(t *testing.T, now *time.Time) *identity.Directory {
	t.Helper()
	d, err := identity.Open(t.Context(), identity.Options{Dir: t.TempDir(), Create: true, Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { is(t, d.Close(), nil) })
	return d
}

// login and kept are tokens of an hour that came from a login and that somebody made.
func login(jti string, of identity.AccountID, issued time.Time) identity.Token {
	return identity.Token{JTI: jti, Account: of, Kind: "access", Scopes: []string{}, Issued: issued, Expires: issued.Add(time.Hour)}
}

func kept(jti string, of identity.AccountID, issued time.Time) identity.Token {
	return identity.Token{
		JTI: jti, Account: of, Kind: "personal", Name: "Laptop " + jti, Scopes: []string{"ingress", "namespace:lab"},
		Issued: issued, Expires: issued.Add(time.Hour),
	}
}

// issue keeps tokens; it must succeed.
func issue(t *testing.T, d *identity.Directory, tokens ...identity.Token) {
	t.Helper()
	write(t, d, func(tx *identity.Tx) error {
		for _, token := range tokens {
			if err := tx.PutToken(token); err != nil {
				return err
			}
		}
		return nil
	})
}

// held are all tokens that the directory lists for an account.
func held(t *testing.T, d *identity.Directory, of identity.AccountID) (tokens []identity.Token) {
	t.Helper()
	read(t, d, func(tx *identity.Tx) (err error) {
		tokens, _, err = tx.ListTokens(of, identity.Page{})
		return err
	})
	return tokens
}

// changes are the journal rows behind a revision, but for when and who.
func changes(t *testing.T, d *identity.Directory, after uint64) (rows []string) {
	t.Helper()
	entries, err := d.Journal(t.Context(), after, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		rows = append(rows, fmt.Sprintf("%s/%s: %s -> %s", e.Collection, e.Key, e.Before, e.After))
	}
	return rows
}

func TestTokens_are_known_until_they_expire(t *testing.T) {
	now := start
	d := dated(t, &now)
	ada := person(t, d, "ada")
	before := d.Revision()
	token := kept("t1", ada.ID, start)
	issue(t, d, token)

	doc := fmt.Sprintf(`{"account":"%s","expires":%d,"issued":%d,"kind":"personal","name":"Laptop t1","scopes":["ingress","namespace:lab"]}`,
		ada.ID, start.Unix()+3600, start.Unix())
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Token("t1")
		same(t, got, token)
		return err
	})
	same(t, held(t, d, ada.ID), []identity.Token{token})
	_, docs := exported(t, d, identity.CollectionTokens)
	same(t, docs, documents{"tokens/t1": doc})
	same(t, changes(t, d, before), []string{"tokens/t1:  -> " + doc})

	now = token.Expires.Add(-time.Second)
	same(t, held(t, d, ada.ID), []identity.Token{token})
	now = token.Expires
	t.Run("and no longer", func(t *testing.T) {
		same(t, held(t, d, ada.ID), nil)
		is(t, try(t, d, func(tx *identity.Tx) error { _, err := tx.Token("t1"); return err }), identity.ErrNotFound)
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t1", "x") }), identity.ErrNotFound)
	})
	t.Run("the next one sweeps them away, without a revocation", func(t *testing.T) {
		now = now.Add(time.Second)
		before := d.Revision()
		next := login("t2", ada.ID, now)
		issue(t, d, next)
		same(t, held(t, d, ada.ID), []identity.Token{next})
		same(t, changes(t, d, before), []string{
			"tokens/t1: " + doc + " -> ",
			fmt.Sprintf(`tokens/t2:  -> {"account":"%s","expires":%d,"issued":%d,"kind":"access","scopes":[]}`, ada.ID, now.Unix()+3600, now.Unix()),
		})
	})
}

func TestTokens_are_not_kept_if_anything_about_them_is_wrong(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	before := d.Revision()
	for name, c := range map[string]struct {
		change func(*identity.Token)
		field  string
	}{
		"no jti":                     {func(t *identity.Token) { t.JTI = "" }, "jti"},
		"a jti with a blank":         {func(t *identity.Token) { t.JTI = "a b" }, "jti"},
		"a jti of more than 128":     {func(t *identity.Token) { t.JTI = strings.Repeat("x", 129) }, "jti"},
		"no kind":                    {func(t *identity.Token) { t.Kind = "" }, "kind"},
		"a kind of two words":        {func(t *identity.Token) { t.Kind = "personal token" }, "kind"},
		"no end":                     {func(t *identity.Token) { t.Expires = time.Time{} }, "expires"},
		"an end before 1970":         {func(t *identity.Token) { t.Expires = time.Unix(-1, 0) }, "expires"},
		"more than 50 scopes":        {func(t *identity.Token) { t.Scopes = slices.Repeat([]string{"ingress"}, 51) }, "scopes"},
		"an empty scope":             {func(t *identity.Token) { t.Scopes = []string{""} }, "scopes"},
		"a scope with a line break":  {func(t *identity.Token) { t.Scopes = []string{"ingress", "a\nb"} }, "scopes"},
		"a scope of more than 256":   {func(t *identity.Token) { t.Scopes = []string{strings.Repeat("x", 257)} }, "scopes"},
		"a name with a line break":   {func(t *identity.Token) { t.Name = "a\nb" }, "name"},
		"a name of more than 128":    {func(t *identity.Token) { t.Name = strings.Repeat("名", 129) }, "name"},
		"an organisation's":          {func(t *identity.Token) { t.Account = acme.ID }, "account"},
		"one of nobody":              {func(t *identity.Token) { t.Account = "" }, ""},
		"one of an unknown account":  {func(t *identity.Token) { t.Account = nobody }, ""},
		"a name that cannot be seen": {func(t *identity.Token) { t.Name = "a\u200bb" }, "name"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := kept("t1", ada.ID, start)
			c.change(&bad)
			err := try(t, d, func(tx *identity.Tx) error { return tx.PutToken(bad) })
			if c.field == "" {
				is(t, err, identity.ErrNotFound)
			} else {
				isInvalid(t, err, c.field)
			}
		})
	}
	t.Run("one that is there", func(t *testing.T) {
		issue(t, d, kept("taken", ada.ID, start))
		before++
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.PutToken(login("taken", ada.ID, start)) }), identity.ErrExists)
	})
	t.Run("in a transaction that only reads", func(t *testing.T) {
		if err := d.Read(t.Context(), func(tx *identity.Tx) error { return tx.PutToken(kept("t1", ada.ID, start)) }); err == nil {
			t.Error("it was kept")
		}
	})
	same(t, d.Revision(), before)
	same(t, held(t, d, ada.ID), []identity.Token{kept("taken", ada.ID, start)})
}

func TestTokens_can_be_renamed(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	issue(t, d, kept("t1", ada.ID, start), kept("t2", ada.ID, start))
	before := d.Revision()
	write(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t1", "Büro") })
	renamed := kept("t1", ada.ID, start)
	renamed.Name = "Büro"
	same(t, held(t, d, ada.ID), []identity.Token{renamed, kept("t2", ada.ID, start)})
	doc := func(name string) string {
		return fmt.Sprintf(`{"account":"%s","expires":%d,"issued":%d,"kind":"personal",%s"scopes":["ingress","namespace:lab"]}`,
			ada.ID, start.Unix()+3600, start.Unix(), name)
	}
	same(t, changes(t, d, before), []string{"tokens/t1: " + doc(`"name":"Laptop t1",`) + " -> " + doc(`"name":"Büro",`)})

	t.Run("to the same, which is no revision", func(t *testing.T) {
		before := d.Revision()
		same(t, write(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t1", "Büro") }), before)
	})
	t.Run("to nothing", func(t *testing.T) {
		before := d.Revision()
		write(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t1", "") })
		same(t, changes(t, d, before), []string{"tokens/t1: " + doc(`"name":"Büro",`) + " -> " + doc("")})
	})
	t.Run("but not to what no name is, nor if nobody knows them", func(t *testing.T) {
		isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t1", "a\r\nb") }), "name")
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.RenameToken("t3", "Büro") }), identity.ErrNotFound)
	})
}

func TestTokens_that_are_revoked_are_forgotten(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	a1, a2, a3, b1 := kept("a1", ada.ID, start), login("a2", ada.ID, start), kept("a3", ada.ID, start), kept("b1", bob.ID, start)
	issue(t, d, a1, a2, a3, b1)
	revocation := fmt.Sprintf(`{"account":"%s","expires":%d}`, ada.ID, a2.Expires.Unix())

	t.Run("one by one", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RevokeToken("a2", ada.ID, a2.Expires) })
		same(t, held(t, d, ada.ID), []identity.Token{a1, a3})
		_, docs := exported(t, d, identity.CollectionRevocations, identity.CollectionGenerations)
		same(t, docs, documents{
			"revocations/a2": revocation, "generations/" + string(ada.ID): `{"n":1}`, "generations/" + string(bob.ID): `{"n":1}`,
		})
		is(t, try(t, d, func(tx *identity.Tx) error { _, err := tx.Token("a2"); return err }), identity.ErrNotFound)
	})
	t.Run("or all of an account at once, by its generation", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(ada.ID) })
		same(t, held(t, d, ada.ID), nil)
		same(t, held(t, d, bob.ID), []identity.Token{b1})
		_, docs := exported(t, d, identity.CollectionRevocations, identity.CollectionGenerations)
		same(t, docs, documents{
			"revocations/a2": revocation, "generations/" + string(ada.ID): `{"n":2}`, "generations/" + string(bob.ID): `{"n":1}`,
		})
	})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())
}

func TestTokens_and_identities_go_with_their_account(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	issue(t, d, kept("a1", ada.ID, start), login("a2", ada.ID, start), kept("b1", bob.ID, start))
	write(t, d, func(tx *identity.Tx) error {
		return firstError([]error{
			tx.PutIdentity(identity.LinkedIdentity{Issuer: "https://id.test", Subject: "ada", Account: ada.ID}),
			tx.PutIdentity(identity.LinkedIdentity{Issuer: "https://other.test", Subject: "ada", Account: ada.ID}),
			tx.PutIdentity(identity.LinkedIdentity{Issuer: "https://id.test", Subject: "bob", Account: bob.ID}),
		})
	})
	write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) })
	_, docs := exported(t, d, identity.CollectionTokens, identity.CollectionIdentities)
	same(t, docs, documents{
		"tokens/b1": fmt.Sprintf(`{"account":"%s","expires":%d,"issued":%d,"kind":"personal","name":"Laptop b1","scopes":["ingress","namespace:lab"]}`,
			bob.ID, start.Unix()+3600, start.Unix()),
		"identities/https://id.test|bob": fmt.Sprintf(`{"account":"%s"}`, bob.ID),
	})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())
}

func TestTokens_are_listed_by_pages(t *testing.T) {
	now := start
	d := dated(t, &now)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	var want []string
	for n := range 7 {
		want = append(want, fmt.Sprint("t", n))
		issue(t, d, kept(fmt.Sprint("t", n), ada.ID, start), kept(fmt.Sprint("x", n), bob.ID, start))
	}
	short := kept("t3-short", ada.ID, start) // in the middle of the list, and over
	short.Expires = start.Add(time.Minute)
	issue(t, d, short)
	now = short.Expires
	read(t, d, func(tx *identity.Tx) error {
		for limit := 1; limit <= 8; limit++ {
			got := everything(t, limit, func(p identity.Page) ([]identity.Token, string, error) { return tx.ListTokens(ada.ID, p) },
				func(t identity.Token) string { return t.JTI })
			agree(t, limit, got, want)
		}
		none, next, err := tx.ListTokens("nobody", identity.Page{})
		same(t, []any{none, next}, []any{nil, ""})
		return err
	})
}

// many are a thousand tokens, issued a second apart, the last one at start. The oldest
// comes last in the order of their ids.
func many(make func(string, identity.AccountID, time.Time) identity.Token, of identity.AccountID, prefix string) (tokens []identity.Token) {
	for n := range 1000 {
		tokens = append(tokens, make(fmt.Sprintf("%s%03d", prefix, 999-n), of, start.Add(time.Duration(n-999)*time.Second)))
	}
	return tokens
}

func TestTokens_of_an_account_have_an_end(t *testing.T) {
	now := start
	d := dated(t, &now)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	one := func(token identity.Token) error {
		return try(t, d, func(tx *identity.Tx) error { return tx.PutToken(token) })
	}
	revoked := func() []string {
		_, docs := exported(t, d, identity.CollectionRevocations)
		return slices.Sorted(maps.Keys(docs))
	}
	personal, logins := many(kept, ada.ID, "k"), many(login, ada.ID, "l")

	issue(t, d, personal...)
	t.Run("one more than a thousand of one's own is refused", func(t *testing.T) {
		isInvalid(t, one(kept("more", ada.ID, start)), "account")
	})
	t.Run("who has a thousand of them can still sign in, a thousand times", func(t *testing.T) {
		issue(t, d, logins...)
		same(t, revoked(), nil)
	})
	t.Run("one login more revokes the oldest", func(t *testing.T) {
		before := d.Revision()
		is(t, one(login("more", ada.ID, start)), nil)
		same(t, revoked(), []string{"revocations/l999"})
		same(t, len(changes(t, d, before)), 3) // the new one, the old one, its revocation
		is(t, one(login("yet-more", ada.ID, start)), nil)
		same(t, revoked(), []string{"revocations/l998", "revocations/l999"})
	})
	t.Run("others are not touched by it", func(t *testing.T) {
		is(t, one(login("b1", bob.ID, start)), nil)
		isInvalid(t, one(kept("more", ada.ID, start)), "account")
		same(t, len(revoked()), 2)
	})
	t.Run("one that is revoked makes room", func(t *testing.T) {
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken(personal[500].JTI, ada.ID, personal[500].Expires) }), nil)
		is(t, one(kept("instead", ada.ID, start)), nil)
		isInvalid(t, one(kept("more", ada.ID, start)), "account")
	})
	t.Run("those that have expired do not count", func(t *testing.T) {
		var swept []identity.Token // as many as three sweeps take, before any of ada's
		for n := range 300 {
			swept = append(swept, login(fmt.Sprint("swept", n), bob.ID, start.Add(-2000*time.Second)))
		}
		issue(t, d, swept...)
		now = personal[9].Expires
		is(t, one(kept("later", ada.ID, now)), nil)
		before := revoked()
		is(t, one(login("later-login", ada.ID, now)), nil)
		same(t, revoked(), before)
	})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())
}
