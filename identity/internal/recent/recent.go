// Package recent is a bounded memory of recently used values that is read without a
// lock. It owns nothing but the bound, which the cache of github.com/maypok86/otter
// keeps; what is remembered, and for how long it may be believed, is the business of
// the packages beside it (token, authn).
package recent

import (
	"math"

	"github.com/maypok86/otter/v2"
)

// Map remembers values up to its bound and, beyond it, forgets those that are least
// likely to be asked for again. A value may be forgotten at any time. The zero Map is
// not usable; New makes one.
type Map[K comparable, V any] struct {
	cache *otter.Cache[K, V]
}

// New makes a Map of values that weigh at most budget together; a budget below 1
// is 1. It is weighed when it is put: one whose weight has changed must be put again.
func New[K comparable, V any](budget int64, weigh func(K, V) int) *Map[K, V] {
	return &Map[K, V]{cache: otter.Must(&otter.Options[K, V]{
		MaximumWeight: uint64(max(budget, 1)),
		// What weighs nothing would never be forgotten.
		Weigher: func(key K, value V) uint32 { return uint32(min(max(weigh(key, value), 1), math.MaxUint32)) },
	})}
}

// Get returns what was put under the key, unless it has been forgotten.
func (m *Map[K, V]) Get(key K) (value V, found bool) { return m.cache.GetIfPresent(key) }

// Put remembers the value in place of an earlier one of the same key.
func (m *Map[K, V]) Put(key K, value V) { m.cache.Set(key, value) }

// Delete forgets the key.
func (m *Map[K, V]) Delete(key K) { m.cache.Invalidate(key) }

// Len is the number of values remembered, once what is beyond the bound is forgotten.
func (m *Map[K, V]) Len() int {
	m.cache.CleanUp()
	return m.cache.EstimatedSize()
}
