package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// linked is the identity of an account at the issuer that most tests have.
func linked(subject string, to identity.AccountID) identity.LinkedIdentity {
	return identity.LinkedIdentity{Issuer: "https://id.test/realms/x", Subject: subject, Account: to}
}

// link links identities; it must succeed.
func link(t *testing.T, d *identity.Directory, all ...identity.LinkedIdentity) {
	t.Helper()
	write(t, d, func(tx *identity.Tx) error {
		for _, l := range all {
			if err := tx.PutIdentity(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// identities are all of an account.
func identities(t *testing.T, d *identity.Directory, of identity.AccountID) (all []identity.LinkedIdentity) {
	t.Helper()
	read(t, d, func(tx *identity.Tx) (err error) {
		all, err = tx.Identities(of)
		return err
	})
	return all
}

// linkedTo finds the account of a subject.
func linkedTo(t *testing.T, d *identity.Directory, issuer, subject string) (l identity.LinkedIdentity, err error) {
	t.Helper()
	read(t, d, func(tx *identity.Tx) error {
		l, err = tx.IdentityOf(issuer, subject)
		return nil
	})
	return l, err
}

func TestIdentities_lead_to_their_account(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	elsewhere := identity.LinkedIdentity{Issuer: "https://other.test", Subject: "a|d|a", Account: ada.ID}
	before := d.Revision()
	link(t, d, elsewhere, linked("ada", ada.ID), linked("bob", bob.ID))

	same(t, identities(t, d, ada.ID), []identity.LinkedIdentity{linked("ada", ada.ID), elsewhere})
	same(t, identities(t, d, bob.ID), []identity.LinkedIdentity{linked("bob", bob.ID)})
	for _, want := range []identity.LinkedIdentity{elsewhere, linked("ada", ada.ID), linked("bob", bob.ID)} {
		got, err := linkedTo(t, d, want.Issuer, want.Subject)
		same(t, got, want)
		is(t, err, nil)
	}
	same(t, changes(t, d, before), []string{
		fmt.Sprintf(`identities/https://other.test|a|d|a:  -> {"account":"%s"}`, ada.ID),
		fmt.Sprintf(`identities/https://id.test/realms/x|ada:  -> {"account":"%s"}`, ada.ID),
		fmt.Sprintf(`identities/https://id.test/realms/x|bob:  -> {"account":"%s"}`, bob.ID),
	})
	same(t, identity.IdentityKey(elsewhere.Issuer, elsewhere.Subject), "https://other.test|a|d|a")
	for name, c := range map[string][2]string{
		"another issuer's":       {"https://other.test", "ada"},
		"another spelling":       {"https://id.test/realms/x", "Ada"},
		"an issuer with a slash": {"https://id.test/realms/x/", "ada"},
		"nobody":                 {"https://id.test/realms/x", ""},
	} {
		t.Run(name+" leads nowhere", func(t *testing.T) {
			_, err := linkedTo(t, d, c[0], c[1])
			is(t, err, identity.ErrNotFound)
		})
	}
}

func TestIdentities_are_one_for_an_account_and_an_issuer(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	link(t, d, linked("ada", ada.ID))
	revision := d.Revision()

	t.Run("linked again it stays, without a revision", func(t *testing.T) {
		link(t, d, linked("ada", ada.ID))
		same(t, d.Revision(), revision)
	})
	t.Run("it is not taken from somebody else, and the rest of the write may go on", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error {
			is(t, tx.PutIdentity(linked("ada", bob.ID)), identity.ErrExists)
			return tx.PutSetting("issuer", "https://gate.test")
		})
		same(t, identities(t, d, ada.ID), []identity.LinkedIdentity{linked("ada", ada.ID)})
		same(t, identities(t, d, bob.ID), nil)
	})
	t.Run("another subject takes its place, and sets it free", func(t *testing.T) {
		before := d.Revision()
		link(t, d, linked("ada2", ada.ID), linked("ada", bob.ID))
		same(t, identities(t, d, ada.ID), []identity.LinkedIdentity{linked("ada2", ada.ID)})
		same(t, identities(t, d, bob.ID), []identity.LinkedIdentity{linked("ada", bob.ID)})
		same(t, changes(t, d, before), []string{
			fmt.Sprintf(`identities/https://id.test/realms/x|ada: {"account":"%s"} -> {"account":"%s"}`, ada.ID, bob.ID),
			fmt.Sprintf(`identities/https://id.test/realms/x|ada2:  -> {"account":"%s"}`, ada.ID),
		})
	})
}

func TestIdentities_can_be_taken_away(t *testing.T) {
	d := fresh(t)
	ada, bob := person(t, d, "ada"), person(t, d, "bob")
	elsewhere := identity.LinkedIdentity{Issuer: "https://other.test", Subject: "ada", Account: ada.ID}
	link(t, d, linked("ada", ada.ID), elsewhere)
	remove := func(of identity.AccountID, issuer string) error {
		return try(t, d, func(tx *identity.Tx) error { return tx.RemoveIdentity(of, issuer) })
	}
	is(t, remove(bob.ID, "https://id.test/realms/x"), identity.ErrNotFound)
	before := d.Revision()
	is(t, remove(ada.ID, "https://id.test/realms/x"), nil)
	same(t, identities(t, d, ada.ID), []identity.LinkedIdentity{elsewhere})
	_, err := linkedTo(t, d, "https://id.test/realms/x", "ada")
	is(t, err, identity.ErrNotFound)
	same(t, changes(t, d, before), []string{fmt.Sprintf(`identities/https://id.test/realms/x|ada: {"account":"%s"} -> `, ada.ID)})
	is(t, remove(ada.ID, "https://id.test/realms/x"), identity.ErrNotFound)

	t.Run("also with their account, and may be given to another then", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RemoveAccount(ada.ID) })
		_, err := linkedTo(t, d, elsewhere.Issuer, elsewhere.Subject)
		is(t, err, identity.ErrNotFound)
		elsewhere.Account = bob.ID
		link(t, d, elsewhere, linked("ada", bob.ID))
		same(t, identities(t, d, bob.ID), []identity.LinkedIdentity{linked("ada", bob.ID), elsewhere})
	})
	same(t, folded(t, d), func() documents { _, docs := exported(t, d); return docs }())
}

func TestIdentities_are_not_linked_if_anything_about_them_is_wrong(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	revision := d.Revision()
	for name, c := range map[string]struct {
		change func(*identity.LinkedIdentity)
		field  string
	}{
		"no issuer":                      {func(l *identity.LinkedIdentity) { l.Issuer = "" }, "issuer"},
		"an issuer that reads as two":    {func(l *identity.LinkedIdentity) { l.Issuer = "https://id.test|a" }, "issuer"},
		"an issuer of more than 512":     {func(l *identity.LinkedIdentity) { l.Issuer = strings.Repeat("x", 513) }, "issuer"},
		"an issuer with a line break":    {func(l *identity.LinkedIdentity) { l.Issuer = "https://id.test\n" }, "issuer"},
		"an issuer that is no UTF-8":     {func(l *identity.LinkedIdentity) { l.Issuer = "\xff" }, "issuer"},
		"no subject":                     {func(l *identity.LinkedIdentity) { l.Subject = "" }, "subject"},
		"a subject of more than 255":     {func(l *identity.LinkedIdentity) { l.Subject = strings.Repeat("x", 256) }, "subject"},
		"a subject that cannot be seen":  {func(l *identity.LinkedIdentity) { l.Subject = "a\u200bda" }, "subject"},
		"a subject that is no UTF-8":     {func(l *identity.LinkedIdentity) { l.Subject = "a\xffda" }, "subject"},
		"an organisation":                {func(l *identity.LinkedIdentity) { l.Account = acme.ID }, "account"},
		"an account that there is not":   {func(l *identity.LinkedIdentity) { l.Account = nobody }, ""},
		"an account that is called none": {func(l *identity.LinkedIdentity) { l.Account = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad := linked("ada", ada.ID)
			c.change(&bad)
			err := try(t, d, func(tx *identity.Tx) error { return tx.PutIdentity(bad) })
			if c.field == "" {
				is(t, err, identity.ErrNotFound)
			} else {
				isInvalid(t, err, c.field)
			}
		})
	}
	t.Run("in a transaction that only reads", func(t *testing.T) {
		for name, fn := range map[string]func(*identity.Tx) error{
			"put":    func(tx *identity.Tx) error { return tx.PutIdentity(linked("ada", ada.ID)) },
			"remove": func(tx *identity.Tx) error { return tx.RemoveIdentity(ada.ID, "https://id.test/realms/x") },
		} {
			if err := d.Read(t.Context(), fn); err == nil {
				t.Errorf("%s: it was done", name)
			}
		}
	})
	same(t, d.Revision(), revision)
	same(t, identities(t, d, ada.ID), nil)
	t.Run("but the longest are", func(t *testing.T) {
		longest := identity.LinkedIdentity{Issuer: strings.Repeat("i", 512), Subject: strings.Repeat("s", 255), Account: ada.ID}
		link(t, d, longest)
		same(t, identities(t, d, ada.ID), []identity.LinkedIdentity{longest})
	})
}
