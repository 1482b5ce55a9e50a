package engine

import (
	"context"
	"errors"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

// identityRoot is where the directory's documents appear under data.
const identityRoot = "identity"

// errNotFound is made once: looking up what is not there is the normal case of
// a denied request.
var errNotFound error = &storage.Error{Code: storage.NotFoundErr, Message: "document not found"}

var (
	errWholeIdentity = errors.New("data.identity cannot be read as a whole")
	errNotSnapshot   = errors.New("transaction of another store")
)

// store is the storage.Store that prepared queries are bound to. It holds
// nothing: a prepared query has no option to choose a store per evaluation, so
// the pinned state travels in the transaction. /identity comes from the
// directory, everything else from the policy's own data.
type store struct {
	storage.TriggersNotSupported
	storage.WritesNotSupported
}

// transaction pins what one evaluation reads, and remembers the documents it
// parsed: rules ask for several members of the same document. It belongs to
// one evaluation and is not safe for concurrent use.
type transaction struct {
	state
	seen map[*snapshot.Document]ast.Value
}

func (*transaction) ID() uint64 { return 0 }

// Read implements storage.Store.
func (store) Read(_ context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	t, ok := txn.(*transaction)
	if !ok {
		return nil, errNotSnapshot
	}
	switch {
	case len(path) > 0 && path[0] == identityRoot:
		return t.identity(path[1:])
	case len(path) == 0 && t.data != nil:
		return nil, errWholeIdentity
	case t.policy == nil:
		return nil, errNotFound
	}
	return find(t.policy.data, path)
}

func (t *transaction) identity(path storage.Path) (ast.Value, error) {
	switch {
	case len(path) == 0:
		return nil, errWholeIdentity
	case t.data == nil:
		return nil, errNotFound
	case path[0] == snapshot.Meta:
		return find(t.data.Meta(), path[1:])
	case len(path) == 1:
		return t.collection(path[0])
	}
	document := t.document(path[0], path[1])
	if document == nil {
		return nil, errNotFound
	}
	return find(document, path[2:])
}

// collection reads all documents of a collection.
func (t *transaction) collection(name string) (ast.Value, error) {
	all, err := t.data.All(name)
	if err == nil && all == nil {
		return nil, errNotFound
	}
	return all, err
}

// document reads one document, nil where there is none.
func (t *transaction) document(collection, key string) ast.Value {
	d := t.data.Get(collection, key)
	if d == nil {
		return nil
	}
	if v, ok := t.seen[d]; ok {
		return v
	}
	if t.seen == nil {
		t.seen = make(map[*snapshot.Document]ast.Value, 4)
	}
	v := d.Value()
	t.seen[d] = v
	return v
}

// find walks down path. What is not there, or is no container, is errNotFound.
func find(v ast.Value, path storage.Path) (ast.Value, error) {
	for _, name := range path {
		var next *ast.Term
		switch container := v.(type) {
		case ast.Object:
			next = container.Get(ast.InternedTerm(name))
		case *ast.Array:
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < container.Len() {
				next = container.Elem(i)
			}
		}
		if next == nil {
			return nil, errNotFound
		}
		v = next.Value
	}
	return v, nil
}

// NewTransaction implements storage.Store with a transaction that sees nothing.
func (store) NewTransaction(context.Context, ...storage.TransactionParams) (storage.Transaction, error) {
	return &transaction{}, nil
}

// Commit implements storage.Store; there is never anything to commit.
func (store) Commit(context.Context, storage.Transaction) error { return nil }

// Abort implements storage.Store.
func (store) Abort(context.Context, storage.Transaction) {}

// Truncate implements storage.Store.
func (store) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr}
}

// ListPolicies implements storage.Policy. Policies live in the compiler, so
// there are none here; "not supported" would fail every preparation.
func (store) ListPolicies(context.Context, storage.Transaction) ([]string, error) { return nil, nil }

// GetPolicy implements storage.Policy.
func (store) GetPolicy(context.Context, storage.Transaction, string) ([]byte, error) {
	return nil, errNotFound
}

// UpsertPolicy implements storage.Policy.
func (store) UpsertPolicy(context.Context, storage.Transaction, string, []byte) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr}
}

// DeletePolicy implements storage.Policy.
func (store) DeletePolicy(context.Context, storage.Transaction, string) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr}
}
