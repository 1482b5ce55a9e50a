package identity

import "gorm.io/gorm"

// migrateManagement adds what people manage the directory with: the tokens that were
// given out, the identities of trusted issuers, where a change came from, and the indexes
// that lists and the journal are read by. Each index ends in the key of the list that it
// is for, so that a page is read from it in order. Who wrote and when is the same for all
// rows of a revision: the first of them stands for it, which keeps bulk writing fast.
func migrateManagement(db *gorm.DB) error {
	for _, statement := range []string{
		`CREATE TABLE tokens (
			jti TEXT PRIMARY KEY NOT NULL,
			account_id TEXT NOT NULL REFERENCES accounts(id) ON UPDATE RESTRICT ON DELETE RESTRICT,
			kind TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
			issued INTEGER NOT NULL, expires INTEGER NOT NULL)`,
		`CREATE INDEX tokens_account ON tokens (account_id, jti)`,
		`CREATE INDEX tokens_room ON tokens (account_id, kind, issued, jti, expires)`,
		`CREATE INDEX tokens_expires ON tokens (expires, jti)`,
		`CREATE TABLE identities (
			id TEXT PRIMARY KEY NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
			account_id TEXT NOT NULL REFERENCES accounts(id) ON UPDATE RESTRICT ON DELETE RESTRICT)`,
		`CREATE UNIQUE INDEX identities_account ON identities (account_id, issuer)`,
		`ALTER TABLE journal ADD COLUMN address TEXT NOT NULL DEFAULT ''`,
		`CREATE INDEX journal_document ON journal (doc_key, revision, seq)`,
		`CREATE INDEX journal_collection ON journal (collection, revision, seq)`,
		`CREATE INDEX journal_actor ON journal (actor, revision) WHERE seq = 0`,
		`CREATE INDEX journal_at ON journal (at_millis, revision) WHERE seq = 0`,
		`DROP INDEX owners_principal`,
		`CREATE INDEX owners_principal ON owners (principal, namespace)`,
		`DROP INDEX bindings_principal`,
		`CREATE INDEX bindings_principal ON bindings (principal, namespace)`,
		`DROP INDEX members_account`,
		`CREATE INDEX members_account ON members (account_id, organisation_id)`,
		`DROP INDEX team_members_account`,
		`CREATE INDEX team_members_account ON team_members (account_id, team_id)`,
		`CREATE INDEX teams_organisation ON teams (organisation_id, id)`,
		`CREATE INDEX teams_any_handle ON teams (handle, id)`,
		`CREATE INDEX labels_label ON labels (label, namespace)`,
		`CREATE INDEX labels_value ON labels (label, value, namespace)`,
		`CREATE INDEX accounts_class ON accounts (kind, state, id)`,
		`CREATE INDEX accounts_class_handle ON accounts (kind, state, handle)`,
		`CREATE INDEX platform_roles_role ON platform_roles (role, account_id)`,
	} {
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}
