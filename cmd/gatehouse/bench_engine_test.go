//go:build bench

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine"
)

const (
	ingressDecision = "gatehouse/ingress/decision"
	largeNamespace  = "large"
	leastCycles     = 10     // collections of garbage in one measurement
	longest         = 6      // times as long as asked a measurement may take for them
	preparedWrites  = 16_384 // different ones
)

// engineWorker is an engine with the default policies and a directory's documents, and
// nothing else of the house.
type engineWorker struct {
	engine   *engine.Engine
	size     int
	revision uint64
	writes   []engine.Change // in turn the one and the other state of a namespace
	written  int
}

func newEngineWorker(ctx context.Context, o childOptions) (worker, error) {
	w := &engineWorker{size: o.Size, revision: 1}
	w.engine = engine.New(engine.Options{Deadline: benchDeadline, Memo: engine.MemoOptions{Off: o.MemoOff}})
	if err := bundles.NewKeeper(policySources(defaultConfig()), w.engine, slog.New(slog.DiscardHandler)).Load(ctx); err != nil {
		return nil, err
	}
	if err := w.engine.Replace(ctx, 1, benchDocuments(o.Size, o.Bound)); err != nil {
		return nil, err
	}
	return w.do, nil
}

func (w *engineWorker) do(ctx context.Context, task childTask) (childAnswer, error) {
	random := func() int { return rand.IntN(w.size) }
	switch task.What {
	case "decide":
		return measureLoop(task.For, func() error {
			n := random()
			return w.decide(ctx, n, "ns"+strconv.Itoa((n+w.size-1)%w.size))
		})
	case "decide in the large namespace":
		return measureLoop(task.For, func() error { return w.decide(ctx, random(), largeNamespace) })
	case "write":
		w.prepareWrites()
		return measureLoop(task.For, func() error { return w.write(ctx) })
	case "decide beside writes":
		w.prepareWrites()
		return w.besideWrites(ctx, task)
	}
	return childAnswer{}, errors.New("unknown task")
}

func (w *engineWorker) decide(ctx context.Context, n int, namespace string) error {
	if got := w.engine.Decide(ctx, ingressDecision, benchQuestion(n, namespace)); got.Effect != engine.Allow {
		return fmt.Errorf("account %d in %s: %+v", n, namespace, got)
	}
	return nil
}

func (w *engineWorker) write(ctx context.Context) error {
	change := w.writes[w.written%len(w.writes)]
	w.written++
	w.revision++
	return w.engine.Apply(ctx, w.revision, []engine.Change{change})
}

// prepareWrites makes changes before they are measured, once for all tasks. A namespace
// comes back only after all others, in its other state, so that every write changes
// something; the documents that were filled in have the role view.
func (w *engineWorker) prepareWrites() {
	if len(w.writes) > 0 {
		return
	}
	var turns [2][]engine.Change
	for _, n := range rand.Perm(w.size)[:min(preparedWrites, w.size)] {
		for i, role := range []string{"edit", "view"} {
			turns[i] = append(turns[i], engine.Change{Collection: "namespaces", Key: "ns" + strconv.Itoa(n), Doc: benchNamespace(n, w.size, role)})
		}
	}
	w.writes = append(turns[0], turns[1]...)
}

// measureLoop does something over and over on one goroutine and returns what once
// costs, garbage collection included: it goes on until there were leastCycles, but not
// for ever.
func measureLoop(d time.Duration, once func() error) (childAnswer, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin, cpu, times := time.Now(), processCPU(), 0
	cycles := collections() + leastCycles
	for elapsed := time.Duration(0); elapsed < d || (elapsed < longest*d && collections() < cycles); elapsed = time.Since(begin) {
		for range 64 {
			if err := once(); err != nil {
				return childAnswer{}, err
			}
			times++
		}
	}
	used := processCPU() - cpu
	runtime.ReadMemStats(&after)
	return childAnswer{
		Times: times, CPU: used / float64(times), Allocations: float64(after.Mallocs-before.Mallocs) / float64(times),
		Collections: int(after.NumGC - before.NumGC), Heap: float64(before.HeapAlloc) / (1 << 20), Resident: residentMiB("self", "VmRSS"),
	}, nil
}

// collections is how often garbage was collected so far. Reading all statistics would
// stop the process for each of them.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// benchDocuments are what fillDirectory fills: the accounts, and the namespaces with
// three bindings. With bound there is one more namespace, which so many accounts may
// view.
func benchDocuments(size, bound int) iter.Seq2[engine.Change, error] {
	return func(yield func(engine.Change, error) bool) {
		for n := range size {
			team := n / benchTeamSize
			account := fmt.Appendf(nil, `{"email":"person-%d@example.org","handle":"person-%d","kind":"person","name":"Person %d","organisations":{"%s":"member"},"roles":{},"state":"active","teams":{"%s":"member"}}`,
				n, n, n, benchOrganisationID(team/benchOrgTeams), benchTeamID(team))
			if !yield(engine.Change{Collection: "accounts", Key: string(benchAccountID(n)), Doc: account}, nil) {
				return
			}
		}
		for n := range size {
			if !yield(engine.Change{Collection: "namespaces", Key: "ns" + strconv.Itoa(n), Doc: benchNamespace(n, size, "view")}, nil) {
				return
			}
		}
		if bound > 0 {
			yield(engine.Change{Collection: "namespaces", Key: largeNamespace, Doc: benchLargeNamespace(bound)}, nil)
		}
	}
}

func benchNamespace(n, size int, role string) []byte {
	return fmt.Appendf(nil, `{"bindings":{"account:%s":{"role":"%s"},"account:%s":{"role":"edit"},"team:%s":{"role":"view"}},"labels":{"stage":"demo"},"owners":{"account:%s":true}}`,
		benchAccountID((n+1)%size), role, benchAccountID((n+2)%size), benchTeamID(n/benchTeamSize), benchAccountID(n))
}

func benchLargeNamespace(bound int) []byte {
	bindings := make([]string, bound)
	for n := range bindings {
		bindings[n] = fmt.Sprintf(`"account:%s":{"role":"view"}`, benchAccountID(n))
	}
	return fmt.Appendf(nil, `{"bindings":{%s},"labels":{"stage":"demo"},"owners":{"account:%s":true}}`, strings.Join(bindings, ","), benchAccountID(0))
}

// benchQuestion asks as account n to open a notebook.
func benchQuestion(n int, namespace string) engine.Value {
	str, field := engine.String, func(key string, v engine.Value) engine.Field { return engine.Field{Key: key, Value: v} }
	subject := engine.Object(
		field("id", str(string(benchAccountID(n)))), field("kind", str("account")), field("groups", engine.Object()),
		field("token", engine.Object(field("kind", str("access")), field("jti", str("J")), field("issuer", str("https://id.example.org")), field("scopes", engine.Object()))),
	)
	request := engine.Object(
		field("method", str("GET")), field("scheme", str("https")), field("host", str("app.example.org")),
		field("path", engine.Array(str("notebook"), str(namespace), str("demo"), str("lab"))),
		field("query", engine.Object()), field("websocket", engine.Bool(false)), field("headers", engine.Object()),
	)
	return engine.Object(field("subject", subject), field("request", request))
}

// processCPU is user and system time of this process so far.
func processCPU() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for a bad argument
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
