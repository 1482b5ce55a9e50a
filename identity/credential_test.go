package identity_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestPasswords_are_kept_out_of_every_document(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
	read(t, d, func(tx *identity.Tx) error {
		_, err := tx.Password(ada.ID)
		is(t, err, identity.ErrNotFound)
		return nil
	})
	write(t, d, func(tx *identity.Tx) error { return tx.SetPassword(ada.ID, hash, start.Add(24*time.Hour), true) })
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Password(ada.ID)
		same(t, got, identity.Password{Hash: hash, Expires: start.Add(24 * time.Hour), MustChange: true})
		return err
	})
	key := "passwords/" + string(ada.ID)
	_, docs := exported(t, d)
	same(t, docs[key], fmt.Sprintf(`{"changed":%d,"expires":%d,"must_change":true,"version":1}`, start.Unix(), start.Unix()+86400))

	t.Run("each change of one is a revision, even within a second", func(t *testing.T) {
		before := d.Revision()
		after := write(t, d, func(tx *identity.Tx) error { return tx.SetPassword(ada.ID, hash+"2", time.Time{}, false) })
		same(t, after, before+1)
		_, docs := exported(t, d)
		same(t, docs[key], fmt.Sprintf(`{"changed":%d,"version":2}`, start.Unix()))
	})
	entries, err := d.Journal(t.Context(), 0, 0)
	is(t, err, nil)
	if raw := asJSON(t, entries); strings.Contains(raw, "argon2id") {
		t.Errorf("the journal holds a password hash: %s", raw)
	}
	for name, c := range map[string]struct {
		id    identity.AccountID
		hash  string
		field string
	}{
		"an organisation has none":     {acme.ID, hash, "account"},
		"an empty hash":                {ada.ID, "", "hash"},
		"a hash with a line break":     {ada.ID, "a\nb", "hash"},
		"a password with a blank":      {ada.ID, "correct horse", "hash"},
		"a hash of more than 512":      {ada.ID, strings.Repeat("x", 513), "hash"},
		"a password in another tongue": {ada.ID, "пароль", "hash"},
	} {
		t.Run(name, func(t *testing.T) {
			err := try(t, d, func(tx *identity.Tx) error { return tx.SetPassword(c.id, c.hash, time.Time{}, false) })
			isInvalid(t, err, c.field)
		})
	}
}

func TestRevocations_hold_until_the_token_is_long_dead(t *testing.T) {
	now := start
	d, err := identity.Open(t.Context(), identity.Options{Dir: t.TempDir(), Create: true, Now: func() time.Time { return now }})
	is(t, err, nil)
	defer func() { is(t, d.Close(), nil) }()
	ada := person(t, d, "ada")
	revoke := func(jti string) error {
		return try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken(jti, ada.ID, now.Add(time.Hour)) })
	}
	is(t, revoke("first"), nil)
	doc := func(at time.Time) string {
		return fmt.Sprintf(`{"account":"%s","expires":%d}`, ada.ID, at.Add(time.Hour).Unix())
	}
	now = start.Add(2 * time.Hour) // an hour after it expired
	is(t, revoke("second"), nil)
	_, docs := exported(t, d, identity.CollectionRevocations)
	same(t, docs, documents{"revocations/first": doc(start), "revocations/second": doc(now)})
	now = now.Add(time.Second)
	is(t, revoke("third"), nil)
	_, docs = exported(t, d, identity.CollectionRevocations)
	same(t, docs, documents{"revocations/second": doc(now.Add(-time.Second)), "revocations/third": doc(now)})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())

	t.Run("even when the account goes", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) })
		_, docs := exported(t, d)
		same(t, len(docs), 2)
	})
	t.Run("and need a jti, an expiry and an account", func(t *testing.T) {
		bob := person(t, d, "bob")
		isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken("a b", bob.ID, now) }), "jti")
		isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken("", bob.ID, now) }), "jti")
		isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken("a", bob.ID, time.Time{}) }), "expires")
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeToken("a", ada.ID, now) }), identity.ErrNotFound)
		is(t, try(t, d, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(ada.ID) }), identity.ErrNotFound)
	})
}

func TestKeys_show_only_their_public_side(t *testing.T) {
	d := fresh(t)
	key := identity.Key{
		KID: "k1", Alg: "ES256", Use: "access", State: "active", Public: json.RawMessage(`{ "kty":"EC","crv":"P-256" }`),
		Sealed: []byte("sealed private part"), Created: start,
	}
	write(t, d, func(tx *identity.Tx) error { return tx.PutKey(key) })
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Keys()
		key.Public = json.RawMessage(`{"crv":"P-256","kty":"EC"}`)
		same(t, got, []identity.Key{key})
		return err
	})
	_, docs := exported(t, d)
	same(t, docs, documents{"keys/k1": fmt.Sprintf(
		`{"alg":"ES256","created":%d,"public":{"crv":"P-256","kty":"EC"},"state":"active","use":"access"}`, start.Unix())})
	for name, c := range map[string]struct {
		change func(*identity.Key)
		field  string
	}{
		"no kid":             {func(k *identity.Key) { k.KID = "" }, "kid"},
		"a kid of a path":    {func(k *identity.Key) { k.KID = "../k" }, "kid"},
		"no state":           {func(k *identity.Key) { k.State = "" }, "state"},
		"a private member":   {func(k *identity.Key) { k.Public = json.RawMessage(`{"kty":"EC","d":"x"}`) }, "public"},
		"a symmetric key":    {func(k *identity.Key) { k.Public = json.RawMessage(`{"kty":"oct","k":"x"}`) }, "public"},
		"no JWK":             {func(k *identity.Key) { k.Public = nil }, "public"},
		"a huge sealed part": {func(k *identity.Key) { k.Sealed = make([]byte, 1<<20) }, "sealed"},
	} {
		t.Run("refused with "+name, func(t *testing.T) {
			bad := key
			c.change(&bad)
			isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.PutKey(bad) }), c.field)
		})
	}
}

func TestSettings_are_kept(t *testing.T) {
	d := fresh(t)
	write(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", "https://gate.test") })
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Setting("issuer")
		same(t, got, "https://gate.test")
		is(t, err, nil)
		_, err = tx.Setting("audience")
		is(t, err, identity.ErrNotFound)
		return nil
	})
	isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.PutSetting("a b", "") }), "setting")
	isInvalid(t, try(t, d, func(tx *identity.Tx) error { return tx.PutSetting("issuer", strings.Repeat("x", 5000)) }), "issuer")
}

func TestSecrets_are_not_in_the_journal_file(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := open(t, dir)
	secret, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	is(t, err, nil)
	sealed, err := d.Seal([]byte("the private key"), "key/k1")
	is(t, err, nil)
	write(t, d, func(tx *identity.Tx) error {
		return tx.PutKey(identity.Key{KID: "k1", Alg: "ES256", Use: "access", State: "active", Public: json.RawMessage(`{}`), Sealed: sealed})
	})
	for _, file := range []string{"gatehouse.db", "gatehouse.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		is(t, err, nil)
		if strings.Contains(string(raw), "the private key") || strings.Contains(string(raw), string(secret)) {
			t.Errorf("%s shows a secret", file)
		}
	}
}
