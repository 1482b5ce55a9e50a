package recent

import (
	"sync"
	"testing"
)

func TestMap_returns_what_was_put_last(t *testing.T) {
	m := New[string, int](10)
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
	m := New[int, int](2)
	for i := range 3 { // 0 and 1 are in the older generation now
		m.Put(i, i)
	}
	for i := range 3 {
		m.Delete(i)
		if _, found := m.Get(i); found {
			t.Errorf("%d was deleted and is still found", i)
		}
	}
}

func TestMap_stays_within_twice_its_limit_and_keeps_what_is_used(t *testing.T) {
	m := New[int, int](100)
	m.Put(-1, 7)
	for i := range 10_000 {
		m.Put(i, i)
		if got, found := m.Get(-1); got != 7 || !found {
			t.Fatalf("after %d puts the value in use is gone", i)
		}
	}
	if got := m.Len(); got > 200 {
		t.Errorf("got %d values, want at most 200", got)
	}
}

func TestMap_is_bounded_when_used_by_many_at_once(t *testing.T) {
	m := New[int, int](50)
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
	if got := m.Len(); got > 150 {
		t.Errorf("got %d values, want about 100", got)
	}
}
