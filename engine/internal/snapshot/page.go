package snapshot

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/gatehouse-authz/gatehouse/engine/internal/terms"
)

const (
	// fullCount and fullSize are when a page is parted: what a write copies stays
	// small however large documents are.
	fullCount = 32
	fullSize  = 8 << 10
)

// page is a leaf of the tree: the documents whose keys' hashes share their first
// depth bits. It belongs to the edit that made it and is immutable once that is
// done.
//
// data holds records, one behind the other: uvarint id, key and value in the
// compact form. A document that stands apart has tagApart in place of a value.
// directory holds an entry of each record: the last eight bits of the key's
// hash, and where the record starts.
type page struct {
	owner     uint64
	depth     uint8
	directory []uint32
	data      []byte
	apart     []*apart
}

const (
	offsetBits = 24
	// tagApart stands for the value of a document that is kept apart. No compact
	// value starts with it.
	tagApart = 0xcf
)

func (p *page) len() int { return len(p.directory) }

// record is one document as it stands in a page.
type record struct {
	id         uint64
	key, value []byte // in the compact form; they are parts of the page
	apart      *apart
}

func (p *page) full(extra int) bool {
	return p.len() >= fullCount || p.len() > 1 && len(p.data)+extra > fullSize
}

// start is where record i starts; that of the record behind the last one is the
// end.
func (p *page) start(i int) int {
	if i == p.len() {
		return len(p.data)
	}
	return int(p.directory[i] & (1<<offsetBits - 1))
}

func (p *page) record(i int) record {
	b := p.data[p.start(i):p.start(i+1)]
	id, n := binary.Uvarint(b)
	key, value := terms.Split(b[n:])
	r := record{id: id, key: key, value: value}
	if value[0] == tagApart {
		for _, a := range p.apart {
			if a.id == id {
				r.apart, r.value = a, a.compact
			}
		}
	}
	return r
}

// find is the place of a key, -1 where it is not.
func (p *page) find(hash uint64, key []byte) int {
	for i, entry := range p.directory {
		if entry>>offsetBits != uint32(hash&0xff) {
			continue
		}
		b := p.data[p.start(i):]
		if _, n := binary.Uvarint(b); bytes.HasPrefix(b[n:], key) {
			return i
		}
	}
	return -1
}

// append adds a record to a page that is still being made.
func (p *page) append(hash uint64, r record) {
	p.directory = append(p.directory, uint32(hash&0xff)<<offsetBits|uint32(len(p.data)))
	p.data = binary.AppendUvarint(p.data, r.id)
	p.data = append(p.data, r.key...)
	if r.apart != nil {
		p.data = append(p.data, tagApart)
		p.apart = append(p.apart, r.apart)
		return
	}
	p.data = append(p.data, r.value...)
}

// copyWithout is the page for another edit, without the record at i (none if
// -1), with room for extra bytes and one more record.
func (p *page) copyWithout(owner uint64, i, extra int) *page {
	q := &page{owner: owner, depth: p.depth}
	if i < 0 {
		q.directory = append(make([]uint32, 0, p.len()+1), p.directory...)
		q.data = append(make([]byte, 0, len(p.data)+extra), p.data...)
		q.apart = slices.Clone(p.apart)
		return q
	}
	from, to := p.start(i), p.start(i+1)
	q.directory = append(make([]uint32, 0, p.len()), p.directory[:i]...)
	for _, entry := range p.directory[i+1:] {
		q.directory = append(q.directory, entry-uint32(to-from))
	}
	q.data = append(make([]byte, 0, len(p.data)-(to-from)+extra), p.data[:from]...)
	q.data = append(q.data, p.data[to:]...)
	if a := p.record(i).apart; a != nil {
		q.apart = slices.DeleteFunc(slices.Clone(p.apart), func(b *apart) bool { return a == b })
	} else {
		q.apart = slices.Clone(p.apart)
	}
	return q
}

// part divides the page by the next bit of the hashes.
func (p *page) part(owner uint64) (low, high *page) {
	half := func() *page {
		return &page{
			owner: owner, depth: p.depth + 1,
			directory: make([]uint32, 0, fullCount), data: make([]byte, 0, len(p.data)*5/8),
		}
	}
	low, high = half(), half()
	for i := range p.len() {
		r := p.record(i)
		hash := maphash.Bytes(seed, r.key)
		if hash>>(63-p.depth)&1 == 0 {
			low.append(hash, r)
		} else {
			high.append(hash, r)
		}
	}
	return low, high
}

// join is the page of two that were parted.
func join(owner uint64, low, high *page) *page {
	q := low.copyWithout(owner, -1, len(high.data))
	q.depth--
	for i := range high.len() {
		r := high.record(i)
		q.append(maphash.Bytes(seed, r.key), r)
	}
	return q
}

// trim gives back the room for growth that a page does not need any more.
func (p *page) trim() {
	const little = 64
	if cap(p.data)-len(p.data) > little {
		p.data = append(make([]byte, 0, len(p.data)), p.data...)
	}
	if 4*(cap(p.directory)-p.len()) > little/4 {
		p.directory = append(make([]uint32, 0, p.len()), p.directory...)
	}
}
