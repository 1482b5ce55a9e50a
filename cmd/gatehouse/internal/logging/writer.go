package logging

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flushEvery = 100 * time.Millisecond // a line waits this long at most
	flushAt    = 32 << 10               // bytes gathered that are written without waiting
	maxWaiting = 1 << 20                // bytes that may wait for a slow reader before callers do
	maxKept    = 1 << 20                // bytes that are kept while writing fails
)

// Writer gathers lines and writes many with one call, in the order in which they came.
// Where the reader of the log is slower than its writers, they wait, and no line is
// dropped. Where writing fails they do not wait: lines are kept up to maxKept and tried
// again, those beyond it are counted, and a line says how many once writing works again.
// Close writes what is left; a process that is killed loses what it had gathered.
type Writer struct {
	writing sync.Mutex // held while out is written to, taken before gathering
	out     io.Writer
	spare   []byte
	kept    []byte // what could not be written, in its order
	dropped int    // lines that came after those
	json    atomic.Bool

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

// Flush returns when everything that was written before is out, or could not be written.
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
	rest := lines
	if w.retry() && len(rest) > 0 {
		n, err := w.out.Write(rest)
		rest = rest[n:]
		if err == nil {
			rest = nil
		}
	}
	w.keep(rest)
	w.spare = lines
	if len(w.kept) > 0 || w.dropped > 0 {
		w.again()
	}
}

// retry writes what could not be written before, and reports whether nothing of it is
// left. It needs writing.
func (w *Writer) retry() bool {
	if len(w.kept) > 0 {
		n, err := w.out.Write(w.kept)
		if err != nil {
			w.kept = append(w.kept[:0], w.kept[n:]...)
			return false
		}
		w.kept = nil // a megabyte that is hopefully not needed again
	}
	if w.dropped > 0 {
		line := w.lost(w.dropped)
		n, err := w.out.Write(line)
		if err != nil && n == 0 {
			return false
		}
		w.dropped = 0
		if err != nil {
			w.kept = append(w.kept, line[n:]...)
			return false
		}
	}
	return true
}

// keep keeps those of the lines that there is room for and counts the others. Once one
// was dropped so are all that follow, so that there is one gap. It needs writing.
func (w *Writer) keep(lines []byte) {
	fit := 0
	if w.dropped == 0 {
		if fit = len(lines); fit > maxKept-len(w.kept) {
			fit = bytes.LastIndexByte(lines[:max(0, maxKept-len(w.kept))], '\n') + 1
		}
		if fit == 0 && len(w.kept) == 0 { // one long line, of which a part may be out
			fit = bytes.IndexByte(lines, '\n') + 1
		}
	}
	w.kept = append(w.kept, lines[:fit]...)
	w.dropped += bytes.Count(lines[fit:], []byte{'\n'})
}

// again has the timer try again, even where no more lines come.
func (w *Writer) again() {
	w.gathering.Lock()
	defer w.gathering.Unlock()
	if !w.closed {
		w.timer.Reset(flushEvery)
	}
}

// lost is the line about lines that were dropped.
func (w *Writer) lost(dropped int) (line []byte) {
	e := entry{
		time: time.Now(), level: slog.LevelError, message: "log lines were dropped: the log could not be written",
		attrs: []slog.Attr{slog.Int("lines", dropped)},
	}
	if w.json.Load() {
		line, _ = appendJSON(nil, &e)
	} else {
		line, _ = appendText(nil, &e)
	}
	return line
}

// Close writes what is left, if it can be written. Lines that come later are written at
// once.
func (w *Writer) Close() {
	w.gathering.Lock()
	w.closed = true
	w.gathering.Unlock()
	w.timer.Stop()
	w.Flush()
}
