//go:build bench

package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const (
	writesPerSecond    = 200
	decisionsPerSecond = 2000 // in the engine
	requestsPerSecond  = 1000 // over HTTP
)

// besideWrites decides at a fixed rate on a thread of its own, with the given number of
// writes a second on another. A decision that is late makes the next ones late too, and
// that counts: the times are from when each was due.
func (w *engineWorker) besideWrites(ctx context.Context, task childTask) (childAnswer, error) {
	var stop atomic.Bool
	written := make(chan result, 1)
	go func() { written <- w.writeAtRate(ctx, task.Rate, &stop) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took := make([]time.Duration, 0, int(task.For.Seconds()*decisionsPerSecond)+1)
	begin := time.Now()
	for due := time.Duration(0); due < task.For; due += time.Second / decisionsPerSecond {
		n := int(uint32(len(took))*2654435761) % w.size
		question := benchQuestion(n, fmt.Sprint("ns", (n+w.size-1)%w.size))
		for time.Since(begin) < due { // sleeping would be too coarse
		}
		if got := w.engine.Decide(ctx, ingressDecision, question); got.Effect != "allow" {
			return childAnswer{}, fmt.Errorf("account %d: %+v", n, got)
		}
		took = append(took, time.Since(begin)-due)
	}
	stop.Store(true)
	wrote := <-written
	slices.Sort(took)
	return childAnswer{Times: len(took), Latency: threePercentiles(took), Written: threePercentiles(wrote.took)}, wrote.err
}

type result struct {
	took []time.Duration
	err  error
}

// writeAtRate writes until it is told to stop, and returns how long each write took,
// sorted.
func (w *engineWorker) writeAtRate(ctx context.Context, rate int, stop *atomic.Bool) (r result) {
	if rate == 0 {
		return r
	}
	for due := time.Now(); !stop.Load() && r.err == nil; due = due.Add(time.Second / time.Duration(rate)) {
		time.Sleep(time.Until(due))
		begin := time.Now()
		r.err = w.write(ctx)
		r.took = append(r.took, time.Since(begin))
	}
	slices.Sort(r.took)
	return r
}

func threePercentiles(sorted []time.Duration) []time.Duration {
	if len(sorted) == 0 {
		return nil
	}
	return []time.Duration{percentile(sorted, 0.50), percentile(sorted, 0.99), percentile(sorted, 0.999)}
}

// stallRow gathers the rounds of one way to decide.
type stallRow struct {
	name             string
	latency, written [3][]time.Duration
	writesBeside     bool
}

func (r *stallRow) add(latency, written []time.Duration) {
	for i := range latency {
		r.latency[i] = append(r.latency[i], latency[i])
	}
	for i := range written {
		r.written[i] = append(r.written[i], written[i])
	}
}

func (r *stallRow) print() {
	cells := ""
	for _, list := range [][3][]time.Duration{r.latency, r.written} {
		for _, values := range list {
			if len(values) == 0 {
				cells += " - |"
				continue
			}
			cells += " " + short(median(values)) + " |"
		}
	}
	fmt.Printf("| %s |%s\n", r.name, cells)
}

// TestBenchStall prints how long decisions take at a fixed rate, beside 200 writes a
// second and without them: in the engine, where a write is its snapshot only, and over
// HTTP, where a write is the whole of it, from SQLite to every index.
func TestBenchStall(t *testing.T) {
	quiet(t)
	rows := append(stallInEngine(t), stallOverHTTP(t)...)
	fmt.Printf("\nDecisions at a fixed rate (engine: %d a second over %d accounts; HTTP: %d a second over %d), %d writes a second:\n",
		decisionsPerSecond, benchSize(), requestsPerSecond, benchPlentyOf(), writesPerSecond)
	fmt.Print("\n| | p50 | p99 | p99.9 | write p50 | p99 | p99.9 |\n|---|---|---|---|---|---|---|\n")
	for _, row := range rows {
		row.print()
	}
	inEngine, engineOf := slowdown(rows[0], rows[1])
	overHTTP, httpOf := slowdown(rows[2], rows[3])
	reachStall.is(max(inEngine, overHTTP), "in the engine %.2f (%s); over HTTP %.2f (%s)", inEngine, engineOf, overHTTP, httpOf)
}

// slowdown compares p99.9 with writes and without, and tells what of.
func slowdown(without, with *stallRow) (ratio float64, of string) {
	a, b := median(with.latency[2]), median(without.latency[2])
	return float64(a) / float64(b), short(a) + " ÷ " + short(b)
}

func stallInEngine(t *testing.T) []*stallRow {
	t.Helper()
	c := startChild(t, "engine", childOptions{Size: benchSize()}, bothCores(t))
	defer c.end()
	rows := []*stallRow{{name: "engine, no writes"}, {name: "engine, with writes", writesBeside: true}}
	c.do(t, childTask{What: "decide", For: time.Second}) // what happens only once
	for round := range benchRounds {
		for _, row := range rows {
			task := childTask{What: "decide beside writes", For: benchEngineTime()}
			if row.writesBeside {
				task.Rate = writesPerSecond
			}
			got := c.do(t, task)
			row.add(got.Latency, got.Written)
			note("round %d of %d: %s: p99.9 %s", round+1, benchRounds, row.name, short(got.Latency[2]))
		}
	}
	return rows
}

func stallOverHTTP(t *testing.T) []*stallRow {
	t.Helper()
	serverCore, ownCore := twoCores(t)
	size := benchPlentyOf()
	data := benchDirectory(t, size)
	tokens := benchTokens(t, data, size)
	address := freeAddress(t)
	c := startChild(t, "house", childOptions{Data: data, Address: address, Size: size}, serverCore)
	defer c.end()
	pinSelf(t, ownCore, 2*benchConnections)
	requests := make([][]byte, size)
	for n, bearer := range tokens {
		requests[n] = doorRequest(nil, n, size, bearer, "known")
	}
	askEachOnce(t, address, requests)
	rows := []*stallRow{{name: "HTTP, no writes"}, {name: "HTTP, with writes", writesBeside: true}}
	for round := range benchRounds {
		for _, row := range rows {
			var written []time.Duration
			if row.writesBeside {
				c.start(t, childTask{What: "write", For: benchEngineTime(), Rate: writesPerSecond})
			}
			took := askOpenLoop(t, address, doorQuestions(tokens), requestsPerSecond, benchEngineTime())
			if row.writesBeside {
				written = c.answer(t).Written
			}
			row.add(threePercentiles(took), written)
			note("round %d of %d: %s: p99.9 %s", round+1, benchRounds, row.name, short(percentile(took, 0.999)))
		}
	}
	return rows
}
