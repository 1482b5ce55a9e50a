package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// collection is how one kind of document is read: which keys there are, and the
// documents of some keys. Export, the journal and every sink see documents only
// through these two, so they cannot disagree on what one looks like.
type collection struct {
	name string
	// table and key list the keys; some collections are only a part of a table.
	table, key, where string
	page              int
	load              func(ctx context.Context, q querier, keys []string, emit func(key string, document any) error) error
}

// collections in the order in which an export holds them.
var collections = []collection{
	{name: CollectionAccounts, table: "accounts", key: "id", page: 500, load: accountDocuments},
	{name: CollectionTeams, table: "teams", key: "id", page: 500, load: teamDocuments},
	{name: CollectionNamespaces, table: "namespaces", key: "name", page: 50, load: namespaceDocuments},
	{name: CollectionGenerations, table: "accounts", key: "id", page: 500, load: generationDocuments},
	{name: CollectionRevocations, table: "revocations", key: "jti", page: 500, load: revocationDocuments},
	{name: CollectionKeys, table: "keys", key: "kid", page: 500, load: keyDocuments},
	{name: CollectionPasswords, table: "passwords", key: "account_id", page: 500, load: passwordDocuments},
	{name: CollectionQuotas, table: "namespaces", key: "name", where: "quota IS NOT NULL", page: 500, load: quotaDocuments},
	{name: CollectionSettings, table: "settings", key: "name", page: 500, load: settingDocuments},
}

func collectionNamed(name string) (collection, error) {
	for _, c := range collections {
		if c.name == name {
			return c, nil
		}
	}
	return collection{}, invalid("collection", "there is no %q", name)
}

// keysAfter lists the next page of keys. It leaves no cursor open, so whoever
// reads page by page may do other things on the same connection in between.
func (c collection) keysAfter(ctx context.Context, q querier, after string, limit int) ([]string, error) {
	where := c.key + " > ?"
	if c.where != "" {
		where += " AND " + c.where
	}
	keys := make([]string, 0, limit)
	err := scan(ctx, q, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	}, "SELECT "+c.key+" FROM "+c.table+" WHERE "+where+" ORDER BY "+c.key+" LIMIT "+strconv.Itoa(limit), after)
	return keys, err
}

// documents gives the encoded documents of those keys that have one.
func (c collection) documents(ctx context.Context, q querier, keys []string) (map[string][]byte, error) {
	found := make(map[string][]byte, len(keys))
	for len(keys) > 0 {
		part := keys[:min(len(keys), c.page)]
		keys = keys[len(part):]
		err := c.load(ctx, q, part, func(key string, document any) error {
			encoded, err := encode(document)
			found[key] = encoded
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", c.name, err)
		}
	}
	return found, nil
}

// in writes `column IN (?, …)`.
func in(column string, keys []string) (string, []any) {
	args := make([]any, len(keys))
	for i, key := range keys {
		args[i] = key
	}
	return column + " IN (?" + strings.Repeat(",?", len(keys)-1) + ")", args
}

// scanIn runs "<query> <column> IN (keys)".
func scanIn(ctx context.Context, q querier, each func(*sql.Rows) error, query, column string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	condition, args := in(column, keys)
	return scan(ctx, q, each, query+" WHERE "+condition, args...)
}

func accountDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	accounts, err := loadAccounts(ctx, q, keys)
	for _, a := range accounts {
		if err := emit(string(a.ID), a.document()); err != nil {
			return err
		}
	}
	return err
}

func teamDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var doc TeamDocument
		if err := rows.Scan(&id, &doc.Organisation, &doc.Handle, &doc.Name); err != nil {
			return err
		}
		return emit(id, doc)
	}, "SELECT id, organisation_id, handle, name FROM teams", "id", keys)
}

func namespaceDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	namespaces, err := loadNamespaces(ctx, q, keys)
	for _, n := range namespaces {
		if err := emit(string(n.Name), n.document()); err != nil {
			return err
		}
	}
	return err
}

func generationDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var doc GenerationDocument
		if err := rows.Scan(&id, &doc.N); err != nil {
			return err
		}
		return emit(id, doc)
	}, "SELECT id, generation FROM accounts", "id", keys)
}

func revocationDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var jti string
		var doc RevocationDocument
		if err := rows.Scan(&jti, &doc.Account, &doc.Expires); err != nil {
			return err
		}
		return emit(jti, doc)
	}, "SELECT jti, account_id, expires FROM revocations", "jti", keys)
}

func keyDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var kid, public string
		var doc KeyDocument
		if err := rows.Scan(&kid, &doc.Alg, &doc.Use, &doc.State, &public, &doc.Created); err != nil {
			return err
		}
		doc.Public = json.RawMessage(public)
		return emit(kid, doc)
	}, "SELECT kid, alg, key_use, state, public, created FROM keys", "kid", keys)
}

func passwordDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var id string
		var doc PasswordDocument
		if err := rows.Scan(&id, &doc.Changed, &doc.Expires, &doc.MustChange, &doc.Version); err != nil {
			return err
		}
		return emit(id, doc)
	}, "SELECT account_id, changed, expires, must_change, version FROM passwords", "account_id", keys)
}

func quotaDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var name string
		var quota sql.NullString
		if err := rows.Scan(&name, &quota); err != nil || !quota.Valid {
			return err
		}
		return emit(name, json.RawMessage(quota.String))
	}, "SELECT name, quota FROM namespaces", "name", keys)
}

func settingDocuments(ctx context.Context, q querier, keys []string, emit func(string, any) error) error {
	return scanIn(ctx, q, func(rows *sql.Rows) error {
		var name string
		var doc SettingDocument
		if err := rows.Scan(&name, &doc.Value); err != nil {
			return err
		}
		return emit(name, doc)
	}, "SELECT name, value FROM settings", "name", keys)
}

// seconds and moment are the two sides of a time in the database and in
// documents: Unix seconds, with 0 for the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
