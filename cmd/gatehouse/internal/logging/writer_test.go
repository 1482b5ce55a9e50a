package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sink records every call of Write; it may be held up.
type sink struct {
	mu     sync.Mutex
	writes []string
	gate   chan struct{} // nil = open
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

func write(t *testing.T, w *Writer, line string) {
	t.Helper()
	if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("Write = %d, %v, want %d", n, err, len(line))
	}
}

func TestLines_wait_a_moment_and_are_written_together(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out)
		for range 2 { // the timer runs again after it has fired
			out.writes = nil
			write(t, w, "one\n")
			time.Sleep(flushEvery / 2)
			write(t, w, "two\n")
			if got := out.got(); got != nil {
				t.Errorf("written before its time: %q", got)
			}
			time.Sleep(flushEvery/2 + time.Nanosecond)
			synctest.Wait()
			if got, want := out.got(), []string{"one\ntwo\n"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		w.Close()
	})
}

func TestWarnings_are_written_at_once_with_what_came_before(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		out := &sink{}
		w := NewWriter(out)
		log := slog.New(NewHandler(w, true, slog.LevelInfo))
		if prepared {
			log = log.With("room", "engine")
		}
		log.Info("first")
		if got := out.got(); got != nil {
			t.Fatalf("an info line was written at once: %q", got)
		}
		log.Warn("second")
		if got := strings.Join(out.got(), ""); strings.Count(got, "\n") != 2 || strings.Index(got, "first") > strings.Index(got, "second") {
			t.Errorf("got %q, want both lines in order", got)
		}
		w.Close()
	}
}

func TestMany_lines_do_not_wait_for_the_moment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out)
		line := strings.Repeat("x", 1023) + "\n"
		for range flushAt / len(line) {
			write(t, w, line)
		}
		if got := out.got(); len(got) != 1 || len(got[0]) != flushAt {
			t.Errorf("got %d writes, want one of %d bytes", len(got), flushAt)
		}
		w.Close()
	})
}

func TestNothing_is_lost_or_out_of_order_when_the_reader_is_slow(t *testing.T) {
	out := &sink{gate: make(chan struct{})}
	w := NewWriter(out)
	const callers, each = 8, 3000 // more than may wait
	padding := strings.Repeat("x", 100)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n := range each {
				_, _ = w.Write(fmt.Appendf(nil, "%d %d %s\n", c, n, padding))
			}
		})
	}
	go func() {
		for range callers * each {
			select {
			case out.gate <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
		close(out.gate)
	}()
	wg.Wait()
	w.Close()
	next := make([]int, callers)
	for _, chunk := range out.got() {
		if len(chunk) > maxWaiting+callers*200 {
			t.Errorf("%d bytes were waiting, more than the bound", len(chunk))
		}
		for line := range strings.Lines(chunk) {
			var c, n int
			if _, err := fmt.Sscanf(line, "%d %d", &c, &n); err != nil || n != next[c] {
				t.Fatalf("line %.20q: %v; want number %d of caller %d", line, err, next[c], c)
			}
			next[c]++
		}
	}
	for c, n := range next {
		if n != each {
			t.Errorf("caller %d: %d lines, want %d", c, n, each)
		}
	}
}

func TestClose_writes_what_is_left_and_later_lines_at_once(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	write(t, w, "one\n")
	w.Close()
	if got := out.String(); got != "one\n" {
		t.Errorf("after Close: %q", got)
	}
	write(t, w, "two\n")
	if got := out.String(); got != "one\ntwo\n" {
		t.Errorf("a line after Close: %q", got)
	}
}

// disk takes what there is room for and fails with what is beyond it.
type disk struct {
	sink
	room atomic.Int64
}

var errFull = errors.New("no space left on device")

func (d *disk) Write(p []byte) (int, error) {
	n := int(min(int64(len(p)), d.room.Load()))
	d.room.Add(int64(-n))
	if n > 0 {
		_, _ = d.sink.Write(p[:n])
	}
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

const unlimited = 1 << 40

func TestLines_that_cannot_be_written_are_tried_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{}
		out.room.Store(6)
		w := NewWriter(out)
		for _, line := range []string{"one\n", "two\n", "three\n"} {
			write(t, w, line)
			w.Flush()
		}
		if got := strings.Join(out.got(), ""); got != "one\ntw" {
			t.Fatalf("on a full disk: got %q", got)
		}
		time.Sleep(10 * flushEvery)
		out.room.Store(3)
		time.Sleep(flushEvery) // without a line that comes, and again in vain
		out.room.Store(unlimited)
		time.Sleep(flushEvery + time.Nanosecond)
		synctest.Wait()
		if got := strings.Join(out.got(), ""); got != "one\ntwo\nthree\n" {
			t.Errorf("got %q, want all lines", got)
		}
		w.Close()
	})
}

func TestLines_that_there_is_no_room_for_are_counted(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		out := &disk{}
		w := NewWriter(out)
		NewHandler(w, asJSON, slog.LevelInfo)
		const lines = 5000
		for n := range lines {
			write(t, w, fmt.Sprintf("%04d %s\n", n, strings.Repeat("x", 500)))
		}
		w.Flush()
		if got := len(w.kept); got > maxKept {
			t.Fatalf("%d bytes are kept, want at most %d", got, maxKept)
		}
		out.room.Store(int64(len(w.kept)) + 10) // the line about it is torn as well
		w.Flush()
		write(t, w, "dropped or not, it comes later\n")
		w.Flush()
		out.room.Store(unlimited)
		w.Close()
		all := slices.Collect(strings.Lines(strings.Join(out.got(), "")))
		kept := len(all) - 2
		if kept < 1000 {
			t.Fatalf("got %d lines, want a megabyte", len(all))
		}
		for n, line := range all[:kept] {
			if !strings.HasPrefix(line, fmt.Sprintf("%04d x", n)) {
				t.Fatalf("line %d is %.20q", n, line)
			}
		}
		if got := all[kept+1]; got != "dropped or not, it comes later\n" {
			t.Errorf("the last line is %q", got)
		}
		about := all[kept]
		if asJSON {
			var doc struct{ Lines int }
			if err := json.Unmarshal([]byte(about), &doc); err != nil || doc.Lines != lines-kept {
				t.Errorf("got %s, %v, want %d lines", about, err, lines-kept)
			}
		} else if !strings.Contains(about, "level=ERROR") || !strings.HasSuffix(about, fmt.Sprintf(" lines=%d\n", lines-kept)) {
			t.Errorf("got %s, want %d lines", about, lines-kept)
		}
	}
}

func TestCallers_do_not_wait_for_a_log_that_cannot_be_written(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{}
		w := NewWriter(out)
		line := strings.Repeat("x", 1<<16-1) + "\n"
		for range 40 { // more than may wait, and then more than is kept
			write(t, w, line)
		}
		w.Close() // and there is nobody left to try again
		time.Sleep(time.Hour)
	})
}
