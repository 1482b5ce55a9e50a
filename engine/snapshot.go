package engine

import (
	"fmt"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/tidwall/btree"
)

const (
	// identityRoot is where the directory's documents appear under data.
	identityRoot = "identity"
	// metaCollection holds the data revision and is made by the engine itself.
	metaCollection = "meta"
	// keepParsed is the size in bytes from which on a document is held parsed:
	// parsing a namespace of ten thousand bindings costs more than a decision.
	keepParsed = 4 << 10
	// collectionLimit is how many documents a policy may read at once.
	collectionLimit = 10_000
)

// document is one JSON object of the directory. Small ones are held as text,
// which is a fraction of the memory of OPA's representation.
type document struct {
	text   []byte
	parsed ast.Value // only of documents of keepParsed bytes and more
}

func newDocument(text []byte) *document {
	if len(text) >= keepParsed {
		return &document{parsed: parse(text)}
	}
	return &document{text: append([]byte(nil), text...)}
}

func (d *document) value() ast.Value {
	if d.parsed != nil {
		return d.parsed
	}
	return parse(d.text)
}

type collection = btree.Map[string, *document]

// snapshot is the directory's data at one revision. It is immutable; the next
// one shares all that did not change.
type snapshot struct {
	revision    uint64
	meta        ast.Object
	collections map[string]*collection
}

// edit starts the snapshot that follows s.
func (s *snapshot) edit(revision uint64) *edit {
	return &edit{
		revision:    revision,
		collections: maps.Clone(s.collections),
		own:         map[string]bool{},
	}
}

// edit is a snapshot in the making. Collections are copied on the first write;
// the copy shares its nodes with the original.
type edit struct {
	revision    uint64
	collections map[string]*collection
	own         map[string]bool
}

func (e *edit) put(c Change) error {
	if err := check(c); err != nil {
		return err
	}
	documents := e.collection(c.Collection)
	if c.Doc == nil {
		documents.Delete(c.Key)
	} else {
		documents.Set(c.Key, newDocument(c.Doc))
	}
	return nil
}

func (e *edit) collection(name string) *collection {
	if !e.own[name] {
		if e.collections == nil {
			e.collections = map[string]*collection{}
		}
		if shared, ok := e.collections[name]; ok {
			e.collections[name] = shared.Copy()
		} else {
			e.collections[name] = &collection{}
		}
		e.own[name] = true
	}
	return e.collections[name]
}

func (e *edit) done() *snapshot {
	meta := ast.NewObject([2]*ast.Term{
		ast.InternedTerm("revision"),
		ast.UIntNumberTerm(e.revision),
	})
	return &snapshot{revision: e.revision, meta: meta, collections: e.collections}
}

// all reads a whole collection, which is refused above collectionLimit: hot
// questions look documents up by key, and rare ones must not be able to copy a
// directory of a million into one evaluation.
func (s *snapshot) all(name string) (ast.Value, error) {
	documents, ok := s.collections[name]
	if !ok {
		return nil, errNotFound
	}
	if n := documents.Len(); n > collectionLimit {
		return nil, fmt.Errorf("data.identity.%s has %d documents; without a key at most %d can be read", name, n, collectionLimit)
	}
	pairs := make([][2]*ast.Term, 0, documents.Len())
	documents.Scan(func(key string, d *document) bool {
		pairs = append(pairs, [2]*ast.Term{ast.StringTerm(key), ast.NewTerm(d.value())})
		return true
	})
	return ast.NewObject(pairs...), nil
}
