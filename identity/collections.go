package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// collection is how one kind of document is read. The documents of some keys
// are what the journal is made from, all of them in the order of keys what an
// export is. Documents that are a row each have one reader for both; those that
// are put together from several tables have two, and one encoding.
type collection struct {
	name string
	// table and key list the keys; some collections are only a part of a table.
	table, key, where string
	page              int
	columns           string // key first
	// row gives the document of one row of columns.
	row func(rows *sql.Rows) (key string, document any, err error)
	// load gives the documents of keys where row does not.
	load func(ctx context.Context, q querier, keys []string, emit emit) error
	// pass gives all documents where row does not, and those of the collections in
	// beside that are asked for with it.
	pass   func(ctx context.Context, q querier, wanted wanted, emit emit) error
	beside []string
}

// emit is given the documents, in the order of their keys.
type emit func(collection, key string, document []byte) error

// wanted are the collections that somebody asks for.
type wanted map[string]bool

// collections in the order in which an export begins with them.
var collections = []collection{
	{
		name: CollectionNamespaces, table: "namespaces", key: "name", page: 50,
		load: loadNamespaceDocuments, pass: allNamespaces, beside: []string{CollectionQuotas},
	},
	{
		name: CollectionAccounts, table: "accounts", key: "id", page: 500,
		load: loadAccountDocuments, pass: allAccounts, beside: []string{CollectionGenerations},
	},
	{name: CollectionTeams, table: "teams", key: "id", page: 500, columns: "id, organisation_id, handle, name", row: teamRowDocument},
	{name: CollectionGenerations, table: "accounts", key: "id", page: 500, columns: "id, generation", row: generationRowDocument},
	{name: CollectionRevocations, table: "revocations", key: "jti", page: 500, columns: "jti, account_id, expires", row: revocationRowDocument},
	{name: CollectionKeys, table: "keys", key: "kid", page: 500, columns: "kid, alg, key_use, state, public, created", row: keyRowDocument},
	{name: CollectionPasswords, table: "passwords", key: "account_id", page: 500, columns: "account_id, changed, expires, must_change, version", row: passwordRowDocument},
	{name: CollectionQuotas, table: "namespaces", key: "name", where: "quota IS NOT NULL", page: 500, columns: "name, quota", row: quotaRowDocument},
	{name: CollectionSettings, table: "settings", key: "name", page: 500, columns: "name, value", row: settingRowDocument},
	{name: CollectionTokens, table: "tokens", key: "jti", page: 500, columns: "jti, account_id, kind, name, scopes, issued, expires", row: tokenRowDocument},
	{name: CollectionIdentities, table: "identities", key: "id", page: 500, columns: "id, account_id", row: identityRowDocument},
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
	keep := func(_, key string, document []byte) error {
		found[key] = document
		return nil
	}
	for len(keys) > 0 {
		part := keys[:min(len(keys), c.page)]
		keys = keys[len(part):]
		load := c.load
		if load == nil {
			load = c.loadRows
		}
		if err := load(ctx, q, part, keep); err != nil {
			return nil, fmt.Errorf("read %s: %w", c.name, err)
		}
	}
	return found, nil
}

func (c collection) loadRows(ctx context.Context, q querier, keys []string, emit emit) error {
	condition := among(c.key)
	if c.where != "" {
		condition += " AND " + c.where
	}
	return scan(ctx, q, c.emitRow(emit), "SELECT "+c.columns+" FROM "+c.table+" WHERE "+condition, packed(keys))
}

// all gives every document of the collection, and of those beside it that are
// wanted.
func (c collection) all(ctx context.Context, q querier, wanted wanted, emit emit) error {
	if c.pass != nil {
		return c.pass(ctx, q, wanted, emit)
	}
	query := "SELECT " + c.columns + " FROM " + c.table
	if c.where != "" {
		query += " WHERE " + c.where
	}
	return scan(ctx, q, c.emitRow(emit), query+" ORDER BY "+c.key)
}

func (c collection) emitRow(emit emit) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		key, document, err := c.row(rows)
		if err != nil {
			return err
		}
		encoded, err := encode(document)
		if err != nil {
			return err
		}
		return emit(c.name, key, encoded)
	}
}

// scanIn runs "<query> <column> IN (keys)". The statement is the same for any number of
// keys, so that it is prepared once.
func scanIn(ctx context.Context, q querier, each func(*sql.Rows) error, query, column string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return scan(ctx, q, each, query+" WHERE "+among(column), packed(keys))
}

func loadAccountDocuments(ctx context.Context, q querier, keys []string, emit emit) error {
	accounts, err := loadAccounts(ctx, q, keys)
	for _, a := range accounts {
		if err := emit(CollectionAccounts, string(a.ID), a.record().appendTo(nil)); err != nil {
			return err
		}
	}
	return err
}

func loadNamespaceDocuments(ctx context.Context, q querier, keys []string, emit emit) error {
	namespaces, err := loadNamespaces(ctx, q, keys)
	for _, n := range namespaces {
		if err := emit(CollectionNamespaces, string(n.Name), n.record().appendTo(nil)); err != nil {
			return err
		}
	}
	return err
}

func teamRowDocument(rows *sql.Rows) (id string, document any, err error) {
	var doc TeamDocument
	err = rows.Scan(&id, &doc.Organisation, &doc.Handle, &doc.Name)
	return id, doc, err
}

func generationRowDocument(rows *sql.Rows) (id string, document any, err error) {
	var doc GenerationDocument
	err = rows.Scan(&id, &doc.N)
	return id, doc, err
}

func revocationRowDocument(rows *sql.Rows) (jti string, document any, err error) {
	var doc RevocationDocument
	err = rows.Scan(&jti, &doc.Account, &doc.Expires)
	return jti, doc, err
}

func keyRowDocument(rows *sql.Rows) (kid string, document any, err error) {
	var doc KeyDocument
	err = rows.Scan(&kid, &doc.Alg, &doc.Use, &doc.State, (*rawJSON)(&doc.Public), &doc.Created)
	return kid, doc, err
}

func passwordRowDocument(rows *sql.Rows) (id string, document any, err error) {
	var doc PasswordDocument
	err = rows.Scan(&id, &doc.Changed, &doc.Expires, &doc.MustChange, &doc.Version)
	return id, doc, err
}

func quotaRowDocument(rows *sql.Rows) (name string, document any, err error) {
	var quota json.RawMessage
	err = rows.Scan(&name, (*rawJSON)(&quota))
	return name, quota, err
}

func settingRowDocument(rows *sql.Rows) (name string, document any, err error) {
	var doc SettingDocument
	err = rows.Scan(&name, &doc.Value)
	return name, doc, err
}

// rawJSON reads a column of text that holds JSON.
type rawJSON json.RawMessage

func (r *rawJSON) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a column holds a %T where JSON belongs", value)
	}
	*r = rawJSON(text)
	return nil
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
