package snapshot

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// Change is one document as it is after a write; a nil Doc is a removal.
type Change = struct {
	Collection, Key string
	Doc             []byte
}

// maxKey is how long a key may be: what stands in a page must be small.
const maxKey = 4 << 10

// versions numbers the states of collections, so that a number never comes back:
// not after a removal, nor when all data is replaced.
var versions atomic.Uint64

// owners numbers edits. A node or page of an edit may be changed by it in place
// until it is done.
var owners atomic.Uint64

// scratches are buffers of edits that are done.
var scratches = sync.Pool{New: func() any { return new(make([]byte, 0, 1<<10)) }}

// Edit is a snapshot in the making. It is used by one goroutine and not after
// Done.
type Edit struct {
	revision    uint64
	parsed      *cache
	collections map[string]*collection
	owner       uint64
	scratch     *[]byte  // the document that is being put
	renewal     *renewal // nil unless all data is replaced
}

// renewal is what an edit that replaces all data knows of the data before it.
type renewal struct {
	since uint64            // IDs up to it are of the data before
	same  map[uint64]uint64 // by ID / 64, a bit for each document that was put again
	put   map[string]bool   // collections that there are again
}

// Edit starts the snapshot that follows s at a revision. The zero Snapshot is
// one without collections.
func (s *Snapshot) Edit(revision uint64) *Edit {
	e := &Edit{
		revision: revision, parsed: s.parsed, collections: maps.Clone(s.collections),
		owner: owners.Add(1), scratch: scratches.Get().(*[]byte),
	}
	if e.collections == nil {
		e.collections = map[string]*collection{}
	}
	return e
}

// Renew starts a snapshot for data that replaces all of s: what is not put is
// not in it. Documents that are put as s has them stay what they are, with their
// IDs, and take no further memory.
func (s *Snapshot) Renew(revision uint64) *Edit {
	e := s.Edit(revision)
	e.renewal = &renewal{since: lastID.Load(), same: map[uint64]uint64{}, put: map[string]bool{}}
	return e
}

// Put adds, replaces or removes a document; c is not kept. The error says what
// cannot be held; the edit must not be used further then.
func (e *Edit) Put(c Change) error {
	switch {
	case c.Collection == "" || c.Collection == Meta:
		return fmt.Errorf("collection %q may not be written", c.Collection)
	case c.Key == "":
		return fmt.Errorf("a document of %s has no key", c.Collection)
	case len(c.Key) > maxKey:
		return fmt.Errorf("a key of %s has %d bytes; at most %d can be held", c.Collection, len(c.Key), maxKey)
	}
	b := terms.AppendString((*e.scratch)[:0], c.Key)
	n := len(b)
	if c.Doc == nil {
		e.remove(c.Collection, b)
		return nil
	}
	if e.renewal != nil {
		e.renewal.put[c.Collection] = true
	}
	b, err := terms.Append(b, c.Doc)
	*e.scratch = b
	if err != nil || !terms.IsObject(b[n:]) {
		return fmt.Errorf("document %s/%s is not a JSON object", c.Collection, c.Key)
	}
	e.put(c.Collection, record{key: b[:n], value: b[n:]}, len(c.Doc) >= keepApart)
	return nil
}

func (e *Edit) put(name string, r record, large bool) {
	hash := maphash.Bytes(seed, r.key)
	if before := e.collections[name]; before != nil {
		if d := before.root.get(hash, r.key); d.Exists() && bytes.Equal(d.compact, r.value) {
			e.seen(d.id)
			return
		}
	}
	r.id = lastID.Add(1)
	if large {
		r.apart = &apart{id: r.id, compact: bytes.Clone(r.value)}
		r.value = nil
	}
	c := e.collection(name)
	c.root = c.root.own(e.owner)
	if c.root.put(0, hash, r) {
		c.count++
	}
}

func (e *Edit) remove(name string, key []byte) {
	before := e.collections[name]
	if before == nil {
		return
	}
	hash := maphash.Bytes(seed, key)
	if before.root.get(hash, key).Exists() {
		c := e.collection(name)
		c.root = c.root.own(e.owner)
		c.root.remove(0, hash, key)
		c.count--
	}
}

// collection is a collection that is about to change.
func (e *Edit) collection(name string) *collection {
	c := e.collections[name]
	if c == nil || c.owner != e.owner {
		next := &collection{owner: e.owner, version: versions.Add(1)}
		if c != nil {
			next.root, next.count, next.always = c.root, c.count, c.always
		}
		e.collections[name] = next
		return next
	}
	return c
}

// seen marks a document of the data before as being in the data after.
func (e *Edit) seen(id uint64) {
	if e.renewal != nil && id <= e.renewal.since {
		e.renewal.same[id/64] |= 1 << (id % 64)
	}
}

// forget removes what was not put again.
func (e *Edit) forget() {
	for name, c := range e.collections {
		if !e.renewal.put[name] && c.count > 0 {
			c = e.collection(name)
			c.root, c.count = nil, 0
		}
		var gone [][]byte
		c.root.each(func(key []byte, d Document) {
			if d.id <= e.renewal.since && e.renewal.same[d.id/64]>>(d.id%64)&1 == 0 {
				gone = append(gone, key)
			}
		})
		for _, key := range gone {
			e.remove(name, key)
		}
	}
}

// Done is the finished snapshot. It has no collection that only was there before:
// otherwise the same data would be another after it was loaded anew.
func (e *Edit) Done() *Snapshot {
	if e.renewal != nil {
		e.forget()
	}
	maps.DeleteFunc(e.collections, func(_ string, c *collection) bool { return c.count == 0 && !c.always })
	for _, c := range e.collections {
		if c.owner == e.owner && c.root != nil {
			c.root.trim()
		}
	}
	if cap(*e.scratch) < 1<<16 {
		scratches.Put(e.scratch)
	}
	return &Snapshot{revision: e.revision, collections: e.collections, parsed: e.parsed}
}
