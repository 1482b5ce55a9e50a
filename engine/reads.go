package engine

import (
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// transaction pins what one decision is made from and records what is read of the
// directory, each thing once: rules ask for several members of the same document.
// Every way of evaluating reads through it. It belongs to one decision and is not
// safe for concurrent use.
type transaction struct {
	state
	reads []read
	// index finds reads where they are too many to look through.
	index map[source]int
	work
}

// fewReads is up to where looking through all reads costs less than a map of them.
const fewReads = 16

// source is something about the directory that can be read.
type source struct {
	kind            sourceKind
	collection, key string
}

type sourceKind uint8

const (
	aDocument   sourceKind = iota // of the key, or that there is none
	aCollection                   // all documents of it
	theRevision                   // the number of the directory's revision
)

// version numbers what a source gives. The same version of a source is the same
// content, in whichever snapshot; 0 is nothing.
func (s *source) version(data *snapshot.Snapshot) uint64 {
	switch s.kind {
	case aDocument:
		return data.Get(s.collection, s.key).ID()
	case aCollection:
		return data.Version(s.collection)
	default:
		return data.Revision()
	}
}

// read is what was found at a source.
type read struct {
	source
	found uint64    // its version
	value ast.Value // nil where there is none
	err   error
}

// document reads one document, nil where there is none.
func (t *transaction) document(collection, key string) ast.Value {
	value := t.open(collection, key)
	if lazy, ok := value.(*terms.Lazy); ok {
		return lazy.Force()
	}
	return value
}

// open is document for who can do with a *terms.Lazy, which it is where nobody has
// made the whole of it yet.
func (t *transaction) open(collection, key string) ast.Value {
	if t.data == nil {
		return nil
	}
	if collection == snapshot.Meta {
		if member := t.meta().Get(ast.InternedTerm(key)); member != nil {
			return member.Value
		}
		return nil
	}
	from := source{aDocument, collection, key}
	if r := t.earlier(from); r != nil {
		return r.value
	}
	document := t.data.Get(collection, key)
	value := document.Open()
	t.record(read{source: from, found: document.ID(), value: value})
	return value
}

// collection reads all documents of a collection, nil where there is none.
func (t *transaction) collection(name string) (ast.Value, error) {
	if t.data == nil {
		return nil, nil
	}
	if name == snapshot.Meta {
		return t.meta(), nil
	}
	from := source{kind: aCollection, collection: name}
	if r := t.earlier(from); r != nil {
		return r.value, r.err
	}
	value, err := t.data.All(name)
	t.record(read{source: from, found: from.version(t.data), value: value, err: err})
	return value, err
}

// meta reads the document about the data itself.
func (t *transaction) meta() ast.Object {
	if from := (source{kind: theRevision}); t.earlier(from) == nil {
		t.record(read{source: from, found: from.version(t.data)})
	}
	return t.data.Meta()
}

func (t *transaction) earlier(from source) *read {
	if t.index != nil {
		if i, ok := t.index[from]; ok {
			return &t.reads[i]
		}
		return nil
	}
	for i := range t.reads {
		if t.reads[i].source == from {
			return &t.reads[i]
		}
	}
	return nil
}

func (t *transaction) record(r read) {
	t.reads = append(t.reads, r)
	switch n := len(t.reads); {
	case t.index != nil:
		t.index[r.source] = n - 1
	case n > fewReads:
		t.index = make(map[source]int, 4*fewReads)
		for i := range t.reads {
			t.index[t.reads[i].source] = i
		}
	}
}

// work is what a decision needs room for besides its reads.
type work struct {
	cancel   canceller
	decision Decision
	key      []byte
	// spoiled says that an evaluation may not have let go of it.
	spoiled bool
}

var transactions = sync.Pool{New: func() any { return new(transaction) }}

func begin(s *state) *transaction {
	t := transactions.Get().(*transaction)
	t.state = *s
	return t
}

// end gives t back for another decision.
func (t *transaction) end() {
	if t.spoiled {
		return
	}
	if cap(t.reads) > maxReads {
		t.reads = nil
	}
	clear(t.reads)
	t.state, t.reads, t.index = state{}, t.reads[:0], nil
	t.decision, t.cancel.ctx = Decision{}, nil
	transactions.Put(t)
}
