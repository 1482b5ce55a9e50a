package compare

import (
	"testing"

	"github.com/maypok86/otter/v2"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

// What a document costs that is read through a cache: one that is always found,
// and one that never is.
func Benchmark_Cache(b *testing.B) {
	const budget = 8 << 20
	for _, size := range []struct {
		name string
		n    int
	}{{"found", 500}, {"not found", 100_000}} {
		keys := make([]string, size.n)
		for i := range keys {
			keys[i] = accountID(i)
		}
		load := func(parsed int64) *snapshot.Snapshot {
			e := snapshot.New(parsed).Edit(1)
			for i := range size.n {
				if err := e.Put(account(i, "")); err != nil {
					b.Fatal(err)
				}
			}
			return e.Done()
		}
		b.Run(size.name+"/none", func(b *testing.B) { read(b, load(0), keys, snapshot.Document.Value) })
		b.Run(size.name+"/own", func(b *testing.B) { read(b, load(budget), keys, snapshot.Document.Value) })
		b.Run(size.name+"/otter", func(b *testing.B) {
			c := otter.Must(&otter.Options[uint64, ast.Value]{
				MaximumWeight: budget,
				Weigher:       func(uint64, ast.Value) uint32 { return 2500 },
			})
			read(b, load(0), keys, func(d snapshot.Document) ast.Value {
				if v, ok := c.GetIfPresent(d.ID()); ok {
					return v
				}
				v := d.Value()
				c.Set(d.ID(), v)
				return v
			})
		})
	}
}

func read(b *testing.B, s *snapshot.Snapshot, keys []string, value func(snapshot.Document) ast.Value) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if value(s.Get("accounts", keys[i%len(keys)])) == nil {
			b.Fatal("not there")
		}
		i++
	}
}
