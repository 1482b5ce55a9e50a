package snapshot

import (
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

// keepApart is the size in bytes from which on a document does not stand in a
// page, and keeps its parsed value once that was asked for: parsing a namespace
// of ten thousand bindings costs more than a decision.
const keepApart = 4 << 10

// lastID numbers the contents that documents had, so that a number never comes
// back: not after a removal, nor when all data is replaced.
var lastID atomic.Uint64

// Document is one JSON object of the directory as a snapshot has it. It refers
// to the memory of its snapshot; whoever wants to know later whether a document
// is still the same keeps its ID.
type Document struct {
	id      uint64
	compact []byte
	apart   *apart
	parsed  *cache
}

// apart is a document outside of the pages.
type apart struct {
	id      uint64
	compact []byte
	making  sync.Mutex
	value   atomic.Pointer[ast.Value] // once it was asked for
}

func (a *apart) whole() ast.Value {
	if made := a.value.Load(); made != nil {
		return *made
	}
	a.making.Lock()
	defer a.making.Unlock()
	made := a.value.Load()
	if made == nil {
		value := terms.Decode(a.compact)
		made = &value
		a.value.Store(made)
	}
	return *made
}

// ID tells documents apart: in all snapshots the same ID is the same content of
// the same document. 0 is that of a document that is not there.
func (d Document) ID() uint64 { return d.id }

// Exists says whether there is the document.
func (d Document) Exists() bool { return d.id != 0 }

// Value is the document as policies see it, nil where there is none; it must not
// be changed.
func (d Document) Value() ast.Value {
	switch {
	case d.id == 0:
		return nil
	case d.apart != nil:
		return d.apart.whole()
	}
	if v := d.parsed.get(d.id); v != nil {
		return v
	}
	v := terms.Decode(d.compact)
	if d.parsed.again(d.id) {
		d.parsed.put(d.id, v, len(d.compact))
	}
	return v
}

// Open is Value for one evaluation that asks for members. A document that nobody
// asked for lately, and a large one that was not made as a whole yet, is a
// *terms.Lazy: of a million documents most decisions read two that are not kept,
// and of those a few members; and a namespace of ten thousand bindings is not parsed
// for one of them after every write to it.
func (d Document) Open() ast.Value {
	switch {
	case d.id == 0:
		return nil
	case d.apart != nil && d.apart.value.Load() == nil:
		return terms.OpenAs(d.compact, d.apart.whole)
	case d.apart != nil:
		return d.apart.whole()
	}
	if v := d.parsed.get(d.id); v != nil {
		return v
	}
	if !d.parsed.again(d.id) {
		return terms.Open(d.compact)
	}
	v := terms.Decode(d.compact)
	d.parsed.put(d.id, v, len(d.compact))
	return v
}
