package identity

import "gorm.io/gorm"

// migrateSearch lets the journal be searched by time, and bindings by role. Revisions are
// in the order of time but where the clock was set back; by how much in all is kept, so
// that a search knows how far it may err. It replaces an index of times. Indexes of columns
// that are mostly empty leave out what is: bulk writing need not write it.
func migrateSearch(db *gorm.DB) error {
	for _, statement := range []string{
		`ALTER TABLE revisions ADD COLUMN set_back INTEGER NOT NULL DEFAULT 0`,
		`UPDATE revisions SET set_back = ifnull((SELECT sum(max(0, before - at_millis)) FROM (
			SELECT at_millis, lag(at_millis, 1, 0) OVER (ORDER BY revision) AS before FROM journal WHERE seq = 0)), 0)`,
		`DROP INDEX journal_at`,
		`CREATE INDEX bindings_role ON bindings (role, namespace, principal)`,
		`DROP INDEX bindings_principal`,
		`CREATE INDEX bindings_principal ON bindings (principal, namespace, role)`,
		`DROP INDEX accounts_user_id`,
		`CREATE UNIQUE INDEX accounts_user_id ON accounts (user_id) WHERE user_id IS NOT NULL`,
		`DROP INDEX accounts_user_fold`,
		`CREATE INDEX accounts_user_fold ON accounts (user_fold) WHERE user_fold IS NOT NULL`,
		`DROP INDEX owners_account`,
		`CREATE INDEX owners_account ON owners (account_id) WHERE account_id IS NOT NULL`,
		`DROP INDEX owners_team`,
		`CREATE INDEX owners_team ON owners (team_id) WHERE team_id IS NOT NULL`,
		`DROP INDEX bindings_account`,
		`CREATE INDEX bindings_account ON bindings (account_id) WHERE account_id IS NOT NULL`,
		`DROP INDEX bindings_team`,
		`CREATE INDEX bindings_team ON bindings (team_id) WHERE team_id IS NOT NULL`,
	} {
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}
