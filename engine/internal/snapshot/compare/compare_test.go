package compare

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

var (
	sizes = flag.String("sizes", "1000,10000", "accounts; there are as many namespaces")
	only  = flag.String("only", "", "candidates whose name contains this")
)

// Test_Structures loads each candidate with accounts and namespaces of three
// bindings, and prints what it takes and how long reads and writes last.
func Test_Structures(t *testing.T) {
	fmt.Println("| structure and form | accounts + namespaces | heap, MB | bytes a document | heap while loaded again, MB | GC cycle, ms | load, documents/s | get, ns | write, µs | load again, ms |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, c := range candidates {
		for size := range strings.SplitSeq(*sizes, ",") {
			n, err := strconv.Atoi(size)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(c.name, *only) {
				measure(t, c.name, c.new, n)
			}
		}
	}
}

// row is what was measured of one candidate at one size. Times are CPU time of the
// process, the garbage collector's included.
type row struct {
	loaded, peak                  uint64
	load, again, mark, get, write time.Duration
}

func measure(t *testing.T, name string, empty func() candidate, n int) {
	const reads, writes = 300_000, 20_000
	rounds := max(1, 50_000/n) // small directories are loaded often enough to be timed
	making := cpu(func() {     // what making the documents costs is not counted
		for range rounds {
			for range directory(n) {
			}
		}
	})
	before := heap()
	var r row
	var c candidate
	r.load = (cpu(func() {
		for range rounds {
			c = empty()
			c.replace(directory(n))
		}
	}) - making) / time.Duration(rounds)
	r.loaded = heap() - before
	r.mark = cpu(runtime.GC)

	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, reads)
	for i := range names {
		names[i] = accountID(random.IntN(n))
	}
	r.get = cpu(func() {
		for _, key := range names {
			if !c.get("accounts", key) {
				t.Fatalf("%s: %s is not there", name, key)
			}
		}
	}) / reads
	names = nil
	r.peak = peak(c, n) - before
	r.again = (cpu(func() {
		for range rounds {
			c.replace(directory(n))
		}
	}) - making) / time.Duration(rounds)

	changes := make([]snapshot.Change, writes)
	for i := range changes {
		changes[i] = account(random.IntN(n), "changed"+strconv.Itoa(i))
	}
	r.write = cpu(func() {
		for _, change := range changes {
			c.write(change)
		}
	}) / writes
	fmt.Printf("| %s | %d + %d | %.1f | %.0f | %.1f | %.1f | %.0f | %d | %.1f | %.0f |\n", name, n, n,
		mb(r.loaded), float64(r.loaded)/float64(2*n), mb(r.peak), ms(r.mark), float64(2*n)/r.load.Seconds(),
		r.get.Nanoseconds(), float64(r.write.Nanoseconds())/1e3, ms(r.again))
	runtime.KeepAlive(c)
}

// peak loads the same documents once more, and tells what the heap came to just
// before the end.
func peak(c candidate, n int) (peak uint64) {
	c.replace(func(yield func(snapshot.Change) bool) {
		i := 0
		for change := range directory(n) {
			if i++; i == 2*n {
				peak = heap()
			}
			if !yield(change) {
				return
			}
		}
	})
	return peak
}

func cpu(f func()) time.Duration {
	before := usage()
	f()
	return usage() - before
}

func usage() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func mb(bytes uint64) float64    { return float64(bytes) / 1e6 }
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// directory is n accounts and n namespaces as a directory exports them, in the
// order of their keys. The bytes of a document are used again for the next one.
func directory(n int) iter.Seq[snapshot.Change] {
	return func(yield func(snapshot.Change) bool) {
		for i := range n {
			if !yield(account(i, "")) {
				return
			}
		}
		for i := range n {
			if !yield(namespace(i, n)) {
				return
			}
		}
	}
}

// accountID is a ULID whose time rises with i and whose rest looks random.
func accountID(i int) string {
	var id ulid.ULID
	_ = id.SetTime(1_730_000_000_000 + uint64(i)*137)
	x := uint64(i)*0x9e3779b97f4a7c15 + 1
	for k := 6; k < 16; k++ {
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		id[k] = byte(x >> 56)
	}
	return id.String()
}

func account(i int, name string) snapshot.Change {
	doc := fmt.Sprintf(`{"email":"user%07d@example.org","handle":"user%07d","kind":"person","name":"User %d%s","organisations":{"%s":"member"},"roles":{},"state":"active","teams":{"%s":"member"},"user_id":"%d"}`,
		i, i, i, name, accountID(2_000_000+i/1000), accountID(3_000_000+i/50), 100_000+i)
	return snapshot.Change{Collection: "accounts", Key: accountID(i), Doc: []byte(doc)}
}

func namespace(i, n int) snapshot.Change {
	doc := fmt.Sprintf(`{"bindings":{"account:%s":{"role":"view"},"account:%s":{"role":"edit"},"account:%s":{"role":"view"}},"labels":{},"owners":{"account:%s":true}}`,
		accountID((i+1)%n), accountID((i+2)%n), accountID((i+3)%n), accountID(i))
	return snapshot.Change{Collection: "namespaces", Key: fmt.Sprintf("ns-%07d", i), Doc: []byte(doc)}
}
