package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

const (
	progressAfter = 500 * time.Millisecond // shorter work shows nothing
	progressEvery = 100 * time.Millisecond
	// Where there is no line to draw over, in a log say, each is a line of its own.
	progressLines = 10 * time.Second
)

// progress shows how far long work is: on one line of a terminal, or with a line every
// ten seconds anywhere else. Short work shows nothing.
type progress struct {
	out      io.Writer
	now      func() time.Time
	what     string
	started  time.Time
	shown    time.Time // when it was last shown; zero = never
	terminal bool
	drawn    bool // there is a line to wipe
}

func newProgress(out io.Writer, now func() time.Time, what string) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, now: now, what: what, started: now(), terminal: ok && isatty.IsTerminal(file.Fd())}
}

func (p *progress) update(done, total int) {
	if !p.due() {
		return
	}
	text := fmt.Sprintf("%d of %d", done, total)
	if took := p.shown.Sub(p.started); took >= 2*time.Second {
		text += fmt.Sprintf(", %.0f a second", float64(done)/took.Seconds())
	}
	p.draw(text)
}

// stage names the part of the work that has no count.
func (p *progress) stage(name string) {
	if p.terminal && p.drawn {
		p.draw(name + " …")
	}
}

// due says that it is time to show something, and takes it that this is done.
func (p *progress) due() bool {
	now, after, every := p.now(), progressAfter, progressEvery
	if !p.terminal {
		after, every = progressLines, progressLines
	}
	if now.Sub(p.started) < after || now.Sub(p.shown) < every {
		return false
	}
	p.shown = now
	return true
}

func (p *progress) draw(text string) {
	if !p.terminal {
		_, _ = fmt.Fprintf(p.out, "%s: %s\n", p.what, text)
		return
	}
	_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s: %s", p.what, text)
	p.drawn = true
}

// clear wipes the line, so that what follows begins at the left.
func (p *progress) clear() {
	if p.drawn {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// done ends it; what comes next is measured by itself.
func (p *progress) done() { p.clear() }

// reader shows how far the reading of a file is; a size of 0 is not known.
func (p *progress) reader(from io.Reader, name string, size int64) io.Reader {
	return &progressReader{from: from, progress: p, name: name, size: size}
}

type progressReader struct {
	from     io.Reader
	progress *progress
	name     string
	size     int64
	read     int64
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.read += int64(n)
	if r.progress.due() {
		text := fmt.Sprintf("reading %s, %d MiB", r.name, r.read>>20)
		if r.size > 0 {
			text = fmt.Sprintf("reading %s, %d%%", r.name, 100*r.read/r.size)
		}
		r.progress.draw(text)
	}
	return n, err
}
