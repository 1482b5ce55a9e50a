package snapshot

import (
	"fmt"
	"testing"
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
		if got := two.Get("accounts", key) != nil; got != (i%2 == 0) {
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

func put(t *testing.T, e *Edit, c Change) {
	t.Helper()
	if err := e.Put(c); err != nil {
		t.Fatal(err)
	}
}
