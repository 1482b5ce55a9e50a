//go:build bench

package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// What fillManaged adds to a filled directory, so that there is something for every
// filter to find: few of many, all over the directory, and many.
const (
	benchRare       = 50   // accounts, namespaces or bindings that a filter for the rare ones finds
	benchWidely     = 5000 // namespaces in which the group "everyone" is bound
	benchCallers    = 512  // persons who call
	benchJournalled = 90 * 24 * time.Hour
)

// benchAdmin is the platform admin among the persons; the callers come after.
var benchAdmin = benchAccountID(0)

// managedDirectory is a data folder of its own with the filled directory of so many
// accounts, what there is to find in it, and a journal that tells how every document of
// it was made.
func managedDirectory(t *testing.T, accounts int) string {
	t.Helper()
	plain := benchDirectory(t, accounts)
	kept := keptDirectory(t, "managed-"+strconv.Itoa(accounts), func(data string) {
		copyDirectory(t, data, plain)
		begin := time.Now()
		rows := fillJournal(t, data)
		dir, err := identity.Open(t.Context(), identity.Options{Dir: data})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = dir.Close() }() // writes are stored when they return
		if _, err := dir.Write(t.Context(), "cli:bench", func(tx *identity.Tx) error { return fillManaged(tx, accounts) }); err != nil {
			t.Fatal("fill the directory: ", err)
		}
		note("added %d rows of the journal and what is rare in %s", rows, time.Since(begin).Round(time.Millisecond))
	})
	data := filepath.Join(t.TempDir(), "data")
	copyDirectory(t, data, kept)
	return data
}

func copyDirectory(t *testing.T, to, from string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	for _, name := range []string{"gatehouse.db", "secret.key"} {
		if err == nil {
			err = os.Chmod(filepath.Join(to, name), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func fillManaged(tx *identity.Tx, accounts int) error {
	errs := []error{tx.GrantPlatformRole(benchAdmin, "admin")}
	add := func(err error) { errs = append(errs, err) }
	for i := range benchRare {
		n := i * (accounts / benchRare)
		_, err := tx.CreateAccount(identity.Account{
			Handle: identity.Handle(fmt.Sprint("robot-", i)), Kind: identity.Service, State: identity.Active, Name: fmt.Sprint("Robot ", i),
		})
		add(err)
		namespace, err := tx.NamespaceHeader(identity.NamespaceName(fmt.Sprint("ns", n)))
		add(err)
		namespace.Owners = append(namespace.Owners, identity.GroupPrincipal("ops"))
		namespace.Labels["tier"] = "gold"
		add(tx.PutNamespace(namespace))
		add(tx.PutBinding(identity.Binding{Namespace: namespace.Name, Principal: identity.GroupPrincipal("auditors"), Role: "auditor"}))
		if i == 0 {
			continue // it is the admin
		}
		person, err := tx.Account(benchAccountID(n))
		add(err)
		person.State = identity.Disabled
		add(tx.UpdateAccount(person))
	}
	for i := range min(benchWidely, accounts) {
		add(tx.PutBinding(identity.Binding{
			Namespace: identity.NamespaceName(fmt.Sprint("ns", i*(accounts/min(benchWidely, accounts)))),
			Principal: identity.GroupPrincipal("everyone"), Role: identity.View,
		}))
	}
	return errors.Join(errs...)
}

// fillJournal writes the row that made each document, one revision a document. The
// oldest rows are the installer's, of the others every caller wrote as many.
func fillJournal(t *testing.T, data string) (rows int) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: filepath.Join(data, "gatehouse.db")}).EscapedPath()+"?_synchronous=OFF&_cache_size=-200000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.Prepare("INSERT INTO journal(revision, seq, at_millis, actor, address, collection, doc_key, doc_after) VALUES (?, 0, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	const first = 2 // the directory was filled as revision 1
	var documents []identity.Change
	exportDocuments(t, data, func(c identity.Change) { documents = append(documents, c) })
	begin := time.Now().Add(-benchJournalled)
	for i, c := range documents {
		actor, address := "cli:install", ""
		if i >= benchRare {
			actor, address = "account:"+string(benchAccountID(benchCaller(i))), "192.0.2."+strconv.Itoa(i%256)
		}
		at := begin.Add(benchJournalled / time.Duration(len(documents)) * time.Duration(i))
		if _, err := insert.Exec(first+i, at.UnixMilli(), actor, address, c.Collection, c.Key, string(c.Doc)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Exec("UPDATE revisions SET revision = ?", first+len(documents)-1); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return len(documents)
}

// benchCaller is the number of a person who calls: neither the admin nor disabled.
func benchCaller(i int) int { return 1 + i%benchCallers%(benchPeople-1) }

// managedTokens are the access tokens of the admin and of those who call.
func managedTokens(t *testing.T, data string) (admin string, callers []string) {
	t.Helper()
	ids := []identity.AccountID{benchAdmin}
	for i := range benchCallers {
		ids = append(ids, benchAccountID(benchCaller(i)))
	}
	tokens := tokensOf(t, data, ids...)
	return tokens[0], tokens[1:]
}

// tokensOf mints an access token for each of the accounts, as they are now.
func tokensOf(t *testing.T, data string, ids ...identity.AccountID) []string {
	t.Helper()
	dir, err := identity.Open(t.Context(), identity.Options{Dir: data, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // nothing was written that matters
	keys, err := token.OpenKeyring(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	issuer := token.NewIssuer(defaultIssuer, defaultAudience, keys, time.Now)
	tokens := make([]string, len(ids))
	err = dir.Read(t.Context(), func(tx *identity.Tx) error {
		for i, id := range ids {
			account, err := tx.Account(id)
			if err != nil {
				return err
			}
			if tokens[i], _, err = issuer.Access(token.UserOf(account), account.Generation, token.AccessOptions{TTL: 2 * time.Hour}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}
