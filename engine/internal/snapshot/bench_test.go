package snapshot

import (
	"fmt"
	"testing"
)

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("documents=%d", n), func(b *testing.B) {
			s := filled(b, 0, n)
			keys := make([]string, 1<<16)
			for i := range keys {
				keys[i] = key(i * 7919 % n)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if !s.Get("accounts", keys[i%len(keys)]).Exists() {
					b.Fatal("not found")
				}
				i++
			}
		})
	}
}

func BenchmarkValue(b *testing.B) {
	for name, parsedBytes := range map[string]int64{"cold": 0, "hot": 64 << 20} {
		b.Run(name, func(b *testing.B) {
			s := filled(b, parsedBytes, 1000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Get("accounts", key(i%1000)).Value()
				i++
			}
		})
	}
}

// One write costs the same however many documents there are.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("documents=%d", n), func(b *testing.B) {
			s := filled(b, 0, n)
			changes := make([]Change, 8192) // each key twice, with another content
			for i := range changes {
				changes[i] = Change{Collection: "accounts", Key: key(i % 4096 * 7919 % n), Doc: account(n + i)}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e := s.Edit(uint64(i))
				put(b, e, changes[i%len(changes)])
				s = e.Done()
				i++
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	const n = 20_000
	changes := make([]Change, n)
	for i := range changes {
		changes[i] = Change{Collection: "accounts", Key: key(i), Doc: account(i)}
	}
	b.ReportAllocs()
	for b.Loop() {
		e := (&Snapshot{}).Renew(1)
		for _, c := range changes {
			put(b, e, c)
		}
		e.Done()
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "documents/s")
}

func filled(tb testing.TB, parsedBytes int64, n int) *Snapshot {
	e := New(parsedBytes).Edit(1)
	for i := range n {
		put(tb, e, Change{Collection: "accounts", Key: key(i), Doc: account(i)})
	}
	return e.Done()
}

func key(i int) string { return fmt.Sprintf("01J8ZQ4F7T6Y2K3M5N%08d", i) }

func account(i int) []byte {
	return fmt.Appendf(nil, `{"email":"user%07d@example.org","handle":"user%07d","kind":"person","name":"User %d","organisations":{"%s":"member"},"roles":{},"state":"active","teams":{"%s":"member"},"user_id":"%d"}`,
		i, i, i, key(i/1000), key(i/50), 100_000+i)
}
