// Package recent is a bounded memory of recently used values that is read without a
// lock. It owns nothing but that; what is remembered, and for how long it may be
// believed, is the business of the packages beside it (token, authn).
package recent

import (
	"sync"
	"sync/atomic"
)

// Map remembers at most about twice its limit: two generations, of which the older
// is dropped whole when the younger is full. What is read from the older moves to
// the younger, so that values in use survive. The zero Map is not usable; New makes
// one.
type Map[K comparable, V any] struct {
	limit int64
	pair  atomic.Pointer[pair]
}

type pair struct {
	young, old *sync.Map
	count      atomic.Int64 // entries put into young
}

// New makes a Map with generations of limit entries; a limit below 1 is 1.
func New[K comparable, V any](limit int) *Map[K, V] {
	m := &Map[K, V]{limit: int64(max(limit, 1))}
	m.pair.Store(&pair{young: new(sync.Map), old: new(sync.Map)})
	return m
}

// Get returns what was put under the key, unless it has been forgotten.
func (m *Map[K, V]) Get(key K) (value V, found bool) {
	p := m.pair.Load()
	if got, ok := p.young.Load(key); ok {
		return got.(V), true
	}
	got, ok := p.old.Load(key)
	if !ok {
		return value, false
	}
	value = got.(V)
	m.Put(key, value)
	return value, true
}

// Put remembers the value in place of an earlier one of the same key.
func (m *Map[K, V]) Put(key K, value V) {
	p := m.pair.Load()
	if _, had := p.young.Swap(key, value); had {
		return
	}
	if p.count.Add(1) == m.limit {
		m.pair.CompareAndSwap(p, &pair{young: new(sync.Map), old: p.young})
	}
}

// Delete forgets the key.
func (m *Map[K, V]) Delete(key K) {
	p := m.pair.Load()
	p.young.Delete(key)
	p.old.Delete(key)
}

// Len is the number of values remembered; it walks them all.
func (m *Map[K, V]) Len() int {
	p, n := m.pair.Load(), 0
	count := func(any, any) bool { n++; return true }
	p.young.Range(count)
	p.old.Range(count)
	return n
}
