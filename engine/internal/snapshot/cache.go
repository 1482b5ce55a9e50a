package snapshot

import (
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
)

// cache keeps the values of documents that are read often, by the documents'
// IDs. As an ID is never used for another content, nothing in it can be out of
// date: what nobody asks for any more is pushed out by what is asked for. Reading
// takes no lock and writes nothing but a mark. A nil *cache keeps nothing.
//
// It is a table of sets of four. A value that was read since the hand last passed
// gets a second chance. A value is kept from the second time on that it is asked
// for: keeping one that is not read again costs the garbage collector more than
// making it.
type cache struct {
	budget int64
	used   atomic.Int64
	hand   atomic.Uint64
	slots  []atomic.Pointer[entry]
	made   []atomic.Uint64 // IDs of values that were asked for once
}

type entry struct {
	id    uint64
	value ast.Value
	bytes int64
	read  atomic.Bool
}

const (
	ways = 4
	// entryBytes and compactBytes estimate what a value takes: so much for itself
	// and so much for each byte of its compact form. Test_the_cache_keeps_to_its_budget
	// compares that with the heap.
	entryBytes   = 256
	compactBytes = 20
)

func newCache(budget int64) *cache {
	if budget <= 0 {
		return nil
	}
	n := ways
	for int64(n) < budget/1024 {
		n *= 2
	}
	return &cache{budget: budget, slots: make([]atomic.Pointer[entry], n), made: make([]atomic.Uint64, n)}
}

// spread makes numbers in a row, which IDs are, look random.
func spread(id uint64) uint64 { return id * 0x9e3779b97f4a7c15 >> 32 }

// set is where the value of an ID may be.
func (c *cache) set(id uint64) []atomic.Pointer[entry] {
	at := spread(id) * ways & uint64(len(c.slots)-1)
	return c.slots[at : at+ways]
}

func (c *cache) get(id uint64) ast.Value {
	if c == nil {
		return nil
	}
	set := c.set(id)
	for i := range set {
		if e := set[i].Load(); e != nil && e.id == id {
			if !e.read.Load() {
				e.read.Store(true)
			}
			return e.value
		}
	}
	return nil
}

// again says whether the value of the document was asked for not long ago, and so
// is worth being kept. Asking is what it remembers.
func (c *cache) again(id uint64) bool {
	return c != nil && c.made[spread(id)&uint64(len(c.made)-1)].Swap(id) == id
}

// put keeps the value of a document whose compact form has size bytes.
func (c *cache) put(id uint64, value ast.Value, size int) {
	e := &entry{id: id, value: value, bytes: entryBytes + compactBytes*int64(size)}
	set := c.set(id)
	place := &set[0]
	for i := range set {
		old := set[i].Load()
		if old == nil {
			place = &set[i]
			break
		}
		if !old.read.Swap(false) {
			place = &set[i]
		}
	}
	c.replace(place, place.Load(), e)
	for range c.slots {
		if c.used.Load() <= c.budget {
			return
		}
		place := &c.slots[c.hand.Add(1)&uint64(len(c.slots)-1)]
		if old := place.Load(); old != nil && !old.read.Swap(false) {
			c.replace(place, old, nil)
		}
	}
}

// replace does nothing where somebody else was faster.
func (c *cache) replace(place *atomic.Pointer[entry], old, next *entry) {
	if !place.CompareAndSwap(old, next) {
		return
	}
	if old != nil {
		c.used.Add(-old.bytes)
	}
	if next != nil {
		c.used.Add(next.bytes)
	}
}
