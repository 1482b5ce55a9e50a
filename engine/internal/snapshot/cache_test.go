package snapshot

import (
	"runtime"
	"testing"
)

func Test_the_cache_keeps_to_its_budget(t *testing.T) {
	const budget, n = 4 << 20, 20_000
	s := filled(t, budget, n)
	before := liveHeap()
	for range 3 {
		for i := range n {
			for range 3 {
				s.Get("accounts", key(i)).Value()
			}
		}
	}
	used := int64(liveHeap() - before)
	if counted := s.parsed.used.Load(); counted > budget || counted < budget/2 {
		t.Errorf("counted: got %d, want at most %d and not much less", counted, budget)
	}
	// The estimate need not be exact, but it must bound memory.
	if used > budget*3/2 || used < budget/3 {
		t.Errorf("memory: got %d, want about %d", used, budget)
	}
	runtime.KeepAlive(s)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func Test_a_value_that_is_asked_for_again_is_kept(t *testing.T) {
	s := filled(t, 1<<20, 100)
	get := func() any { return s.Get("accounts", key(7)).Value() }
	get()
	if kept := get(); get() != kept {
		t.Error("the value was made anew though it was asked for before")
	}
	e := s.Edit(2)
	put(t, e, Change{Collection: "accounts", Key: key(7), Doc: []byte(`{"n":1}`)})
	if got := e.Done().Get("accounts", key(7)).Value().String(); got != `{"n": 1}` {
		t.Errorf("after a write: got %s, want the new document", got)
	}
}
