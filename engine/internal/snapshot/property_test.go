package snapshot

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// state is what a snapshot must hold: the text of each document and the ID that
// it had when it was put.
type state struct {
	snapshot  *Snapshot
	documents map[string]map[string]string
}

func Test_every_snapshot_holds_what_was_put_however_the_later_ones_change(t *testing.T) {
	for run := range 2 {
		random := rand.New(rand.NewPCG(uint64(run), 7))
		now := state{snapshot: New(64 << 10), documents: map[string]map[string]string{}}
		var kept []state
		for revision := range 30 {
			before := now
			now = step(t, random, now, uint64(revision))
			compareIDs(t, before, now)
			checkState(t, now)
			if random.IntN(4) == 0 {
				kept = append(kept, now)
			}
		}
		for _, s := range kept {
			checkState(t, s)
		}
	}
}

// step makes the next state: some changes, many, or all data anew.
func step(t *testing.T, random *rand.Rand, s state, revision uint64) state {
	t.Helper()
	next := map[string]map[string]string{}
	e := s.snapshot.Edit(revision)
	renew := random.IntN(4) == 0
	if renew {
		e = s.snapshot.Renew(revision)
	} else {
		for name, documents := range s.documents {
			next[name] = maps.Clone(documents)
		}
	}
	apply := func(name, key, text string) {
		c := Change{Collection: name, Key: key}
		if text == "" {
			if next[name] != nil {
				delete(next[name], key)
			}
		} else {
			c.Doc = []byte(text)
			if next[name] == nil {
				next[name] = map[string]string{}
			}
			next[name][key] = text
		}
		put(t, e, c)
	}
	if renew { // most of what was there, as it was
		for name, documents := range s.documents {
			for k, text := range documents {
				if random.IntN(10) < 8 {
					apply(name, k, text)
				}
			}
		}
	}
	shrink := random.IntN(3) == 0
	for range random.IntN([]int{2, 50, 3000}[random.IntN(3)]) {
		name := []string{"accounts", "namespaces", "teams"}[random.IntN(3)]
		text := someDocument(random)
		if shrink && random.IntN(10) < 8 {
			text = ""
		}
		apply(name, someKey(random), text)
	}
	return state{e.Done(), next}
}

func someKey(random *rand.Rand) string { return keyOf(random.IntN(2000)) }

func keyOf(n int) string {
	switch n % 3 {
	case 0:
		return key(n)
	case 1:
		return fmt.Sprintf("namespace-%d", n)
	default:
		return strings.Repeat("é/", n%40) + fmt.Sprint(n)
	}
}

func someDocument(random *rand.Rand) string {
	n := random.IntN(40)
	switch {
	case n < 8:
		return ""
	case n == 8:
		return fmt.Sprintf(`{"large":"%s"}`, strings.Repeat("x", keepApart+random.IntN(3)))
	case n == 9:
		return fmt.Sprintf(`{"middling":"%s"}`, strings.Repeat("y", random.IntN(keepApart-20)))
	}
	return string(account(n))
}

// checkState compares all that a snapshot tells with what it must hold.
func checkState(t *testing.T, s state) {
	t.Helper()
	for _, name := range []string{"accounts", "namespaces", "teams"} {
		documents := s.documents[name]
		if s.snapshot.Has(name) != (len(documents) > 0) || s.snapshot.Len(name) != len(documents) {
			t.Fatalf("collection %s: there is %v with %d documents, want %v with %d",
				name, s.snapshot.Has(name), s.snapshot.Len(name), len(documents) > 0, len(documents))
		}
		for key, text := range documents {
			if d := s.snapshot.Get(name, key); !d.Exists() || d.Value().Compare(valueOf(text)) != 0 {
				t.Fatalf("document %s/%s: got %.200v, want %.200s", name, key, d.Value(), text)
			}
		}
		for i := range 2000 {
			if _, there := documents[keyOf(i)]; s.snapshot.Get(name, keyOf(i)).Exists() != there {
				t.Fatalf("document %s/%s: is there: %v, want %v", name, keyOf(i), !there, there)
			}
		}
		if c := s.snapshot.collections[name]; c != nil {
			checkTree(t, c.root, 0, 0)
		}
		if len(documents) > 100 {
			continue
		}
		all, err := s.snapshot.All(name)
		if err != nil {
			t.Fatal(err)
		}
		if documents != nil && !allOf(all.String(), documents) {
			t.Fatalf("the whole of %s is not what was put", name)
		}
	}
}

func allOf(got string, documents map[string]string) bool {
	var b strings.Builder
	b.WriteByte('{')
	for key, text := range documents {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", key, text)
	}
	b.WriteByte('}')
	return valueOf(b.String()).String() == got
}

// checkTree wants each page at all slots that its depth says, holding only keys
// that belong there, of a size a write can copy, and no bigger tables than needed.
func checkTree(t *testing.T, n *node, level int, path uint64) {
	t.Helper()
	if n == nil {
		return
	}
	deepest := level * levelBits
	for i, s := range n.slots {
		width := 64 - levelBits*level
		here := path
		if len(n.slots) > 1 {
			bits := 0
			for 1<<bits < len(n.slots) {
				bits++
			}
			here |= uint64(i) << (width - bits)
		}
		if s.node != nil {
			deepest = (level + 1) * levelBits
			checkTree(t, s.node, level+1, here)
			continue
		}
		p := s.page
		deepest = max(deepest, int(p.depth))
		if from, to := n.span(level, here, p.depth); i < from || i >= to || n.slots[from].page != p || n.slots[to-1].page != p {
			t.Fatalf("a page of depth %d is not at the slots %d to %d of %d", p.depth, from, to, len(n.slots))
		}
		if p.len() > fullCount || p.len() > 1 && len(p.data) > fullSize+2*keepApart {
			t.Fatalf("a page has %d documents in %d bytes", p.len(), len(p.data))
		}
		for j := range p.len() {
			r := p.record(j)
			if hash := maphash.Bytes(seed, r.key); p.depth > 0 && (hash^here)>>(64-p.depth) != 0 || p.find(hash, r.key) != j {
				t.Fatalf("a page has a document that belongs elsewhere")
			}
		}
	}
	if want := 1 << (deepest - level*levelBits); len(n.slots) != want {
		t.Fatalf("a table has %d slots, want %d", len(n.slots), want)
	}
}

// compareIDs wants the same ID only where the document is the same, and the same
// version only where a whole collection is.
func compareIDs(t *testing.T, before, after state) {
	t.Helper()
	for name, documents := range after.documents {
		equal := maps.Equal(documents, before.documents[name]) && before.documents[name] != nil
		if versions := before.snapshot.Version(name) == after.snapshot.Version(name); versions && !equal {
			t.Fatalf("collection %s changed and its version did not", name)
		}
		for key, text := range documents {
			was, there := before.documents[name][key]
			if ids := before.snapshot.Get(name, key).ID() == after.snapshot.Get(name, key).ID(); ids && (!there || was != text) {
				t.Fatalf("document %s/%s changed and its ID did not", name, key)
			}
		}
	}
}

func Test_what_is_put_again_as_it_is_stays_what_it_is(t *testing.T) {
	const n = 5000
	first := filled(t, 0, n)
	for name, e := range map[string]*Edit{"edit": first.Edit(2), "renewal": first.Renew(2)} {
		for i := range n {
			put(t, e, Change{Collection: "accounts", Key: key(i), Doc: account(i)})
		}
		second := e.Done()
		if second.Version("accounts") != first.Version("accounts") || second.collections["accounts"].root != first.collections["accounts"].root {
			t.Errorf("%s: the collection is another", name)
		}
	}
	e := first.Renew(3)
	for i := range n - 1 {
		put(t, e, Change{Collection: "accounts", Key: key(i), Doc: account(i)})
	}
	third := e.Done()
	if third.Version("accounts") == first.Version("accounts") || third.Len("accounts") != n-1 {
		t.Errorf("a renewal without one: version as before or not %d documents", n-1)
	}
	for i := range n - 1 {
		if third.Get("accounts", key(i)).ID() != first.Get("accounts", key(i)).ID() {
			t.Fatalf("document %d has another ID after a renewal that has it as it was", i)
		}
	}
}

func Test_an_ID_is_not_used_again_for_a_document_that_comes_back(t *testing.T) {
	c := Change{Collection: "accounts", Key: "u", Doc: []byte(`{}`)}
	seen := map[uint64]bool{}
	s := New(0)
	for revision := range uint64(6) {
		e := s.Edit(revision)
		if revision == 3 {
			e = s.Renew(revision) // of nothing
		} else {
			put(t, e, c)
		}
		s = e.Done()
		if id := s.Get("accounts", "u").ID(); id != 0 {
			if seen[id] {
				t.Fatalf("ID %d is back at revision %d", id, revision)
			}
			seen[id] = true
		}
		if e = s.Edit(revision); revision != 3 {
			put(t, e, Change{Collection: "accounts", Key: "u"})
			s = e.Done()
		}
	}
}

func Test_a_collection_that_shrinks_gives_back_its_memory(t *testing.T) {
	const n, left = 20_000, 20
	full := filled(t, 0, n)
	removing, renewing := full.Edit(2), full.Renew(2)
	for i := range n {
		if i%(n/left) == 0 {
			put(t, renewing, Change{Collection: "accounts", Key: key(i), Doc: account(i)})
		} else {
			put(t, removing, Change{Collection: "accounts", Key: key(i)})
		}
	}
	for name, s := range map[string]*Snapshot{"removals": removing.Done(), "a renewal": renewing.Done()} {
		if got := s.Len("accounts"); got != left {
			t.Errorf("%s: %d documents are left, want %d", name, got, left)
		}
		if got := pages(s.collections["accounts"].root); got > left/4 {
			t.Errorf("%s: %d documents stand in %d pages", name, left, got)
		}
	}
}

func pages(n *node) int {
	seen := map[*page]bool{}
	count := 0
	for _, s := range n.slots {
		if s.node != nil {
			count += pages(s.node)
		} else if !seen[s.page] {
			seen[s.page] = true
			count++
		}
	}
	return count
}
