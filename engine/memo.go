package engine

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

const (
	// maxReads is from how many reads on an answer is not remembered: to look
	// whether it still holds would cost as much as to make it.
	maxReads = 64

	defaultMemoEntries = 100_000
	defaultMemoBytes   = 64 << 20
)

// MemoOptions bound the decision memo. The zero value means a memo of default
// size.
type MemoOptions struct {
	// Off makes every decision anew.
	Off bool
	// Entries and Bytes bound it; 0 means 100,000 and 64 MiB.
	Entries int
	Bytes   int64
}

// Stats count what the decision memo did since the engine was made, and tell how
// large it is.
type Stats struct {
	// Hits are decisions that were remembered, Misses those that were made and
	// then remembered, Skipped those that were made and may not be remembered.
	Hits, Misses, Skipped uint64
	Entries               uint64
	Bytes                 uint64
}

// Stats tells how the decision memo does.
func (e *Engine) Stats() Stats {
	s := Stats{Hits: e.counts.hits.Load(), Misses: e.counts.misses.Load(), Skipped: e.counts.skipped.Load()}
	if p := e.state.Load().policy; p != nil && p.memo != nil {
		s.Entries, s.Bytes = uint64(p.memo.entries.EstimatedSize()), p.memo.entries.WeightedSize()
	}
	return s
}

type counts struct{ hits, misses, skipped atomic.Uint64 }

// memo remembers the answers of one policy. An entry is found by the hash of its
// key, and then compared: a hash is never believed.
type memo struct {
	seed    maphash.Seed
	entries *otter.Cache[uint64, *entry]
}

// entry is an answer with what it depends on. Only validated ever changes.
type entry struct {
	key     string
	verdict verdict
	reads   []dependency
	// validated is the number of the state in which the reads were last found
	// unchanged, so that without a write in between nothing is looked up.
	validated atomic.Uint64
	weight    uint32
}

// dependency is a read as an entry keeps it: without the value, which would keep
// in memory what was replaced long ago.
type dependency struct {
	source
	found uint64
}

// newMemo bounds entries and bytes by one weight: none is lighter than what is
// left for each of the largest number of entries.
func newMemo(o MemoOptions) *memo {
	if o.Off {
		return nil
	}
	if o.Entries <= 0 {
		o.Entries = defaultMemoEntries
	}
	if o.Bytes <= 0 {
		o.Bytes = defaultMemoBytes
	}
	lightest := uint32(min(o.Bytes/int64(o.Entries)+1, 1<<30))
	return &memo{
		seed: maphash.MakeSeed(),
		entries: otter.Must(&otter.Options[uint64, *entry]{
			MaximumWeight: uint64(o.Bytes),
			Weigher:       func(_ uint64, e *entry) uint32 { return max(e.weight, lightest) },
		}),
	}
}

// get is what was answered before, if it would be answered again in t.
func (m *memo) get(key []byte, t *transaction) (verdict, bool) {
	e, ok := m.entries.GetIfPresent(maphash.Bytes(m.seed, key))
	if !ok || e.key != string(key) {
		return verdict{}, false
	}
	if e.validated.Load() != t.number {
		for i := range e.reads {
			if e.reads[i].version(t.data) != e.reads[i].found {
				return verdict{}, false
			}
		}
		e.validated.Store(t.number)
	}
	return e.verdict, true
}

// put remembers that v is the answer for the key with what t has read.
func (m *memo) put(key []byte, v verdict, t *transaction) {
	e := newEntry(key, v, t.reads)
	e.validated.Store(t.number)
	m.entries.Set(maphash.Bytes(m.seed, key), e)
}

// newEntry copies all text into one piece: a label may be a part of something
// large, and an entry must not weigh more than it says.
func newEntry(key []byte, v verdict, reads []read) *entry {
	size := len(key) + len(v.reason)
	for i := range reads {
		size += len(reads[i].collection) + len(reads[i].key)
	}
	for name, value := range v.labels {
		size += len(name) + len(value)
	}
	var text strings.Builder
	text.Grow(size)
	keep := func(s string) string {
		start := text.Len()
		text.WriteString(s)
		return text.String()[start:]
	}
	e := &entry{verdict: verdict{effect: v.effect, reason: keep(v.reason)}}
	e.key = keep(string(key))
	if v.labels != nil {
		e.verdict.labels = make(map[string]string, len(v.labels))
		for name, value := range v.labels {
			e.verdict.labels[keep(name)] = keep(value)
		}
	}
	e.reads = make([]dependency, len(reads))
	for i, r := range reads {
		e.reads[i] = dependency{source{r.kind, keep(r.collection), keep(r.key)}, r.found}
	}
	e.weight = uint32(entryWeight + size + len(reads)*int(unsafe.Sizeof(dependency{})) + labelsWeight(len(v.labels)))
	return e
}

// entryWeight is what an entry costs besides what it holds, the cache's own node
// included.
const entryWeight = int(unsafe.Sizeof(entry{})) + 160

// labelsWeight is what Go's map of n strings to strings takes.
func labelsWeight(n int) int {
	if n == 0 {
		return 0
	}
	slots := 8
	for slots*7/8 < n && n > 8 {
		slots *= 2
	}
	return 48 + 16 + slots*32
}
