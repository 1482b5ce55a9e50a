package snapshot

import "slices"

// node is an inner node of a collection's tree: a table of slots that is
// indexed by the next bits of a key's hash. It has 1 to 16 slots, as many as its
// pages ask for; a page that needs fewer bits than the table has fills several
// slots that stand together. A nil *node is an empty tree.
type node struct {
	owner uint64
	slots []slot // their number is a power of two
}

// slot has a page or, where 16 slots do not suffice, the next node.
type slot struct {
	page *page
	node *node
}

const (
	// levelBits decides what a write copies of the tree, and how many steps a read
	// takes.
	levelBits = 4
	maxSlots  = 1 << levelBits
	// maxLevel is the last level; by then all bits of a hash but the last eight are
	// used up, and a page grows instead of being parted.
	maxLevel = 13
)

// index is the slot of a hash; level is how many nodes are above.
func (n *node) index(level int, hash uint64) int {
	bits := uint(0)
	for 1<<bits < len(n.slots) {
		bits++
	}
	return int(hash << (levelBits * level) >> (64 - bits))
}

func (n *node) get(hash uint64, key []byte) Document {
	for level := 0; n != nil; level++ {
		s := n.slots[n.index(level, hash)]
		if s.page == nil {
			n = s.node
			continue
		}
		i := s.page.find(hash, key)
		if i < 0 {
			break
		}
		r := s.page.record(i)
		return Document{id: r.id, compact: r.value, apart: r.apart}
	}
	return Document{}
}

// each calls f with every document and its key in the compact form.
func (n *node) each(f func(key []byte, d Document)) {
	if n == nil {
		return
	}
	var last *page
	for _, s := range n.slots {
		switch {
		case s.node != nil:
			s.node.each(f)
		case s.page != last:
			last = s.page
			for i := range last.len() {
				r := last.record(i)
				f(r.key, Document{id: r.id, compact: r.value, apart: r.apart})
			}
		}
	}
}

// own is the node itself where it is the edit's, else a copy that is.
func (n *node) own(owner uint64) *node {
	switch {
	case n == nil:
		return &node{owner: owner, slots: []slot{{page: &page{owner: owner}}}}
	case n.owner == owner:
		return n
	}
	return &node{owner: owner, slots: slices.Clone(n.slots)}
}

// put adds a document, or replaces the one of its key, and says whether it was
// added. The node is the edit's.
func (n *node) put(level int, hash uint64, r record) (added bool) {
	for {
		s := &n.slots[n.index(level, hash)]
		if s.node != nil {
			s.node = s.node.own(n.owner)
			return s.node.put(level+1, hash, r)
		}
		p := s.page
		i := p.find(hash, r.key)
		if size := len(r.key) + len(r.value) + 10; i < 0 && p.full(size) && p.depth < levelBits*(maxLevel+1) {
			n.part(level, hash, p)
			continue
		} else if i >= 0 || p.owner != n.owner {
			p = p.copyWithout(n.owner, i, size)
			n.set(level, hash, p)
		}
		p.append(hash, r)
		return i < 0
	}
}

// remove takes out the document of a key that is there. The node is the edit's.
func (n *node) remove(level int, hash uint64, key []byte) {
	s := &n.slots[n.index(level, hash)]
	if s.node != nil {
		s.node = s.node.own(n.owner)
		s.node.remove(level+1, hash, key)
		if len(s.node.slots) == 1 && s.node.slots[0].page != nil {
			*s = s.node.slots[0]
		}
		return
	}
	n.set(level, hash, s.page.copyWithout(n.owner, s.page.find(hash, key), 0))
	n.join(level, hash)
}

// span is which slots a page of the depth and the hash fills.
func (n *node) span(level int, hash uint64, depth uint8) (from, to int) {
	width := len(n.slots) >> (int(depth) - levelBits*level)
	from = n.index(level, hash) &^ (width - 1)
	return from, from + width
}

// set puts a page into all slots that are its.
func (n *node) set(level int, hash uint64, p *page) {
	from, to := n.span(level, hash, p.depth)
	for i := from; i < to; i++ {
		n.slots[i] = slot{page: p}
	}
}

// part divides the page of the hash: within the table, which is doubled if need
// be, or by a node of the next level.
func (n *node) part(level int, hash uint64, p *page) {
	from, to := n.span(level, hash, p.depth)
	if to-from == 1 && len(n.slots) == maxSlots {
		n.slots[from] = slot{node: &node{owner: n.owner, slots: []slot{{page: p}}}}
		return
	}
	if to-from == 1 {
		double := make([]slot, 0, 2*len(n.slots))
		for _, s := range n.slots {
			double = append(double, s, s)
		}
		n.slots = double
		from, to = 2*from, 2*to
	}
	low, high := p.part(n.owner)
	for i := from; i < to; i++ {
		if i < (from+to)/2 {
			n.slots[i] = slot{page: low}
		} else {
			n.slots[i] = slot{page: high}
		}
	}
}

// join unites the page of the hash with the one it was parted from, as long as
// both are less than half full, and halves the table when no page needs its size.
func (n *node) join(level int, hash uint64) {
	for {
		p := n.slots[n.index(level, hash)].page
		if int(p.depth) == levelBits*level {
			break
		}
		from, to := n.span(level, hash, p.depth)
		width := to - from
		other := n.slots[from^width].page
		if other == nil || other.depth != p.depth || p.len()+other.len() > fullCount/2 || len(p.data)+len(other.data) > fullSize/2 {
			break
		}
		low, high := p, other
		if from&width != 0 {
			low, high = other, p
		}
		n.set(level, hash, join(n.owner, low, high))
	}
	for len(n.slots) > 1 {
		half := make([]slot, 0, len(n.slots)/2)
		for i := 0; i < len(n.slots); i += 2 {
			if n.slots[i].page == nil || n.slots[i] != n.slots[i+1] {
				return
			}
			half = append(half, n.slots[i])
		}
		n.slots = half
	}
}

// trim trims the pages of an edit that is done.
func (n *node) trim() {
	for _, s := range n.slots {
		switch {
		case s.node != nil && s.node.owner == n.owner:
			s.node.trim()
		case s.page != nil && s.page.owner == n.owner:
			s.page.trim()
		}
	}
}
