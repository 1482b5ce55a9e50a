package identity

import (
	"database/sql"
	"fmt"
	"strings"
)

// LinkedIdentity says that who a trusted issuer calls Subject is an account here. An
// issuer's subject is linked to one account, and an account to one subject of an issuer.
type LinkedIdentity struct {
	Issuer  string // as `iss` has it
	Subject string // as `sub` has it
	Account AccountID
}

// IdentityDocument is a linked identity; its key is <issuer>|<subject>, which is the ID
// of an external subject too.
type IdentityDocument struct {
	Account AccountID `json:"account"`
}

const (
	maxIssuer  = 512
	maxSubject = 255 // OpenID Connect Core 1.0, section 2
)

// IdentityKey is how an identity is called in one text. An issuer holds no |.
func IdentityKey(issuer, subject string) string { return issuer + "|" + subject }

// PutIdentity links an identity to an account, in place of the one that the account had
// of that issuer. It is ErrExists where another account has it.
func (tx *Tx) PutIdentity(l LinkedIdentity) error {
	if err := tx.checkIdentity(l); err != nil {
		return fmt.Errorf("put identity: %w", err)
	}
	owner, err := tx.IdentityOf(l.Issuer, l.Subject)
	switch {
	case err == nil && owner.Account == l.Account:
		return nil
	case err == nil:
		return fmt.Errorf("put identity: %w: it is linked to another account", ErrExists)
	case !isNotFound(err):
		return err
	}
	return tx.change("put identity", func() error {
		if err := tx.dropIdentities("account_id = ? AND issuer = ?", string(l.Account), l.Issuer); err != nil {
			return err
		}
		key := IdentityKey(l.Issuer, l.Subject)
		tx.touchNew(CollectionIdentities, key)
		return tx.insert(insertIdentities, []row{{key, l.Issuer, l.Subject, string(l.Account)}})
	})
}

var insertIdentities = insertInto("identities", "", "id", "issuer", "subject", "account_id")

func (tx *Tx) checkIdentity(l LinkedIdentity) error {
	if err := tx.writable(); err != nil {
		return err
	}
	switch {
	case l.Issuer == "" || len(l.Issuer) > maxIssuer || strings.Contains(l.Issuer, "|"):
		return invalid("issuer", "must have 1 to %d bytes and no |", maxIssuer)
	case l.Subject == "" || len(l.Subject) > maxSubject:
		return invalid("subject", "must have 1 to %d bytes", maxSubject)
	case strings.ContainsFunc(l.Issuer, invisible):
		return invalid("issuer", "must not hold control or invisible characters")
	case strings.ContainsFunc(l.Subject, invisible):
		return invalid("subject", "must not hold control or invisible characters")
	}
	a, err := tx.Account(l.Account)
	if err != nil {
		return err
	}
	if a.Kind == Organisation {
		return invalid("account", "an organisation cannot sign in")
	}
	return nil
}

// RemoveIdentity takes away the account's identity of an issuer.
func (tx *Tx) RemoveIdentity(account AccountID, issuer string) error {
	found, err := tx.identities("account_id = ? AND issuer = ?", string(account), issuer)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("remove identity: %w", ErrNotFound)
	}
	return tx.change("remove identity", func() error {
		return tx.dropIdentities("account_id = ? AND issuer = ?", string(account), issuer)
	})
}

// dropIdentities removes those that a condition chooses.
func (tx *Tx) dropIdentities(condition string, args ...any) error {
	found, err := tx.identities(condition, args...)
	if err != nil || len(found) == 0 {
		return err
	}
	keys := make([]string, len(found))
	for i, l := range found {
		keys[i] = IdentityKey(l.Issuer, l.Subject)
	}
	if err := tx.touch(CollectionIdentities, keys...); err != nil {
		return err
	}
	return deleteAmong(tx, "identities", "id", keys)
}

// Identities gives the identities of an account by issuer.
func (tx *Tx) Identities(account AccountID) ([]LinkedIdentity, error) {
	return tx.identities("account_id = ? ORDER BY issuer", string(account))
}

// IdentityOf finds the account that an identity is linked to.
func (tx *Tx) IdentityOf(issuer, subject string) (LinkedIdentity, error) {
	found, err := tx.identities("id = ?", IdentityKey(issuer, subject))
	if err != nil {
		return LinkedIdentity{}, err
	}
	if len(found) == 0 {
		return LinkedIdentity{}, fmt.Errorf("identity: %w", ErrNotFound)
	}
	return found[0], nil
}

func (tx *Tx) identities(condition string, args ...any) (found []LinkedIdentity, err error) {
	err = scan(tx.ctx, tx.q, func(rows *sql.Rows) error {
		var l LinkedIdentity
		err := rows.Scan(&l.Issuer, &l.Subject, &l.Account)
		found = append(found, l)
		return err
	}, "SELECT issuer, subject, account_id FROM identities WHERE "+condition, args...)
	return found, translate("read identities", err)
}

func identityRowDocument(rows *sql.Rows) (key string, document any, err error) {
	var doc IdentityDocument
	err = rows.Scan(&key, &doc.Account)
	return key, doc, err
}
