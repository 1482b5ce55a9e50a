package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
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
