package terms

import (
	"bytes"
	"encoding/binary"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Find gives the compact value of the member key of a compact value; false where
// there is none or where the value is no object.
func Find(b []byte, key string) ([]byte, bool) {
	if !IsObject(b) {
		return nil, false
	}
	o, _ := open(b)
	if o.index != nil {
		return o.search(key)
	}
	var buf [64]byte
	want := AppendString(buf[:0], key)
	rest := o.members
	for range o.count {
		if bytes.HasPrefix(rest, want) { // no string is the start of another
			return rest[len(want):], true
		}
		rest = skip(skip(rest))
	}
	return nil, false
}

// search finds a member among many by bisection.
func (o object) search(key string) ([]byte, bool) {
	var wantBuf, buf [64]byte
	want := append(wantBuf[:0], key...)
	low, high := 0, o.count
	for low < high {
		middle := (low + high) / 2
		member := o.members[binary.LittleEndian.Uint32(o.index[4*middle:]):]
		switch c := bytes.Compare(appendText(buf[:0], member), want); {
		case c == 0:
			return skip(member), true
		case c < 0:
			low = middle + 1
		default:
			high = middle
		}
	}
	return nil, false
}

// Lazy is a compact object as a value of which members can be looked up without
// making the rest. Only Get and Force are cheap: everything else makes the
// whole value, and OPA's own code, which looks for its own types, cannot read
// it. It belongs to one evaluation and is not safe for concurrent use.
type Lazy struct {
	compact []byte
	whole   ast.Value // once it was made
	make    func() ast.Value
}

// Open gives a compact value as a value: a Lazy where it is an object with
// members, which keeps b, else what Decode makes.
func Open(b []byte) ast.Value {
	if b[0] > tagObject || b[0] == tagIndexed {
		return &Lazy{compact: b}
	}
	return Decode(b)
}

// OpenAs is Open for an object whose whole value somebody may have already: it is
// asked for it instead of making another.
func OpenAs(b []byte, whole func() ast.Value) ast.Value {
	v := Open(b)
	if l, ok := v.(*Lazy); ok {
		l.make = whole
	}
	return v
}

// Get gives the member of a key as ast.Object does: nil where there is none.
func (l *Lazy) Get(key *ast.Term) *ast.Term {
	s, ok := key.Value.(ast.String)
	if !ok {
		return nil
	}
	b, ok := Find(l.compact, string(s))
	switch {
	case !ok:
		return nil
	case b[0] < tagShort:
		return wordTerms[b[0]]
	}
	return &ast.Term{Value: Open(b)}
}

// Force gives the whole value.
func (l *Lazy) Force() ast.Value {
	switch {
	case l.whole != nil:
	case l.make != nil:
		l.whole = l.make()
	default:
		l.whole = Decode(l.compact)
	}
	return l.whole
}

// Compare implements ast.Value.
func (l *Lazy) Compare(other ast.Value) int {
	if o, ok := other.(*Lazy); ok {
		other = o.Force()
	}
	return l.Force().Compare(other)
}

// Find implements ast.Value.
func (l *Lazy) Find(path ast.Ref) (ast.Value, error) { return l.Force().Find(path) }

// Hash implements ast.Value.
func (l *Lazy) Hash() int { return l.Force().Hash() }

// IsGround implements ast.Value.
func (l *Lazy) IsGround() bool { return true }

// String implements ast.Value.
func (l *Lazy) String() string { return l.Force().String() }

// StringLength implements ast.Value.
func (l *Lazy) StringLength() int { return l.Force().StringLength() }
