//go:build bench

package main

import (
	"fmt"
	"testing"
)

// childRow is one engine that is given one task in every round.
type childRow struct {
	name        string
	child       *child
	task        string
	cpu         []float64
	collections int
	fewest      int // in one round
	last        childAnswer
}

// measureChildren interleaves the rounds and prints the table.
func measureChildren(t *testing.T, what string, rows []*childRow) {
	t.Helper()
	for range benchRounds {
		for _, row := range rows {
			row.last = row.child.do(t, childTask{What: row.task, For: benchEngineTime()})
			row.cpu = append(row.cpu, row.last.CPU)
			if row.collections == 0 || row.last.Collections < row.fewest {
				row.fewest = row.last.Collections
			}
			row.collections += row.last.Collections
		}
	}
	fmt.Printf("\n| %s | CPU | allocations | GC cycles | live heap | resident |\n|---|---|---|---|---|---|\n", what)
	for _, row := range rows {
		fmt.Printf("| %s | %.1f µs | %.0f | %d | %.0f MiB | %.0f MiB |\n",
			row.name, 1e6*median(row.cpu), row.last.Allocations, row.collections, row.last.Heap, row.last.Resident)
	}
	for _, row := range rows {
		if row.fewest < leastCycles {
			fmt.Printf("\n**%s: a round saw %d garbage collections, fewer than %d: the share of collecting in its CPU is chance.**\n", row.name, row.fewest, leastCycles)
		}
	}
}

// TestBenchDecide prints what one decision of the default policies costs inside the
// engine with its memo off: over a small and a large directory, accounts uniformly
// random, and in a namespace of few and of many bindings. The collector runs as Go does
// it by default, not as serve paces it: the promise is about an engine in any process.
func TestBenchDecide(t *testing.T) {
	quiet(t)
	core, _ := twoCores(t)
	small := startChild(t, "engine", childOptions{Size: benchPeople, MemoOff: true}, core)
	large := startChild(t, "engine", childOptions{Size: benchSize(), MemoOff: true}, core)
	remembering := startChild(t, "engine", childOptions{Size: benchPeople}, core)
	bound := startChild(t, "engine", childOptions{Size: benchPeople, Bound: benchBound, MemoOff: true}, core)
	rows := []*childRow{
		{name: fmt.Sprintf("%d accounts", benchPeople), child: small, task: "decide"},
		{name: fmt.Sprintf("%d accounts", benchSize()), child: large, task: "decide"},
		{name: fmt.Sprintf("%d accounts, namespaces of 3 bindings", benchPeople), child: bound, task: "decide"},
		{name: fmt.Sprintf("the same, a namespace of %d bindings", benchBound), child: bound, task: "decide in the large namespace"},
		{name: fmt.Sprintf("%d accounts, memo on: every decision remembered", benchPeople), child: remembering, task: "decide"},
	}
	measureChildren(t, "one decision, memo off but where it says on, GOGC by default", rows)
	reachScale.is(median(rows[1].cpu)/median(rows[0].cpu), "%.1f µs ÷ %.1f µs", 1e6*median(rows[1].cpu), 1e6*median(rows[0].cpu))
	reachBound.is(median(rows[3].cpu)/median(rows[2].cpu), "%.1f µs ÷ %.1f µs", 1e6*median(rows[3].cpu), 1e6*median(rows[2].cpu))
}

// TestBenchWrite prints what it costs to write one binding: the engine's snapshot alone,
// and the whole way from SQLite's commit to the sinks.
func TestBenchWrite(t *testing.T) {
	quiet(t)
	core, _ := twoCores(t)
	small := startChild(t, "engine", childOptions{Size: benchPeople}, core)
	large := startChild(t, "engine", childOptions{Size: benchSize()}, core)
	rows := []*childRow{
		{name: fmt.Sprintf("%d namespaces", benchPeople), child: small, task: "write"},
		{name: fmt.Sprintf("%d namespaces", benchSize()), child: large, task: "write"},
	}
	measureChildren(t, "one binding written, snapshot only, GOGC by default", rows)
	reachApply.is(median(rows[1].cpu)/median(rows[0].cpu), "%.1f µs ÷ %.1f µs", 1e6*median(rows[1].cpu), 1e6*median(rows[0].cpu))
	small.end()
	large.end()
	fmt.Print("\n| one binding written, all of it | p50 | p99 | p99.9 | CPU | a second |\n|---|---|---|---|---|---|\n")
	for _, size := range []int{benchPeople, benchSize()} {
		house := startChild(t, "house", childOptions{Data: benchDirectory(t, size), Size: size}, bothCores(t))
		got := house.do(t, childTask{What: "write", For: benchEngineTime()})
		house.end()
		fmt.Printf("| %d namespaces | %s | %s | %s | %.0f µs | %.0f |\n", size,
			short(got.Written[0]), short(got.Written[1]), short(got.Written[2]), 1e6*got.CPU, float64(got.Times)/benchEngineTime().Seconds())
	}
}
