package identity

import (
	"errors"
	"fmt"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"
)

// migrate brings the schema up to date, all of it in one transaction. Each
// migration describes its tables by types or statements of its own: the row types of
// today may change, what a migration did may not.
func migrate(db *gorm.DB) error {
	m := gormigrate.New(db, &gormigrate.Options{
		TableName:                 "migrations",
		IDColumnName:              "id",
		IDColumnSize:              64,
		UseTransaction:            true,
		ValidateUnknownMigrations: true,
	}, []*gormigrate.Migration{
		{ID: "0001_directory", Migrate: migrateDirectory},
		{ID: "0002_management", Migrate: migrateManagement},
		{ID: "0003_failures", Migrate: migrateFailures},
		{ID: "0004_search", Migrate: migrateSearch},
	})
	err := m.Migrate()
	if errors.Is(err, gormigrate.ErrUnknownPastMigration) {
		return fmt.Errorf("the database was written by a newer Gatehouse; use that one, or a backup from before it")
	}
	return translate("migrate database", err)
}
