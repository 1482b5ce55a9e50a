package recent

import (
	"strings"
	"sync"
	"testing"
)

func TestMap_returns_what_was_put_last(t *testing.T) {
	m := counted[string](10)
	m.Put("a", 1)
	m.Put("a", 2)
	if got, found := m.Get("a"); got != 2 || !found {
		t.Errorf("got %d, %v, want 2, true", got, found)
	}
	if got, found := m.Get("b"); got != 0 || found {
		t.Errorf("a key never put: got %d, %v, want 0, false", got, found)
	}
}

func TestMap_forgets_what_was_deleted(t *testing.T) {
	m := counted[int](10)
	for i := range 3 {
		m.Put(i, i)
	}
	m.Delete(1)
	for i := range 3 {
		if _, found := m.Get(i); found == (i == 1) {
			t.Errorf("%d: found %v after 1 was deleted", i, found)
		}
	}
}

func TestMap_stays_within_its_limit_and_keeps_what_is_used(t *testing.T) {
	m := counted[int](100)
	kept := 0
	for i := range 10_000 {
		m.Put(i, i)
		if got, found := m.Get(-1); found && got == 7 {
			kept++
			continue
		}
		m.Put(-1, 7)
	}
	if kept < 9_900 {
		t.Errorf("a value that is always in use was there %d times in 10000", kept)
	}
	if got := m.Len(); got > 100 || got < 50 {
		t.Errorf("got %d values, want at most 100 and not much less", got)
	}
}

func TestMap_stays_within_its_weight(t *testing.T) {
	m := New(1000, func(key string, value int) int { return len(key) + value })
	for i := range 1000 {
		m.Put(strings.Repeat("k", i%50)+string(rune('a'+i%26)), 50)
	}
	if got := m.Len(); got > 1000/51 || got < 5 {
		t.Errorf("got %d values of 51 to 100, want as many as weigh 1000", got)
	}
	weightless := New(10, func(int, int) int { return 0 })
	for i := range 1000 {
		weightless.Put(i, i)
	}
	if got := weightless.Len(); got > 10 {
		t.Errorf("got %d values without weight, want at most 10", got)
	}
}

func TestMap_is_bounded_when_used_by_many_at_once(t *testing.T) {
	m := counted[int](50)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2_000 {
				m.Put(worker*10_000+i, i)
				if got, found := m.Get(worker*10_000 + i); found && got != i {
					t.Errorf("got %d, want %d", got, i)
				}
			}
		})
	}
	all.Wait()
	if got := m.Len(); got > 50 {
		t.Errorf("got %d values, want at most 50", got)
	}
}

// counted is a Map of at most so many values.
func counted[K comparable](limit int64) *Map[K, int] {
	return New(limit, func(K, int) int { return 1 })
}
