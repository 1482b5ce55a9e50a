package identity

import "gorm.io/gorm"

// migrateFailures makes the tables of failed logins. They are counters and no part of
// the directory: no revision, no journal, no reference to an account.
func migrateFailures(db *gorm.DB) error {
	for _, statement := range []string{
		`CREATE TABLE failures (
			login BLOB NOT NULL, network TEXT NOT NULL, count INTEGER NOT NULL, last_millis INTEGER NOT NULL,
			PRIMARY KEY (login, network)
		) WITHOUT ROWID`,
		`CREATE INDEX failures_weight ON failures (count, last_millis)`,
		`CREATE INDEX failures_last ON failures (last_millis)`,
		`CREATE TABLE known_networks (
			login BLOB NOT NULL, network TEXT NOT NULL, last_millis INTEGER NOT NULL,
			PRIMARY KEY (login, network)
		) WITHOUT ROWID`,
		`CREATE INDEX known_networks_last ON known_networks (last_millis)`,
	} {
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}
