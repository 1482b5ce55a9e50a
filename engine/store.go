package engine

import (
	"context"
	"errors"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
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
	var found ast.Value
	switch len(path) {
	case 0:
		return nil, errWholeIdentity
	case 1:
		all, err := t.collection(path[0])
		if err != nil {
			return nil, err
		}
		found = all
	default:
		found = t.document(path[0], path[1])
	}
	if found == nil {
		return nil, errNotFound
	}
	return find(found, path[min(2, len(path)):])
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
