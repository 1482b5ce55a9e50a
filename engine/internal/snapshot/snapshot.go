// Package snapshot holds the directory's documents as policies read them: an
// immutable collection of collections, of which the next one shares all that a
// write did not change.
//
// It owns how documents are kept in memory and when they are parsed. It knows
// neither evaluation nor policies: engine, above it, pins one Snapshot for a
// decision and records what was read from it. The form of a single document is
// that of package terms.
//
// A collection is a tree over the hash of keys whose leaves are pages: some
// twenty documents packed into one piece of memory without pointers. The
// garbage collector therefore sees one object where there would be twenty, and
// a write copies one page and the few nodes above it. Documents of keepApart
// bytes and more stand beside the pages.
package snapshot

import (
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

const (
	// Meta is the collection that holds the data revision; it is made here and
	// cannot be written.
	Meta = "meta"
	// Limit is how many documents a policy may read at once.
	Limit = 10_000
)

// seed is that of the hashes of keys: nobody who chooses keys can make them meet.
var seed = maphash.MakeSeed()

// collection is immutable once its snapshot is done.
type collection struct {
	owner   uint64 // the edit that it is from
	root    *node
	count   int
	version uint64
	always  bool // is there without documents too
}

// Snapshot is the directory's data at one revision. It is immutable.
type Snapshot struct {
	revision    uint64
	metaOnce    sync.Once
	meta        ast.Object
	collections map[string]*collection
	parsed      *cache
}

// New is a snapshot without collections. It and those that are made from it keep
// values of the documents that are read often, in parsedBytes of memory; with 0
// they keep none, as does the zero Snapshot. The collections named are there even
// without documents; others only with some.
func New(parsedBytes int64, always ...string) *Snapshot {
	s := &Snapshot{parsed: newCache(parsedBytes), collections: make(map[string]*collection, len(always))}
	for _, name := range always {
		s.collections[name] = &collection{version: versions.Add(1), always: true}
	}
	return s
}

// Revision is the directory's revision that the data is of.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Meta is the document data.identity.meta.
func (s *Snapshot) Meta() ast.Object {
	s.metaOnce.Do(func() {
		s.meta = ast.NewObject([2]*ast.Term{ast.InternedTerm("revision"), ast.UIntNumberTerm(s.revision)})
	})
	return s.meta
}

// Version changes with every change of the collection; 0 is a collection that is
// not there.
func (s *Snapshot) Version(name string) uint64 {
	if c := s.collections[name]; c != nil {
		return c.version
	}
	return 0
}

// Get is the document of the key; its ID is 0 where there is none.
func (s *Snapshot) Get(name, key string) Document {
	c := s.collections[name]
	if c == nil {
		return Document{}
	}
	var buf [64]byte
	k := terms.AppendString(buf[:0], key)
	d := c.root.get(maphash.Bytes(seed, k), k)
	d.parsed = s.parsed
	return d
}

// All reads a whole collection, nil where there is none. It is refused above
// Limit: hot questions look documents up by key, and rare ones must not be able
// to copy a directory of a million into one evaluation.
func (s *Snapshot) All(name string) (ast.Value, error) {
	c := s.collections[name]
	if c == nil {
		return nil, nil
	}
	if c.count > Limit {
		return nil, fmt.Errorf("data.identity.%s has %d documents; without a key at most %d can be read", name, c.count, Limit)
	}
	pairs := make([][2]*ast.Term, 0, c.count)
	c.root.each(func(key []byte, d Document) {
		d.parsed = s.parsed
		pairs = append(pairs, [2]*ast.Term{ast.NewTerm(terms.Decode(key)), ast.NewTerm(d.Value())})
	})
	return ast.NewObject(pairs...), nil
}
