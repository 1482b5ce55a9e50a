//go:build bench

package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine"
)

// TestBenchDecide prints what one decision of the default policies costs inside the
// engine, each size of directory in a process of its own, accounts uniformly random.
func TestBenchDecide(t *testing.T) {
	fmt.Printf("\n| accounts | CPU per decision | allocations | GC cycles | live heap | resident |\n|---|---|---|---|---|---|\n")
	for _, size := range []int{1_000, 100_000} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GATEHOUSE_BENCH_DECIDE="+strconv.Itoa(size))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

// decideMany loads size accounts and as many namespaces with three bindings each,
// decides for d, and prints a row of the table.
func decideMany(size int, d time.Duration) error {
	ctx := context.Background()
	e := engine.New(engine.Options{})
	if err := bundles.NewKeeper(policySources(defaultConfig()), e, slog.New(slog.DiscardHandler)).Load(ctx); err != nil {
		return err
	}
	if err := e.Replace(ctx, 1, benchDocuments(size)); err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin, decisions := processCPU(), 0
	for end := time.Now().Add(d); time.Now().Before(end); decisions++ {
		n := rand.IntN(size)
		if got := e.Decide(ctx, "gatehouse/ingress/decision", benchQuestion(n)); got.Effect != engine.Allow {
			return fmt.Errorf("account %d: %+v", n, got)
		}
	}
	used := processCPU() - begin
	runtime.ReadMemStats(&after)
	fmt.Printf("| %d | %.1f µs | %d | %d | %d MiB | %s |\n", size, used/float64(decisions)*1e6,
		(after.Mallocs-before.Mallocs)/uint64(decisions), after.NumGC-before.NumGC, before.HeapAlloc>>20, residentSelf())
	return nil
}

// benchDocuments are accounts, and namespaces that one owns and three others use.
func benchDocuments(size int) iter.Seq2[engine.Change, error] {
	return func(yield func(engine.Change, error) bool) {
		for n := range size {
			account := fmt.Appendf(nil, `{"email":"person-%d@example.org","handle":"person-%d","kind":"person","name":"Person %d","organisations":{},"roles":{},"state":"active","teams":{"T%d":"member"}}`, n, n, n, n/20)
			namespace := fmt.Appendf(nil, `{"bindings":{"account:A%d":{"role":"view"},"account:A%d":{"role":"edit"},"team:T%d":{"role":"view"}},"labels":{"stage":"demo"},"owners":{"account:A%d":true}}`, (n+1)%size, (n+2)%size, n/20, n)
			if !yield(engine.Change{Collection: "accounts", Key: "A" + strconv.Itoa(n), Doc: account}, nil) ||
				!yield(engine.Change{Collection: "namespaces", Key: "ns" + strconv.Itoa(n), Doc: namespace}, nil) {
				return
			}
		}
	}
}

// benchQuestion asks as account n to read a notebook that its own binding lets it read.
func benchQuestion(n int) engine.Value {
	str, field := engine.String, func(key string, v engine.Value) engine.Field { return engine.Field{Key: key, Value: v} }
	subject := engine.Object(
		field("id", str("A"+strconv.Itoa(n))), field("kind", str("account")), field("groups", engine.Object()),
		field("token", engine.Object(field("kind", str("access")), field("jti", str("J")), field("issuer", str("https://id.example.org")), field("scopes", engine.Object()))),
	)
	request := engine.Object(
		field("method", str("GET")), field("scheme", str("https")), field("host", str("app.example.org")),
		field("path", engine.Array(str("notebook"), str("ns"+strconv.Itoa(n)), str("demo"), str("lab"))),
		field("query", engine.Object()), field("websocket", engine.Bool(false)), field("headers", engine.Object()),
	)
	return engine.Object(field("subject", subject), field("request", request))
}

func processCPU() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for a bad argument
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func residentSelf() string { return memoryOf("/proc/self/status") }
