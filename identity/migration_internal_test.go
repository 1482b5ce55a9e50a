package identity

import "testing"

func TestMigration_finds_out_how_far_the_clock_was_set_back(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(t.Context(), Options{Dir: dir, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{ // the directory as the migration finds it
		"DELETE FROM migrations WHERE id = '0004_search'", "ALTER TABLE revisions DROP COLUMN set_back",
		"CREATE INDEX journal_at ON journal (at_millis, revision) WHERE seq = 0", "DROP INDEX bindings_role",
		"DROP INDEX bindings_principal", "CREATE INDEX bindings_principal ON bindings (principal, namespace)",
		`INSERT INTO journal(revision, seq, at_millis, actor, collection, doc_key) VALUES
			(5, 0, 1000, 'a', 'settings', 'k'), (5, 1, 1000, 'a', 'settings', 'l'), (6, 0, 3000, 'a', 'settings', 'k'),
			(7, 0, 2500, 'a', 'settings', 'k'), (8, 0, 2500, 'a', 'settings', 'k'), (9, 0, 2490, 'a', 'settings', 'k')`,
		"UPDATE revisions SET revision = 9",
	} {
		if err := d.writer.Exec(statement).Error; err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(t.Context(), Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	var setBack, indexes int
	if err := d.reader.Raw("SELECT set_back FROM revisions").Row().Scan(&setBack); err != nil || setBack != 510 {
		t.Errorf("set back by %d ms (%v), want 510", setBack, err)
	}
	if err := d.reader.Raw("SELECT count(*) FROM sqlite_master WHERE name IN ('bindings_role', 'journal_at')").Row().Scan(&indexes); err != nil || indexes != 1 {
		t.Errorf("%d of both indexes are there (%v), want 1", indexes, err)
	}
}
