//go:build bench

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestBenchStart starts the built binary on the large directory, from a cold page
// cache, and prints how long it takes until it is ready and what it holds then, beside
// OPA's own store with the same documents.
func TestBenchStart(t *testing.T) {
	quiet(t)
	data := benchDirectory(t, benchSize())
	size := forgetPages(t, data)
	begin := time.Now()
	gate := startGate(t, data, bothCores(t))
	waitReady(t, gate)
	took := time.Since(begin)
	note("ready after %s", took.Round(time.Millisecond))
	heap := heapOf(t, gate)
	resident, highest := gate.residentMiB(), residentMiB(strconv.Itoa(gate.pid), "VmHWM")
	store := startChild(t, "inmem", childOptions{Data: data}, bothCores(t))
	stock := store.do(t, childTask{})
	fmt.Printf("\n%d accounts, %d namespaces, %d bindings; the database has %.0f MiB:\n", benchSize(), benchSize(), 3*benchSize(), size)
	fmt.Print("\n| | live heap | resident | at its highest | ready after |\n|---|---|---|---|---|\n")
	fmt.Printf("| gatehouse, all of it | %.0f MiB | %.0f MiB | %.0f MiB | %.1f s |\n", heap, resident, highest, took.Seconds())
	fmt.Printf("| OPA's inmem store, nothing else | %.0f MiB | %.0f MiB | - | - |\n", stock.Heap, stock.Resident)
	reachHeap.is(heap/stock.Heap, "%.0f MiB ÷ %.0f MiB", heap, stock.Heap)
	reachStart.is(took.Seconds(), "%.0f MiB in SQLite, cold page cache", size)
}

// forgetPages has the system drop what it caches of a data folder, and returns the
// folder's size in MiB.
func forgetPages(t *testing.T, data string) (size float64) {
	t.Helper()
	unix.Sync() // only what is on disk can be dropped
	names, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %d files", data, err, len(names))
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err == nil {
			size += float64(info.Size()) / (1 << 20)
			err = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
		}
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return size
}

// TestBenchEnforced runs the test that a commit which was answered is enforced on the
// next request, so that the table says so only where it is so.
func TestBenchEnforced(t *testing.T) {
	t.Cleanup(func() {
		held := 1.0
		if t.Failed() {
			held = 0
		}
		reachEnforced.is(held, "cmd/gatehouse/enforced_test.go")
	})
	t.Run("1,000 writes", TestWrites_that_were_answered_hold_on_the_next_request)
}
