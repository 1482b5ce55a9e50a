// Package snapshot holds the directory's documents as policies read them: an
// immutable collection of collections, of which the next one shares all that a
// write did not change.
//
// It owns how documents are kept in memory and when they are parsed. It knows
// neither evaluation nor policies: engine, above it, pins one Snapshot for a
// decision and records what was read from it.
package snapshot

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/tidwall/btree"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

const (
	// Meta is the collection that holds the data revision; it is made here and
	// cannot be written.
	Meta = "meta"
	// Limit is how many documents a policy may read at once.
	Limit = 10_000
	// keepParsed is the size in bytes from which on a document is held parsed:
	// parsing a namespace of ten thousand bindings costs more than a decision.
	keepParsed = 4 << 10
)

// Change is one document as it is after a write; a nil Doc is a removal.
type Change = struct {
	Collection, Key string
	Doc             []byte
}

// Document is one JSON object of the directory. It never changes: the same
// pointer is the same content. Small ones are held as text, which is a fraction
// of the memory of OPA's representation.
type Document struct {
	text   []byte
	parsed ast.Value // only of documents of keepParsed bytes and more
}

func newDocument(text []byte) *Document {
	if len(text) >= keepParsed {
		return &Document{parsed: terms.Parse(text)}
	}
	return &Document{text: append([]byte(nil), text...)}
}

// Value is the document as policies see it; it must not be changed.
func (d *Document) Value() ast.Value {
	if d.parsed != nil {
		return d.parsed
	}
	return terms.Parse(d.text)
}

// versions numbers the states of collections, so that a number never comes back:
// not after a removal, nor when all data is replaced.
var versions atomic.Uint64

type collection struct {
	documents btree.Map[string, *Document]
	version   uint64
}

// Snapshot is the directory's data at one revision. It is immutable.
type Snapshot struct {
	revision    uint64
	meta        ast.Object
	collections map[string]*collection
}

// Revision is the directory's revision that the data is of.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Meta is the document data.identity.meta.
func (s *Snapshot) Meta() ast.Object { return s.meta }

// Has says whether there is a collection of the name.
func (s *Snapshot) Has(name string) bool { return s.collections[name] != nil }

// Version changes with every change of the collection; 0 is a collection that is
// not there.
func (s *Snapshot) Version(name string) uint64 {
	if c := s.collections[name]; c != nil {
		return c.version
	}
	return 0
}

// Get is the document of the key, nil where there is none.
func (s *Snapshot) Get(name, key string) *Document {
	c := s.collections[name]
	if c == nil {
		return nil
	}
	d, _ := c.documents.Get(key)
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
	if n := c.documents.Len(); n > Limit {
		return nil, fmt.Errorf("data.identity.%s has %d documents; without a key at most %d can be read", name, n, Limit)
	}
	pairs := make([][2]*ast.Term, 0, c.documents.Len())
	c.documents.Scan(func(key string, d *Document) bool {
		pairs = append(pairs, [2]*ast.Term{ast.StringTerm(key), ast.NewTerm(d.Value())})
		return true
	})
	return ast.NewObject(pairs...), nil
}

// Edit is a snapshot in the making. Collections are copied on the first write;
// the copy shares its nodes with the original.
type Edit struct {
	revision    uint64
	collections map[string]*collection
	own         map[string]bool
}

// Edit starts the snapshot that follows s at a revision. The zero Snapshot is
// one without collections.
func (s *Snapshot) Edit(revision uint64) *Edit {
	return &Edit{revision: revision, collections: maps.Clone(s.collections), own: map[string]bool{}}
}

// Renew starts a snapshot without collections, for data that replaces all of s.
// What s holds already is shared where it is the same.
func (s *Snapshot) Renew(revision uint64) *Edit {
	return &Edit{revision: revision, own: map[string]bool{}}
}

// Put adds, replaces or removes a document. The error says what cannot be held;
// the edit must not be used further then.
func (e *Edit) Put(c Change) error {
	if err := check(c); err != nil {
		return err
	}
	documents := &e.collection(c.Collection).documents
	if c.Doc == nil {
		documents.Delete(c.Key)
	} else {
		documents.Set(c.Key, newDocument(c.Doc))
	}
	return nil
}

func (e *Edit) collection(name string) *collection {
	if !e.own[name] {
		if e.collections == nil {
			e.collections = map[string]*collection{}
		}
		next := &collection{version: versions.Add(1)}
		if shared, ok := e.collections[name]; ok {
			next.documents = *shared.documents.Copy()
		}
		e.collections[name] = next
		e.own[name] = true
	}
	return e.collections[name]
}

// Done is the finished snapshot.
func (e *Edit) Done() *Snapshot {
	meta := ast.NewObject([2]*ast.Term{
		ast.InternedTerm("revision"),
		ast.UIntNumberTerm(e.revision),
	})
	return &Snapshot{revision: e.revision, meta: meta, collections: e.collections}
}

// check refuses what a snapshot cannot hold. Documents are objects: a policy
// reads members of them.
func check(c Change) error {
	switch {
	case c.Collection == "" || c.Collection == Meta:
		return fmt.Errorf("collection %q may not be written", c.Collection)
	case c.Key == "":
		return fmt.Errorf("a document of %s has no key", c.Collection)
	case c.Doc != nil && (len(c.Doc) == 0 || c.Doc[0] != '{' || !json.Valid(c.Doc)):
		return fmt.Errorf("document %s/%s is not a JSON object", c.Collection, c.Key)
	}
	return nil
}
