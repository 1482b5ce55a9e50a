package compare

import (
	"iter"
	"strings"

	"github.com/benbjohnson/immutable"
	radix "github.com/hashicorp/go-immutable-radix/v2"
	"github.com/tidwall/btree"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// candidate is one way to hold documents. replace takes all of them in an empty
// or a full one; write changes one in a copy that shares the rest.
type candidate struct {
	replace func(iter.Seq[snapshot.Change])
	write   func(snapshot.Change)
	get     func(collection, key string) bool
}

var candidates = []struct {
	name string
	new  func() candidate
}{
	{"btree.Map, JSON text", func() candidate { return ofBTree(text) }},
	{"btree.Map, compact", func() candidate { return ofBTree(compact) }},
	{"btree.BTreeG, key and compact in one allocation", ofRecords},
	{"immutable.Map (HAMT), compact", ofHAMT},
	{"immutable radix tree, compact", ofRadix},
	{"pages, compact (snapshot)", ofSnapshot},
}

func text(doc []byte) string { return string(doc) }

func compact(doc []byte) string {
	b, err := terms.Append(make([]byte, 0, 512), doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func ofBTree(form func([]byte) string) candidate {
	type document struct{ text string }
	current := map[string]*btree.Map[string, *document]{}
	return candidate{
		replace: func(all iter.Seq[snapshot.Change]) {
			next := map[string]*btree.Map[string, *document]{}
			for c := range all {
				if next[c.Collection] == nil {
					next[c.Collection] = &btree.Map[string, *document]{}
				}
				next[c.Collection].Set(strings.Clone(c.Key), &document{form(c.Doc)})
			}
			current = next
		},
		write: func(c snapshot.Change) {
			next := current[c.Collection].Copy()
			next.Set(strings.Clone(c.Key), &document{form(c.Doc)})
			current[c.Collection] = next
		},
		get: func(collection, key string) bool {
			_, ok := current[collection].Get(key)
			return ok
		},
	}
}

// ofRecords keeps one string for a document: a byte of the key's length, key,
// compact value.
func ofRecords() candidate {
	type tree = btree.BTreeG[*string]
	key := func(r *string) string { return (*r)[1 : 1+(*r)[0]] }
	make1 := func(k string, v string) *string {
		r := string([]byte{byte(len(k))}) + k + v
		return &r
	}
	empty := func() *tree {
		return btree.NewBTreeGOptions(func(a, b *string) bool { return key(a) < key(b) }, btree.Options{NoLocks: true})
	}
	current := map[string]*tree{}
	return candidate{
		replace: func(all iter.Seq[snapshot.Change]) {
			next := map[string]*tree{}
			for c := range all {
				if next[c.Collection] == nil {
					next[c.Collection] = empty()
				}
				next[c.Collection].Set(make1(c.Key, compact(c.Doc)))
			}
			current = next
		},
		write: func(c snapshot.Change) {
			next := current[c.Collection].Copy()
			next.Set(make1(c.Key, compact(c.Doc)))
			current[c.Collection] = next
		},
		get: func(collection, k string) bool {
			_, ok := current[collection].Get(make1(k, ""))
			return ok
		},
	}
}

func ofHAMT() candidate {
	current := map[string]*immutable.Map[string, string]{}
	return candidate{
		replace: func(all iter.Seq[snapshot.Change]) {
			next := map[string]*immutable.MapBuilder[string, string]{}
			for c := range all {
				if next[c.Collection] == nil {
					next[c.Collection] = immutable.NewMapBuilder[string, string](nil)
				}
				next[c.Collection].Set(strings.Clone(c.Key), compact(c.Doc))
			}
			current = map[string]*immutable.Map[string, string]{}
			for name, b := range next {
				current[name] = b.Map()
			}
		},
		write: func(c snapshot.Change) {
			current[c.Collection] = current[c.Collection].Set(strings.Clone(c.Key), compact(c.Doc))
		},
		get: func(collection, key string) bool {
			_, ok := current[collection].Get(key)
			return ok
		},
	}
}

func ofRadix() candidate {
	current := map[string]*radix.Tree[string]{}
	return candidate{
		replace: func(all iter.Seq[snapshot.Change]) {
			next := map[string]*radix.Txn[string]{}
			for c := range all {
				if next[c.Collection] == nil {
					next[c.Collection] = radix.New[string]().Txn()
				}
				next[c.Collection].Insert([]byte(c.Key), compact(c.Doc))
			}
			current = map[string]*radix.Tree[string]{}
			for name, txn := range next {
				current[name] = txn.Commit()
			}
		},
		write: func(c snapshot.Change) {
			current[c.Collection], _, _ = current[c.Collection].Insert([]byte(c.Key), compact(c.Doc))
		},
		get: func(collection, key string) bool {
			_, ok := current[collection].Get([]byte(key))
			return ok
		},
	}
}

func ofSnapshot() candidate {
	current := snapshot.New(0)
	put := func(e *snapshot.Edit, c snapshot.Change) {
		if err := e.Put(c); err != nil {
			panic(err)
		}
	}
	return candidate{
		replace: func(all iter.Seq[snapshot.Change]) {
			e := current.Renew(current.Revision() + 1)
			for c := range all {
				put(e, c)
			}
			current = e.Done()
		},
		write: func(c snapshot.Change) {
			e := current.Edit(current.Revision() + 1)
			put(e, c)
			current = e.Done()
		},
		get: func(collection, key string) bool { return current.Get(collection, key).Exists() },
	}
}
