package identity

import "gorm.io/gorm"

// migrateManagement adds what people manage the directory with: the tokens that were
// given out, the identities of trusted issuers, where a change came from, and the indexes
// that lists and the journal are read by. Indexes of accounts are partial: nearly all are
// active people, who are listed by their key.
func migrateManagement(db *gorm.DB) error {
	for _, statement := range []string{
		`CREATE TABLE tokens (
			jti TEXT PRIMARY KEY NOT NULL,
			account_id TEXT NOT NULL REFERENCES accounts(id) ON UPDATE RESTRICT ON DELETE RESTRICT,
			kind TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
			issued INTEGER NOT NULL, expires INTEGER NOT NULL)`,
		`CREATE INDEX tokens_account ON tokens (account_id, jti)`,
		`CREATE INDEX tokens_expires ON tokens (expires)`,
		`CREATE TABLE identities (
			id TEXT PRIMARY KEY NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
			account_id TEXT NOT NULL REFERENCES accounts(id) ON UPDATE RESTRICT ON DELETE RESTRICT)`,
		`CREATE UNIQUE INDEX identities_account ON identities (account_id, issuer)`,
		`ALTER TABLE journal ADD COLUMN address TEXT NOT NULL DEFAULT ''`,
		`CREATE INDEX journal_document ON journal (collection, doc_key, revision, seq)`,
		`CREATE INDEX journal_actor ON journal (actor, revision, seq)`,
		`CREATE INDEX journal_at ON journal (at_millis)`,
		`DROP INDEX owners_principal`,
		`CREATE INDEX owners_principal ON owners (principal, namespace)`,
		`DROP INDEX bindings_principal`,
		`CREATE INDEX bindings_principal ON bindings (principal, namespace)`,
		`CREATE INDEX labels_value ON labels (label, value, namespace)`,
		`CREATE INDEX accounts_kind ON accounts (kind, id) WHERE kind <> 'person'`,
		`CREATE INDEX accounts_state ON accounts (state, id) WHERE state <> 'active'`,
		`CREATE INDEX platform_roles_role ON platform_roles (role, account_id)`,
	} {
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}
