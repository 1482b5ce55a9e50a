package terms

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/oklog/ulid/v2"
	"github.com/open-policy-agent/opa/v1/ast"
)

// Decode makes OPA's value of a compact one. Terms of it are shared with other
// values: it must not be changed.
func Decode(b []byte) ast.Value {
	switch tag := b[0]; {
	case tag < tagShort:
		return wordTerms[tag].Value
	case tag < tagNull:
		return ast.String(stringOf(b))
	}
	d := decoder{all: b}
	t, _ := d.decode(b)
	return t.Value
}

// decoder makes the terms of one value. It allocates terms by the dozen and the
// letters of all short strings at once: a document is read more often than a
// part of it is kept.
type decoder struct {
	all   []byte
	text  string // of all, once it is needed
	terms []ast.Term
}

func (d *decoder) term(v ast.Value) *ast.Term {
	if len(d.terms) == cap(d.terms) {
		d.terms = make([]ast.Term, 0, min(max(8, 2*cap(d.terms)), 64))
	}
	d.terms = append(d.terms, ast.Term{Value: v})
	return &d.terms[len(d.terms)-1]
}

// decode makes a term of the first value of b, which is a rest of all, and
// returns what follows it.
func (d *decoder) decode(b []byte) (*ast.Term, []byte) {
	switch tag := b[0]; {
	case tag < tagNull:
		return d.string(b)
	case tag == tagNull:
		return ast.InternedNullTerm, b[1:]
	case tag == tagFalse:
		return ast.InternedTerm(false), b[1:]
	case tag == tagTrue:
		return ast.InternedTerm(true), b[1:]
	case tag == tagInteger:
		i, n := binary.Varint(b[1:])
		return integer(i), b[1+n:]
	case tag == tagNumber:
		size, n := binary.Uvarint(b[1:])
		end := 1 + n + int(size)
		return ast.NumberTerm(json.Number(b[1+n : end])), b[end:]
	case tag == tagArray:
		return d.array(b)
	default:
		return d.object(b)
	}
}

func integer(i int64) *ast.Term {
	if i >= math.MinInt32 && i <= math.MaxInt32 {
		return ast.InternedTerm(int(i))
	}
	return ast.NumberTerm(json.Number(strconv.FormatInt(i, 10)))
}

func (d *decoder) string(b []byte) (*ast.Term, []byte) {
	switch tag := b[0]; {
	case tag < tagShort:
		return wordTerms[tag], b[1:]
	case tag < tagString && len(d.all) <= maxText:
		if d.text == "" {
			d.text = string(d.all)
		}
		from := cap(d.all) - cap(b) + 1 // parts of all end where it ends
		n := int(tag &^ tagShort)
		return d.term(ast.String(d.text[from : from+n])), b[1+n:]
	}
	return d.term(ast.String(stringOf(b))), skip(b)
}

// maxText is up to which size a document's strings share their letters: a string
// that is kept keeps the text of its document.
const maxText = 512

// stringOf is the string of a compact one.
func stringOf(b []byte) string {
	if b[0] < tagShort {
		return words[b[0]]
	}
	var buf [64]byte
	return string(appendText(buf[:0], b))
}

// appendText appends the content of a compact string.
func appendText(dst, b []byte) []byte {
	switch tag := b[0]; {
	case tag < tagShort:
		return append(dst, words[tag]...)
	case tag < tagString:
		return append(dst, b[1:1+int(tag&^tagShort)]...)
	case tag == tagString:
		size, n := binary.Uvarint(b[1:])
		return append(dst, b[1+n:1+n+int(size)]...)
	case tag > tagULID:
		dst = append(dst, prefixes[tag-tagPrefixed]...)
	}
	var text [ulid.EncodedSize]byte
	_ = ulid.ULID(b[1 : 1+len(ulid.ULID{})]).MarshalTextTo(text[:]) // the buffer has the size it asks for
	return append(dst, text[:]...)
}

func (d *decoder) array(b []byte) (*ast.Term, []byte) {
	size, n := binary.Uvarint(b[1:])
	body := b[1+n:]
	body, rest := body[:size], body[size:]
	count, n := binary.Uvarint(body)
	body = body[n:]
	elements := make([]*ast.Term, count)
	for i := range elements {
		elements[i], body = d.decode(body)
	}
	return d.term(ast.NewArray(elements...)), rest
}

func (d *decoder) object(b []byte) (*ast.Term, []byte) {
	o, rest := open(b)
	if o.count == 0 {
		return ast.InternedEmptyObject, rest
	}
	pairs := make([][2]*ast.Term, o.count)
	members := o.members
	var same shared
	for i := range pairs {
		pairs[i][0], members = d.string(members)
		if o.index == nil {
			pairs[i][1], members = d.decode(members)
		} else {
			pairs[i][1], members = same.decode(d, members)
		}
	}
	return d.term(ast.NewObject(pairs...)), rest
}

// object is a compact object whose head was read.
type object struct {
	count   int
	index   []byte // of uint32 offsets; nil for few members
	members []byte
}

func open(b []byte) (o object, rest []byte) {
	if b[0] == tagObject {
		return object{}, b[1:]
	}
	size, n := binary.Uvarint(b[1:])
	body := b[1+n:]
	body, rest = body[:size], body[size:]
	if b[0] != tagIndexed {
		return object{count: int(b[0] - tagObject), members: body}, rest
	}
	count := int(binary.LittleEndian.Uint32(body))
	return object{count: count, index: body[4 : 4+4*count], members: body[4+4*count:]}, rest
}

// shared gives members of a large object that are spelt the same the same term:
// ten thousand bindings have a few roles among them.
type shared map[string]*ast.Term

func (s *shared) decode(d *decoder, b []byte) (*ast.Term, []byte) {
	first, rest := Split(b)
	if len(first) > 64 {
		return d.decode(b)
	}
	if t, ok := (*s)[string(first)]; ok {
		return t, rest
	}
	t, _ := d.decode(b)
	if *s == nil {
		*s = shared{}
	}
	if len(*s) < 256 {
		(*s)[string(first)] = t
	}
	return t, rest
}
