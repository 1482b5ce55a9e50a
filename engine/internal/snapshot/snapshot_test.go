package snapshot

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
	"github.com/open-policy-agent/opa/v1/util"
)

func Test_a_snapshot_does_not_change_when_the_next_one_is_made(t *testing.T) {
	first := (&Snapshot{}).Edit(1)
	for i := range 200 {
		put(t, first, Change{Collection: "accounts", Key: fmt.Sprintf("u%03d", i), Doc: []byte(`{"n":1}`)})
	}
	one := first.Done()
	second := one.Edit(2)
	for i := range 200 {
		c := Change{Collection: "accounts", Key: fmt.Sprintf("u%03d", i)}
		if i%2 == 0 {
			c.Doc = []byte(`{"n":2}`)
		}
		put(t, second, c)
	}
	put(t, second, Change{Collection: "teams", Key: "t", Doc: []byte(`{}`)})
	two := second.Done()
	for i := range 200 {
		key := fmt.Sprintf("u%03d", i)
		if got := one.Get("accounts", key).Value().String(); got != `{"n": 1}` {
			t.Errorf("document %s of the first: got %s", key, got)
		}
		if got := two.Get("accounts", key).Exists(); got != (i%2 == 0) {
			t.Errorf("document %s of the second is there: got %v", key, got)
		}
	}
	if one.Has("teams") {
		t.Error("a collection of the second shows in the first")
	}
	if one.Version("accounts") == two.Version("accounts") {
		t.Error("a collection that was written to has the version it had")
	}
	if three := two.Edit(3).Done(); three.Version("accounts") != two.Version("accounts") {
		t.Error("a collection that nobody wrote to has another version")
	}
}

func put(t testing.TB, e *Edit, c Change) {
	t.Helper()
	if err := e.Put(c); err != nil {
		t.Fatal(err)
	}
}

func Test_a_large_document_is_parsed_once_and_can_be_written_like_any_other(t *testing.T) {
	text := []byte(`{"a":"` + strings.Repeat("x", keepApart) + `","b":{"c":1}}`)
	e := New(0).Edit(1)
	put(t, e, Change{Collection: "namespaces", Key: "big", Doc: text})
	for i := range 100 {
		put(t, e, Change{Collection: "namespaces", Key: key(i), Doc: account(i)})
	}
	one := e.Done()
	if one.Get("namespaces", "big").Value() != one.Get("namespaces", "big").Value() {
		t.Error("the document was parsed twice")
	}
	if got := one.Get("namespaces", "big").Value(); got.Compare(valueOf(string(text))) != 0 {
		t.Errorf("got %.100v", got)
	}
	e = one.Edit(2)
	put(t, e, Change{Collection: "namespaces", Key: "big", Doc: []byte(`{"small":true}`)})
	two := e.Done()
	e = two.Edit(3)
	put(t, e, Change{Collection: "namespaces", Key: "big"})
	three := e.Done()
	if got := two.Get("namespaces", "big").Value().String(); got != `{"small": true}` {
		t.Errorf("after it became small: got %s", got)
	}
	if three.Get("namespaces", "big").Exists() || !one.Get("namespaces", "big").Exists() {
		t.Error("a removal is not where it should be")
	}
}

func Test_a_large_document_is_read_by_member_until_it_was_made_as_a_whole(t *testing.T) {
	text := fmt.Appendf(nil, `{"a":%q,"b":{"c":1}}`, strings.Repeat("x", keepApart))
	e := New(1 << 20).Edit(1)
	put(t, e, Change{Collection: "namespaces", Key: "big", Doc: text})
	big := e.Done().Get("namespaces", "big")
	lazy, ok := big.Open().(*terms.Lazy)
	if !ok {
		t.Fatalf("opened: got %T", big.Open())
	}
	b, ok := lazy.Get(ast.StringTerm("b")).Value.(*terms.Lazy)
	if !ok || b.Get(ast.StringTerm("c")).String() != "1" {
		t.Error("a member of a member: got something else than 1")
	}
	if lazy.Force() != big.Value() || big.Open() != big.Value() {
		t.Error("the whole was made more than once")
	}
}

func Test_what_a_snapshot_cannot_hold_is_refused(t *testing.T) {
	for name, c := range map[string]Change{
		"no collection":     {Key: "k", Doc: []byte(`{}`)},
		"the revision":      {Collection: Meta, Key: "k", Doc: []byte(`{}`)},
		"no key":            {Collection: "accounts", Doc: []byte(`{}`)},
		"a key without end": {Collection: "accounts", Key: strings.Repeat("k", maxKey+1), Doc: []byte(`{}`)},
		"no JSON":           {Collection: "accounts", Key: "k", Doc: []byte(`{"a":}`)},
		"no object":         {Collection: "accounts", Key: "k", Doc: []byte(`"a"`)},
		"nothing":           {Collection: "accounts", Key: "k", Doc: []byte{}},
		"two objects":       {Collection: "accounts", Key: "k", Doc: []byte(`{} {}`)},
	} {
		if err := New(0).Edit(1).Put(c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func Test_readers_are_not_disturbed_by_a_writer(t *testing.T) {
	const n = 500
	var current atomic.Pointer[Snapshot]
	current.Store(filled(t, 1<<20, n))
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				d := current.Load().Get("accounts", key(i%n))
				if v, ok := d.Value().(ast.Object); !ok || v.Len() != 9 || d.Open() == nil {
					t.Errorf("read %v", v)
					return
				}
			}
		})
	}
	for i := range 3000 {
		e := current.Load().Edit(uint64(i))
		put(t, e, Change{Collection: "accounts", Key: key(i % n), Doc: account(n + i)})
		current.Store(e.Done())
	}
	close(done)
	readers.Wait()
}

// valueOf is what OPA makes of a JSON text.
func valueOf(text string) ast.Value {
	return ast.MustInterfaceToValue(util.MustUnmarshalJSON([]byte(text)))
}

func Test_the_named_collections_are_there_without_documents_and_others_are_not(t *testing.T) {
	s := New(0, "teams")
	wantCollections := func(when string, teams, accounts bool) {
		t.Helper()
		if s.Has("teams") != teams || s.Has("accounts") != accounts {
			t.Errorf("%s: teams is there %v, accounts %v, want %v, %v", when, s.Has("teams"), s.Has("accounts"), teams, accounts)
		}
	}
	wantCollections("at first", true, false)
	e := s.Edit(1)
	put(t, e, Change{Collection: "teams", Key: "t", Doc: []byte(`{}`)})
	put(t, e, Change{Collection: "accounts", Key: "a", Doc: []byte(`{}`)})
	s = e.Done()
	full := s
	wantCollections("with documents", true, true)
	e = s.Edit(2)
	put(t, e, Change{Collection: "teams", Key: "t"})
	put(t, e, Change{Collection: "accounts", Key: "a"})
	s = e.Done()
	wantCollections("after the last was removed", true, false)
	s = full.Renew(3).Done()
	wantCollections("after all was replaced by nothing", true, false)
	if s.Len("teams") != 0 || s.Version("teams") == full.Version("teams") {
		t.Error("what was replaced by nothing is as it was")
	}
}
