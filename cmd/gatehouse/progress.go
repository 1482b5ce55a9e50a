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
)

// progress shows on one line of a terminal how far long work is. Anywhere else, and
// for short work, it shows nothing.
type progress struct {
	out     io.Writer
	now     func() time.Time
	what    string
	started time.Time
	shown   time.Time // when the line was last drawn; zero = never
	on      bool
}

func newProgress(out io.Writer, now func() time.Time, what string) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, now: now, what: what, started: now(), on: ok && isatty.IsTerminal(file.Fd())}
}

func (p *progress) update(done, total int) {
	if p.due() {
		p.draw(fmt.Sprintf("%s: %d of %d", p.what, done, total))
	}
}

// stage names the part of the work that has no count.
func (p *progress) stage(name string) {
	if p.on && !p.shown.IsZero() {
		p.draw(p.what + ": " + name + " …")
	}
}

func (p *progress) due() bool {
	now := p.now()
	return p.on && now.Sub(p.started) >= progressAfter && now.Sub(p.shown) >= progressEvery
}

func (p *progress) draw(text string) {
	p.shown = p.now()
	_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s", text)
}

// done wipes the line, so that what follows begins at the left.
func (p *progress) done() {
	if !p.shown.IsZero() {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
	}
}
