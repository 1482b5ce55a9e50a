package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

func Test_the_store_reads_documents_and_tables_by_path(t *testing.T) {
	large := map[string]any{"bindings": map[string]any{}}
	for i := range 500 {
		large["bindings"].(map[string]any)[fmt.Sprintf("account:%d", i)] = map[string]any{"role": "view"}
	}
	largeText, err := json.Marshal(large)
	if err != nil {
		t.Fatal(err)
	}
	txn := transactionOn(t, `{"gatehouse": {"routes": {"a": [{"path": "/a"}]}}}`, []Change{
		{Collection: "accounts", Key: "u1", Doc: []byte(`{"handle":"ada","roles":{"admin":true}}`)},
		{Collection: "accounts", Key: "a/b.c", Doc: []byte(`{"handle":"odd"}`)},
		{Collection: "namespaces", Key: "lab", Doc: largeText},
	})
	const absent = "absent"
	tests := map[string]string{
		"identity/accounts/u1":                        `{"handle": "ada", "roles": {"admin": true}}`,
		"identity/accounts/u1/roles/admin":            `true`,
		"identity/accounts/u1/roles/owner":            absent,
		"identity/accounts/u1/handle/x":               absent,
		"identity/accounts/ghost":                     absent,
		"identity/accounts/ghost/handle":              absent,
		"identity/accounts/a":                         absent,
		"identity/accounts":                           `{"a/b.c": {"handle": "odd"}, "u1": {"handle": "ada", "roles": {"admin": true}}}`,
		"identity/ghosts":                             absent,
		"identity/ghosts/x":                           absent,
		"identity/meta/revision":                      `5`,
		"identity/meta":                               `{"revision": 5}`,
		"identity/meta/other":                         absent,
		"identity/namespaces/lab/bindings/account:7":  `{"role": "view"}`,
		"identity/namespaces/lab/bindings/account:07": absent,
		"gatehouse/routes/a/0/path":                   `"/a"`,
		"gatehouse/routes/a/1":                        absent,
		"gatehouse/routes/a/-1":                       absent,
		"gatehouse/routes/a/x":                        absent,
		"gatehouse/routes/b":                          absent,
		"system":                                      absent,
		"gatehouse/routes":                            `{"a": [{"path": "/a"}]}`,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			got, err := store{}.Read(t.Context(), txn, strings.Split(path, "/"))
			switch {
			case want == absent && !storage.IsNotFound(err):
				t.Errorf("read: got %v and %v, want not found", got, err)
			case want != absent && err != nil:
				t.Errorf("read: got error %v, want %s", err, want)
			case want != absent && got.(ast.Value).String() != want:
				t.Errorf("read: got %v, want %s", got, want)
			}
		})
	}
	odd, err := store{}.Read(t.Context(), txn, storage.Path{"identity", "accounts", "a/b.c", "handle"})
	if err != nil || odd.(ast.Value).String() != `"odd"` {
		t.Errorf("read of a key with separators: got %v and %v", odd, err)
	}
}

func Test_the_store_gives_neither_all_of_identity_nor_all_of_data(t *testing.T) {
	txn := transactionOn(t, `{}`, nil)
	for _, path := range []storage.Path{{}, {"identity"}} {
		if got, err := (store{}).Read(t.Context(), txn, path); err == nil || storage.IsNotFound(err) {
			t.Errorf("read of %v: got %v and %v, want an error that ends the evaluation", path, got, err)
		}
	}
}

func Test_the_store_takes_no_writes_and_holds_no_policies(t *testing.T) {
	ctx := t.Context()
	txn, err := store{}.NewTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := (store{}).ListPolicies(ctx, txn); err != nil || len(ids) != 0 {
		t.Errorf("policies: got %v and %v, want none", ids, err)
	}
	if _, err := (store{}).GetPolicy(ctx, txn, "x"); !storage.IsNotFound(err) {
		t.Errorf("get policy: got %v, want not found", err)
	}
	writes := map[string]error{
		"write":    store{}.Write(ctx, txn, storage.AddOp, storage.Path{"x"}, 1),
		"truncate": store{}.Truncate(ctx, txn, storage.WriteParams, nil),
		"upsert":   store{}.UpsertPolicy(ctx, txn, "x", nil),
		"delete":   store{}.DeletePolicy(ctx, txn, "x"),
	}
	for name, err := range writes {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := (store{}).Read(ctx, foreign{}, storage.Path{"x"}); err == nil {
		t.Error("read in another store's transaction: got no error")
	}
}

type foreign struct{}

func (foreign) ID() uint64 { return 1 }

// transactionOn pins data as a policy's and changes as the directory at
// revision 5.
func transactionOn(t *testing.T, data string, changes []Change) *transaction {
	t.Helper()
	next := (&snapshot.Snapshot{}).Edit(5)
	for _, c := range changes {
		if err := next.Put(c); err != nil {
			t.Fatal(err)
		}
	}
	return &transaction{state: state{
		policy: &policy{data: ast.MustParseTerm(data).Value.(ast.Object)},
		data:   next.Done(),
	}}
}
