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
	// collectPercent is what a large directory gets. With Go's default of 100, marking
	// it was a sixth of a check's cost where 100,000 people ask about different things.
	collectPercent    = 200
	maxCollectPercent = 1600

	paceEvery = time.Second
)

// boundMemory sets GOMEMLIMIT to nine tenths of the container's memory, unless the
// environment sets it. restore ends it.
func (a *app) boundMemory(log *slog.Logger) (restore func()) {
	if a.env("GOMEMLIMIT") != "" {
		return func() {}
	}
	return limitMemory(memlimit.FromCgroup, log)
}

// paceMemory sets GOGC so that at least collectAfter is allocated between collections,
// unless the environment sets it. It is for after the directory is loaded: before, the
// heap says nothing about how large it will be. restore ends it.
func (a *app) paceMemory(ctx context.Context) (restore func()) {
	if a.env("GOGC") != "" {
		return func() {}
	}
	return paceCollector(ctx)
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
