//go:build bench

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The benchmarks print the tables of docs/performance.md, one test for each part of the
// house, and at the end the figures that Gatehouse promises beside what was measured.
// What is measured runs in a process of its own: the built binary, stock OPA, or this
// binary in a role (bench_child_test.go).

const (
	benchRounds  = 3
	benchPeople  = 1000             // of the small directory
	benchBound   = 10_000           // bindings of the large namespace
	benchPlenty  = 100_000          // accounts of the comparison with stock OPA
	benchMillion = 1_000_000        // accounts, and namespaces, of the large directory
	benchDefault = 30 * time.Second // one target in one round

	benchDeadline = 10 * time.Second // of a decision; late answers are to be measured
)

// benchTime is how long a server is asked in one round.
func benchTime() time.Duration {
	d, err := time.ParseDuration(os.Getenv("BENCHTIME"))
	if err != nil || d <= 0 {
		return benchDefault
	}
	return d
}

// benchEngineTime is the same for what needs no network: noise is smaller there.
func benchEngineTime() time.Duration { return max(benchTime()/3, time.Second) }

// benchSize is how many accounts, and as many namespaces, the large directory has.
func benchSize() int {
	n, err := strconv.Atoi(os.Getenv("BENCHSIZE"))
	if err != nil || n <= 0 {
		return benchMillion
	}
	return max(n, benchBound)
}

// benchPlentyOf is the size of the comparison with stock OPA.
func benchPlentyOf() int { return min(benchPlenty, benchSize()) }

// TestMain lets this binary be one of the processes that are measured.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := playRole(context.Background(), role); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(runBench(m))
}

func runBench(m *testing.M) int {
	root, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(root) }()
	benchRoot = root
	code := m.Run()
	printReach()
	return code
}

// note says what is going on, apart from the tables.
func note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// benchRoot is where directories are made, once for each size.
var benchRoot string

// benchDirectory is the data folder of a filled directory.
func benchDirectory(t *testing.T, accounts int) string {
	t.Helper()
	return keptDirectory(t, "accounts-"+strconv.Itoa(accounts), func(data string) {
		begin := time.Now()
		fillDirectory(t, data, accounts, nil)
		note("filled a directory of %d accounts, %d namespaces, %d bindings in %s", accounts, accounts, 3*accounts, time.Since(begin).Round(time.Millisecond))
	})
}

// keptDirectory is a data folder of that name, filled if it is not there yet. BENCHDATA
// names a folder in which filled directories are kept for the next run.
func keptDirectory(t *testing.T, name string, fill func(data string)) string {
	t.Helper()
	root := benchRoot
	if kept := os.Getenv("BENCHDATA"); kept != "" {
		root = kept
	}
	data := filepath.Join(root, name)
	filled := data + ".filled"
	if _, err := os.Stat(filled); err == nil {
		return data
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	fill(data)
	if err := os.WriteFile(filled, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// reach is one figure that is promised. Exactly one of least and most is set.
type reach struct {
	what        string
	least, most float64
	unit        string

	measured bool
	value    float64
	beside   string // what the figure was made of
}

// The figures, in the order in which they are printed.
var (
	reachBare     = &reach{what: "bare echo handler ÷ `/auth/nginx`, repeated requests with a valid bearer (CPU)", least: 0.80}
	reachStock    = &reach{what: "stock OPA ÷ `/auth/nginx`, every request different, tokens known (CPU)", least: 2}
	reachScale    = &reach{what: "decision in the engine, memo off, GOGC by default: large directory ÷ 1,000 accounts", most: 1.25}
	reachBound    = &reach{what: "decision in a namespace of 10,000 bindings ÷ of 3", most: 1.5}
	reachApply    = &reach{what: "one binding written, snapshot only: large directory ÷ 1,000 namespaces", most: 2}
	reachHeap     = &reach{what: "live heap of the whole server ÷ OPA's inmem store with the same documents", most: 0.25}
	reachStart    = &reach{what: "cold start of the large directory from SQLite", most: 25, unit: " s"}
	reachEnforced = &reach{what: "a commit that was answered is enforced on the next request (1 = always)", least: 1}
	reachStall    = &reach{what: "p99.9 of decisions with 200 writes a second ÷ without, in the engine and over HTTP (the worse of both)", most: 2}

	reachRest   = &reach{what: "p99 of a list, filter or get over REST, the slowest of all shapes of calls", most: 10, unit: " ms"}
	reachGrant  = &reach{what: "p99 of a binding written over REST and enforced on the next check", most: 10, unit: " ms"}
	reachImport = &reach{what: "import over REST, into an empty directory or a full one (the worse of both)", least: 20, unit: " thousand objects/s"}

	allReach = []*reach{reachBare, reachStock, reachScale, reachBound, reachApply, reachHeap, reachStart, reachEnforced, reachStall, reachRest, reachGrant, reachImport}
)

func (r *reach) is(value float64, format string, args ...any) {
	r.measured, r.value, r.beside = true, value, fmt.Sprintf(format, args...)
}

// target is how the promise is written.
func (r *reach) target() string {
	if r.least > 0 {
		return fmt.Sprintf("≥ %.4g%s", r.least, r.unit)
	}
	return fmt.Sprintf("≤ %.4g%s", r.most, r.unit)
}

func (r *reach) verdict() string {
	by := (r.value - r.most) / r.most
	if r.least > 0 {
		by = (r.least - r.value) / r.least
	}
	switch {
	case !r.measured:
		return "not measured"
	case by <= 0:
		return "ok"
	}
	return fmt.Sprintf("missed by %.0f %%", 100*by)
}

// printReach prints what was measured in this run against what is promised.
func printReach() {
	if !slices.ContainsFunc(allReach, func(r *reach) bool { return r.measured }) {
		return
	}
	fmt.Printf("\n## Reach\n\n%s. Large directory: %d accounts, %d namespaces, %d bindings. %s a round.\n\n",
		machine(), benchSize(), benchSize(), 3*benchSize(), benchTime())
	fmt.Print("| figure | target | measured | | made of |\n|---|---|---|---|---|\n")
	for _, r := range allReach {
		value := "-"
		if r.measured {
			value = fmt.Sprintf("%.2f%s", r.value, r.unit)
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, r.target(), value, r.verdict(), r.beside)
	}
	if benchSize() != benchMillion || benchTime() != benchDefault {
		fmt.Print("\nThe targets are meant for the full sizes and times; this run was shorter.\n")
	}
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// percentile is the value that this share of the values does not exceed.
func percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// short writes a time as tables show it.
func short(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
