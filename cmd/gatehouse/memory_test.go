package main

import (
	"bytes"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestCollector_waits_for_as_much_garbage_with_a_small_directory(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 1600, 8 << 20: 800, 31 << 20: 206, 32 << 20: 200, 64 << 20: 200, 1 << 40: 200,
	} {
		if got := collectPercentFor(live); got != want {
			t.Errorf("with %d bytes live: GOGC %d, want %d", live, got, want)
		}
	}
}

// currentTuning reads what the runtime is set to.
func currentTuning() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

// tune does what serve does.
func tune(t *testing.T, a *app) (restore func()) {
	t.Helper()
	bounded := a.boundMemory(slog.New(slog.DiscardHandler))
	paced := a.paceMemory(t.Context())
	return func() { paced(); bounded() }
}

func TestTuning_leaves_alone_what_the_environment_sets_and_is_undone(t *testing.T) {
	percent, limit := currentTuning()
	environment := map[string]string{"GOGC": "73", "GOMEMLIMIT": "1GiB"}
	a := &app{env: func(name string) string { return environment[name] }}
	restore := tune(t, a)
	if p, l := currentTuning(); p != percent || l != limit {
		t.Errorf("with both set: GOGC %d and GOMEMLIMIT %d, want %d and %d", p, l, percent, limit)
	}
	restore()
	delete(environment, "GOGC")
	restore = tune(t, a)
	if p, _ := currentTuning(); p <= collectPercent || p > maxCollectPercent { // the heap of a test is small
		t.Errorf("GOGC is %d, want more than %d", p, collectPercent)
	}
	restore()
	if p, l := currentTuning(); p != percent || l != limit {
		t.Errorf("afterwards: GOGC %d and GOMEMLIMIT %d, want %d and %d", p, l, percent, limit)
	}
}

func TestMemory_is_limited_to_nine_tenths_of_the_container(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	_, before := currentTuning()
	restore := limitMemory(memlimit.Limit(100<<30), log)
	if _, got := currentTuning(); got != 90<<30 {
		t.Errorf("GOMEMLIMIT is %d, want nine tenths of 100 GiB", got)
	}
	if !strings.Contains(text.String(), "container=100GiB") {
		t.Errorf("the log says %q", text.String())
	}
	restore()
	if _, got := currentTuning(); got != before {
		t.Errorf("afterwards GOMEMLIMIT is %d, want %d", got, before)
	}
	limitMemory(func() (uint64, error) { return 0, memlimit.ErrNoLimit }, log)
	if _, got := currentTuning(); got != before {
		t.Errorf("without a limit GOMEMLIMIT is %d, want %d", got, before)
	}
	defer limitMemory(memlimit.Limit(math.MaxUint64), log)()
	if _, got := currentTuning(); got < 1<<60 {
		t.Errorf("with a limit beyond all GOMEMLIMIT is %d", got)
	}
}
