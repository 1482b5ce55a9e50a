package main

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// collectAfter is how much a server allocates at least before garbage is collected
	// again. Go's default doubles the heap: with a small directory that is every few
	// thousand answers, and each time all compiled policies are walked.
	collectAfter = 64 << 20
	// collectPercent is Go's default, which a large directory gets.
	collectPercent    = 100
	maxCollectPercent = 1600

	paceEvery = 10 * time.Second
)

// tuneMemory sets what Go's collector does for a server, but for what the environment
// sets: GOMEMLIMIT to nine tenths of the container's memory, GOGC so that at least
// collectAfter is allocated between collections. restore ends it.
func (a *app) tuneMemory(ctx context.Context, log *slog.Logger) (restore func()) {
	undo := []func(){}
	if a.env("GOMEMLIMIT") == "" {
		undo = append(undo, limitMemory(memlimit.FromCgroup, log))
	}
	if a.env("GOGC") == "" {
		undo = append(undo, paceCollector(ctx))
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}

// limitMemory keeps the process below the limit of its container: without it Go knows
// of none, and the kernel ends the process while there is garbage to collect.
func limitMemory(of memlimit.Provider, log *slog.Logger) (restore func()) {
	limit, err := of()
	if err != nil { // no limit, no cgroups, or not to be found out: as Go does it
		log.Debug("no memory limit of a container is known", "cause", err)
		return func() {}
	}
	hard := int64(min(limit, math.MaxInt64))
	soft := hard / 10 * 9
	before := debug.SetMemoryLimit(soft)
	log.Info("memory is limited", "container", byteSize(hard).String(), "GOMEMLIMIT", soft)
	return func() { debug.SetMemoryLimit(before) }
}

// paceCollector follows the live heap, which grows with the directory.
func paceCollector(ctx context.Context) (restore func()) {
	ctx, stop := context.WithCancel(ctx)
	percent := collectPercentFor(liveHeap())
	before := debug.SetGCPercent(percent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(paceEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// Setting it stops all threads for a moment, so not for a small change.
			if next := collectPercentFor(liveHeap()); next*10 < percent*9 || next*10 > percent*11 {
				percent = next
				debug.SetGCPercent(percent)
			}
		}
	}()
	return func() {
		stop()
		<-done
		debug.SetGCPercent(before)
	}
}

// collectPercentFor is the GOGC with which collectAfter or more is allocated between
// two collections of a heap of which so many bytes live.
func collectPercentFor(live uint64) int {
	return int(min(max(collectAfter*100/max(live, 1), collectPercent), maxCollectPercent))
}

// liveHeap is what the last collection left, 0 before the first.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
