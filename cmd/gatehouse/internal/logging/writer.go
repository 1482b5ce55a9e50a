package logging

import (
	"io"
	"sync"
	"time"
)

const (
	flushEvery = 100 * time.Millisecond // a line waits this long at most
	flushAt    = 32 << 10               // bytes gathered that are written without waiting
	maxWaiting = 1 << 20                // bytes that may wait for a slow reader before callers do
)

// Writer gathers lines and writes many with one call, in the order in which they came.
// No line is dropped: where the reader of the log is slower than its writers, they wait.
// Close writes what is left; a process that is killed loses what it had gathered.
type Writer struct {
	writing sync.Mutex // held while out is written to, taken before gathering
	out     io.Writer
	spare   []byte

	gathering sync.Mutex
	lines     []byte
	closed    bool
	timer     *time.Timer
}

// NewWriter makes a Writer to out, which it alone should write to until Close.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out}
	w.timer = time.AfterFunc(flushEvery, w.Flush)
	return w
}

// Write implements io.Writer for one or more whole lines. It never fails: there is
// nowhere to say that a log cannot be written.
func (w *Writer) Write(lines []byte) (int, error) {
	waiting, closed := w.gather(lines)
	switch {
	case closed || waiting >= maxWaiting:
		w.Flush()
	case waiting >= flushAt && w.writing.TryLock():
		w.flush()
		w.writing.Unlock()
	}
	return len(lines), nil
}

func (w *Writer) gather(lines []byte) (waiting int, closed bool) {
	w.gathering.Lock()
	defer w.gathering.Unlock()
	if len(w.lines) == 0 {
		w.timer.Reset(flushEvery)
	}
	w.lines = append(w.lines, lines...)
	return len(w.lines), w.closed
}

// Flush returns when everything that was written before is out.
func (w *Writer) Flush() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.flush()
}

// flush needs writing.
func (w *Writer) flush() {
	w.gathering.Lock()
	lines := w.lines
	w.lines = w.spare[:0]
	w.gathering.Unlock()
	if len(lines) > 0 {
		_, _ = w.out.Write(lines)
	}
	w.spare = lines
}

// Close writes what is left. Lines that come later are written at once.
func (w *Writer) Close() {
	w.gathering.Lock()
	w.closed = true
	w.gathering.Unlock()
	w.timer.Stop()
	w.Flush()
}
