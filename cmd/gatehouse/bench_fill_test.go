//go:build bench

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// What fillDirectory makes: accounts persons in teams of benchTeamSize, benchOrgTeams
// teams to an organisation, and as many namespaces "ns0", "ns1", ... as accounts. The
// person benchAccountID(n) owns namespace n, and is in team n/benchTeamSize of
// organisation n/benchTeamSize/benchOrgTeams. Namespace n has three bindings: persons n+1
// (view) and n+2 (edit), counted round, and the team of person n (view).
const (
	benchTeamSize = 20
	benchOrgTeams = 100
	benchFillStep = 50_000 // persons to a transaction
)

// Identifiers are ULIDs that are scattered in their random half and ascend in their
// time, as those do that the directory gives out; the year tells the kinds apart.
func benchAccountID(n int) identity.AccountID { return identity.AccountID(benchULID("01J", n)) }

func benchOrganisationID(n int) identity.AccountID { return identity.AccountID(benchULID("01H", n)) }

func benchTeamID(n int) identity.TeamID { return identity.TeamID(benchULID("01G", n)) }

func benchULID(kind string, n int) string {
	return fmt.Sprintf("%s%07X%08X%08X", kind, n, n*2654435761%4294967296, n*2246822519%4294967296)
}

// sqlULID is benchULID in SQL.
func sqlULID(kind, n string) string {
	return fmt.Sprintf("printf('%s%%07X%%08X%%08X', %[2]s, (%[2]s)*2654435761%%4294967296, (%[2]s)*2246822519%%4294967296)", kind, n)
}

// fillStatements insert the rows that Directory.Write would have stored. A statement of
// a kind is run over a range of n, as the common table s; :size is the number of persons
// and :at the time.
var fillStatements = map[string][]string{
	"organisation": {
		"INSERT INTO accounts(id, handle, kind, state, name, generation, created) SELECT " + sqlULID("01H", "n") +
			", 'org-'||n, 'organisation', 'active', 'Organisation '||n, 1, :at FROM s",
		"INSERT INTO handles(scope, handle, owner) SELECT 'account', 'org-'||n, " + sqlULID("01H", "n") + " FROM s",
	},
	"team": {
		"INSERT INTO teams(id, organisation_id, handle, name) SELECT " + sqlULID("01G", "n") + ", " +
			sqlULID("01H", fmt.Sprintf("n/%d", benchOrgTeams)) + ", 'team-'||n, 'Team '||n FROM s",
		"INSERT INTO handles(scope, handle, owner) SELECT 'team:'||" + sqlULID("01H", fmt.Sprintf("n/%d", benchOrgTeams)) +
			", 'team-'||n, " + sqlULID("01G", "n") + " FROM s",
	},
	"person": {
		"INSERT INTO accounts(id, handle, kind, state, email, name, generation, created) SELECT " + sqlULID("01J", "n") +
			", 'person-'||n, 'person', 'active', 'person-'||n||'@example.org', 'Person '||n, 1, :at FROM s",
		"INSERT INTO handles(scope, handle, owner) SELECT 'account', 'person-'||n, " + sqlULID("01J", "n") + " FROM s",
		"INSERT INTO members(organisation_id, account_id, role) SELECT " +
			sqlULID("01H", fmt.Sprintf("n/%d", benchTeamSize*benchOrgTeams)) + ", " + sqlULID("01J", "n") + ", 'member' FROM s",
		"INSERT INTO team_members(team_id, account_id, role) SELECT " +
			sqlULID("01G", fmt.Sprintf("n/%d", benchTeamSize)) + ", " + sqlULID("01J", "n") + ", 'member' FROM s",
		"INSERT INTO namespaces(name) SELECT 'ns'||n FROM s",
		"INSERT INTO labels(namespace, label, value) SELECT 'ns'||n, 'stage', 'demo' FROM s",
		"INSERT INTO owners(namespace, principal, account_id) SELECT name, 'account:'||id, id FROM (SELECT 'ns'||n AS name, " +
			sqlULID("01J", "n") + " AS id FROM s)",
		"INSERT INTO bindings(namespace, principal, account_id, role, expires) SELECT name, 'account:'||id, id, 'view', 0 FROM (SELECT 'ns'||n AS name, " +
			sqlULID("01J", "(n+1)%:size") + " AS id FROM s)",
		"INSERT INTO bindings(namespace, principal, account_id, role, expires) SELECT name, 'account:'||id, id, 'edit', 0 FROM (SELECT 'ns'||n AS name, " +
			sqlULID("01J", "(n+2)%:size") + " AS id FROM s)",
		"INSERT INTO bindings(namespace, principal, team_id, role, expires) SELECT name, 'team:'||id, id, 'view', 0 FROM (SELECT 'ns'||n AS name, " +
			sqlULID("01G", fmt.Sprintf("n/%d", benchTeamSize)) + " AS id FROM s)",
	},
}

// fillDirectory makes a directory of so many persons and namespaces in dataDir, which
// holds none yet, as one revision whose journal is pruned. It takes seconds for a
// million: SQL makes the rows, and indexes are built when all are there. progress hears
// how many persons there are.
func fillDirectory(tb testing.TB, dataDir string, accounts int, progress func(int)) {
	tb.Helper()
	if accounts < 3 {
		tb.Fatalf("%d accounts: a namespace needs three different persons", accounts)
	}
	dir, err := identity.Open(context.Background(), identity.Options{Dir: dataDir, Create: true})
	if err == nil {
		err = dir.Close()
	}
	if err == nil {
		err = fillDatabase(filepath.Join(dataDir, "gatehouse.db"), accounts, progress)
	}
	if err != nil {
		tb.Fatal("fill the directory: ", err)
	}
}

func fillDatabase(path string, accounts int, progress func(int)) (err error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_synchronous=OFF&_cache_size=-200000")
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	db.SetMaxOpenConns(1)
	indexes, err := takeIndexes(db)
	if err != nil {
		return err
	}
	teams := (accounts + benchTeamSize - 1) / benchTeamSize
	organisations := (teams + benchOrgTeams - 1) / benchOrgTeams
	for _, kind := range []struct {
		name   string
		number int
		told   func(int)
	}{{"organisation", organisations, nil}, {"team", teams, nil}, {"person", accounts, progress}} {
		if err := fillKind(db, kind.name, kind.number, accounts, kind.told); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	for _, index := range append(indexes, "UPDATE revisions SET revision = 1", "PRAGMA wal_checkpoint(TRUNCATE)") {
		if _, err := db.Exec(index); err != nil {
			return fmt.Errorf("%s: %w", index, err)
		}
	}
	return nil
}

// takeIndexes drops every index that is no primary key and returns how to make it.
func takeIndexes(db *sql.DB) ([]string, error) {
	rows, err := db.Query("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	indexes := map[string]string{}
	for rows.Next() {
		var name, create string
		if err := rows.Scan(&name, &create); err != nil {
			return nil, err
		}
		indexes[name] = create
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for name := range indexes {
		if _, err := db.Exec("DROP INDEX " + name); err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Values(indexes)), nil
}

func fillKind(db *sql.DB, kind string, number, accounts int, progress func(int)) error {
	at := time.Now().Unix()
	for from := 0; from < number; from += benchFillStep {
		to := min(from+benchFillStep, number)
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		for _, statement := range fillStatements[kind] {
			series := "WITH RECURSIVE s(n) AS (VALUES(:from) UNION ALL SELECT n+1 FROM s WHERE n+1 < :to) "
			args := []any{sql.Named("from", from), sql.Named("to", to)}
			for name, value := range map[string]any{"size": accounts, "at": at} {
				if strings.Contains(statement, ":"+name) {
					args = append(args, sql.Named(name, value))
				}
			}
			if _, err := tx.Exec(series+statement, args...); err != nil {
				_ = tx.Rollback()
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		if progress != nil {
			progress(to)
		}
	}
	return nil
}

// TestFilled_directories_hold_what_writes_store compares every row of a small filled
// directory with what the directory's own writes store. Only the journal differs, and
// the times.
func TestFilled_directories_hold_what_writes_store(t *testing.T) {
	const size = 45
	filled, written := t.TempDir(), t.TempDir()
	told := 0
	fillDirectory(t, filled, size, func(n int) { told = n })
	if told != size {
		t.Errorf("progress ended at %d, want %d", told, size)
	}
	dir, err := identity.Open(t.Context(), identity.Options{Dir: written, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = dir.Write(t.Context(), "test", func(tx *identity.Tx) error { return writeFilled(tx, size) })
	if closing := dir.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	got, want := allRows(t, filled), allRows(t, written)
	if len(got) < 10*size {
		t.Errorf("only %d rows were read", len(got))
	}
	for name, differ := range map[string][]string{"only the filler stores": without(got, want), "only writes store": without(want, got)} {
		if len(differ) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(differ, "\n"))
		}
	}
}

func writeFilled(tx *identity.Tx, size int) error {
	organisation, err := tx.CreateAccount(identity.Account{
		ID: benchOrganisationID(0), Handle: "org-0", Kind: identity.Organisation, State: identity.Active, Name: "Organisation 0",
	})
	if err != nil {
		return err
	}
	for n := range size {
		if n%benchTeamSize == 0 {
			team := n / benchTeamSize
			if _, err := tx.CreateTeam(identity.Team{
				ID: benchTeamID(team), Organisation: organisation.ID, Handle: identity.Handle(fmt.Sprint("team-", team)), Name: fmt.Sprint("Team ", team),
			}); err != nil {
				return err
			}
		}
		if _, err := tx.CreateAccount(identity.Account{
			ID: benchAccountID(n), Handle: identity.Handle(fmt.Sprint("person-", n)), Kind: identity.Person, State: identity.Active,
			Email: identity.Email(fmt.Sprintf("person-%d@example.org", n)), Name: fmt.Sprint("Person ", n),
		}); err != nil {
			return err
		}
	}
	for n := range size {
		name, person, team := identity.NamespaceName(fmt.Sprint("ns", n)), benchAccountID(n), benchTeamID(n/benchTeamSize)
		steps := []error{
			tx.PutMember(organisation.ID, person, identity.Member), tx.PutTeamMember(team, person, identity.Member),
			tx.PutNamespace(identity.Namespace{
				Name: name, Owners: []identity.Principal{identity.AccountPrincipal(person)}, Labels: map[string]string{"stage": "demo"},
			}),
			tx.PutBinding(identity.Binding{Namespace: name, Principal: identity.AccountPrincipal(benchAccountID((n + 1) % size)), Role: identity.View}),
			tx.PutBinding(identity.Binding{Namespace: name, Principal: identity.AccountPrincipal(benchAccountID((n + 2) % size)), Role: identity.Edit}),
			tx.PutBinding(identity.Binding{Namespace: name, Principal: identity.TeamPrincipal(team), Role: identity.View}),
		}
		if err := errors.Join(steps...); err != nil {
			return err
		}
	}
	return nil
}

func without(rows, others []string) []string {
	return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return slices.Contains(others, row) })
}

// allRows gives every row of every table as text, the journal and times left out.
func allRows(t *testing.T, dataDir string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dataDir, "gatehouse.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func(query string) (texts []string) {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, _ := rows.Columns()
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range into {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			if i := slices.Index(columns, "created"); i >= 0 {
				values[i] = "some time"
			}
			texts = append(texts, fmt.Sprintf("%s %v", query, values))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return texts
	}
	for _, table := range read("SELECT 'SELECT * FROM ' || name FROM sqlite_master WHERE type = 'table' AND name <> 'journal'") {
		_, query, _ := strings.Cut(table, "[")
		all = append(all, read(strings.TrimSuffix(query, "]"))...)
	}
	all = append(all, read("SELECT name, sql FROM sqlite_master WHERE type = 'index'")...)
	slices.Sort(all)
	return all
}
