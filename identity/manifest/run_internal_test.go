package manifest

import (
	"testing"
	"time"
)

func TestBatches_shrink_when_they_take_long_and_grow_again(t *testing.T) {
	for _, c := range []struct {
		hold time.Duration
		size int
		took time.Duration
		want int
	}{
		{0, 50_000, 2 * time.Second, 50_000},
		{0, 50_000, time.Second, 100_000},
		{0, 50_000, 4 * time.Second, 25_000},
		{0, 50_000, time.Minute, 25_000}, // by half at most: it may have been a hiccup
		{0, 3_000, time.Minute, 2_000},
		{0, 2_000, 0, 4_000},
		{time.Second, 50_000, 2 * time.Second, 25_000},
		{time.Second, 20_000, time.Second, 20_000},
	} {
		run := &Run{Hold: c.hold}
		if got := run.next(c.size, c.took); got != c.want {
			t.Errorf("after %d entries in %v of %v: got %d, want %d", c.size, c.took, c.hold, got, c.want)
		}
	}
}
