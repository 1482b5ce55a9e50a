package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
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

func Test_a_snapshot_does_not_change_when_the_next_one_is_made(t *testing.T) {
	first := (&snapshot{}).edit(1)
	for i := range 200 {
		put(t, first, Change{Collection: "accounts", Key: fmt.Sprintf("u%03d", i), Doc: []byte(`{"n":1}`)})
	}
	one := first.done()
	second := one.edit(2)
	for i := range 200 {
		c := Change{Collection: "accounts", Key: fmt.Sprintf("u%03d", i)}
		if i%2 == 0 {
			c.Doc = []byte(`{"n":2}`)
		}
		put(t, second, c)
	}
	put(t, second, Change{Collection: "teams", Key: "t", Doc: []byte(`{}`)})
	two := second.done()
	if got, want := one.collections["accounts"].Len(), 200; got != want {
		t.Errorf("documents of the first: got %d, want %d", got, want)
	}
	if got, want := two.collections["accounts"].Len(), 100; got != want {
		t.Errorf("documents of the second: got %d, want %d", got, want)
	}
	if _, leaked := one.collections["teams"]; leaked {
		t.Error("a collection of the second shows in the first")
	}
	one.collections["accounts"].Scan(func(key string, d *document) bool {
		if string(d.text) != `{"n":1}` {
			t.Errorf("document %s of the first: got %s", key, d.text)
		}
		return true
	})
	if got := one.edit(2).done().collections["accounts"]; got != one.collections["accounts"] {
		t.Error("a collection that nobody wrote to was copied")
	}
}

func put(t *testing.T, e *edit, c Change) {
	t.Helper()
	if err := e.put(c); err != nil {
		t.Fatal(err)
	}
}

// transactionOn pins data as a policy's and changes as the directory at
// revision 5.
func transactionOn(t *testing.T, data string, changes []Change) *transaction {
	t.Helper()
	next := (&snapshot{}).edit(5)
	for _, c := range changes {
		put(t, next, c)
	}
	return &transaction{state: state{
		policy: &policy{data: parse([]byte(data)).(ast.Object)},
		data:   next.done(),
	}}
}
