package crud

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// The lines of the answer.

type importProgress struct {
	Progress struct {
		Read    int   `json:"read"`    // lines
		Written int64 `json:"written"` // entries
		Of      int   `json:"of"`      // entries
	} `json:"progress"`
}

type importStep struct {
	Line int         `json:"line"`
	Op   manifest.Op `json:"op"`
	What string      `json:"what"`
}

type importProblem struct {
	Line  int    `json:"line,omitempty"` // 0 = of no line
	Field string `json:"field,omitempty"`
	Error string `json:"error"`
}

type importNote struct {
	Line int    `json:"line,omitempty"`
	Note string `json:"note"`
}

// importDone is what was done. Unchanged counts lines, the others what lines did.
type importDone struct {
	Created   int    `json:"created"`
	Updated   int    `json:"updated"`
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	DryRun    bool   `json:"dry_run,omitempty"`
	Revision  uint64 `json:"revision"`
}

type importFailed struct {
	Code     string `json:"code"`
	Why      string `json:"why"`
	Written  int    `json:"written"`
	Of       int    `json:"of"`
	Revision uint64 `json:"revision,omitempty"` // that holds what is written
	Next     string `json:"next"`
}

// importing is one import under way, its body read.
type importing struct {
	surface *Surface
	request *http.Request
	state   *manifest.State
	dryRun  bool
	began   time.Time
	answer  *importAnswer
	run     *manifest.Run
	written atomic.Int64
	changed lineSet
	alone   bool             // nobody else writes where this does
	kept    *manifest.Report // of a rehearsal, until its transaction has ended
}

// perform does the import and answers.
func (i *importing) perform(ctx context.Context, problems manifest.Problems) {
	limits := i.surface.imports.limits
	i.run = &manifest.Run{
		Directory: i.surface.Directory, State: i.state,
		Write: func(ctx context.Context, fn func(*identity.Tx) error) (uint64, error) {
			return i.surface.importTransaction(ctx, i.request, fn)
		},
		Took: i.took, Batch: limits.batch, First: limits.first, Hold: limits.hold, Cache: limits.cache,
	}
	err := i.answer.begin(i.progress())
	if err == nil && len(problems) > 0 {
		err = problems
	}
	if err == nil {
		stop := i.answer.every(time.Second, i.progress)
		err = i.apply(ctx)
		stop()
	}
	i.finish(ctx, err)
}

func (i *importing) apply(ctx context.Context) error {
	if !i.dryRun {
		return i.run.Apply(ctx)
	}
	return i.rehearse(ctx)
}

// rehearse tries the import out: one that is a single transaction in the directory
// itself, where others wait for it no longer than for the import, a larger one on a copy.
func (i *importing) rehearse(ctx context.Context) (err error) {
	if i.state.Entries() > i.surface.imports.limits.batch {
		scratch, remove, err := i.surface.Directory.Scratch(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if err := remove(); err != nil {
				i.surface.Logger.WarnContext(ctx, "the copy of a dry run was not removed", "error", err)
			}
		}()
		i.run.Directory, i.alone = scratch, true
	}
	err = i.run.Rehearse(ctx, func(*identity.Tx) error { return i.surface.mayImport(ctx, i.request) })
	if i.kept != nil {
		err = errors.Join(err, i.tell(i.kept))
	}
	return err
}

func (i *importing) progress() importProgress {
	var p importProgress
	p.Progress.Read, p.Progress.Written, p.Progress.Of = i.state.Lines(), i.written.Load(), i.state.Entries()
	return p
}

// took is told of each transaction after its end, so that a caller who reads slowly
// keeps nobody waiting.
func (i *importing) took(_ *manifest.Batch, report *manifest.Report) error {
	if i.dryRun && !i.alone {
		i.kept = report
		return nil
	}
	i.written.Store(int64(i.run.Written))
	return i.tell(report)
}

// tell sends what a batch did.
func (i *importing) tell(report *manifest.Report) error {
	return i.answer.send(func(line func(any)) {
		for _, step := range report.Steps {
			i.changed.add(step.At.Line)
			line(importStep{step.At.Line, step.Op, step.What})
		}
		for _, note := range report.Notes {
			line(importNote{note.At.Line, note.Text})
		}
		line(i.progress())
	})
}

// finish says how it ended, to the caller and in the log.
func (i *importing) finish(ctx context.Context, err error) {
	log := i.surface.Logger.With("actor", callerOf(ctx).actor(), "entries", i.run.Written, "of", i.state.Entries(),
		"batches", i.run.Batches, "dry_run", i.dryRun, "took", time.Since(i.began).Round(time.Millisecond))
	if err == nil {
		log.InfoContext(ctx, "import done", "revision", i.revision())
		i.answer.end(i.revision(), func(line func(any)) {
			for _, note := range i.state.Notes() {
				line(importNote{note.At.Line, note.Text})
			}
			line(map[string]importDone{"done": {
				Created: i.run.Created, Updated: i.run.Updated, Removed: i.run.Removed,
				Unchanged: i.state.Lines() - i.changed.size, DryRun: i.dryRun, Revision: i.revision(),
			}})
		})
		return
	}
	failed, problems := i.failure(ctx, err)
	log.WarnContext(ctx, "import failed", "code", failed.Code, "revision", i.run.Revision)
	i.answer.end(i.revision(), func(line func(any)) {
		for _, p := range problems {
			line(importProblem{p.At.Line, web.Clip(p.Field, 200), p.Text})
		}
		line(map[string]importFailed{"failed": failed})
	})
}

// revision is the one that holds what was written, or what is there.
func (i *importing) revision() uint64 {
	if i.run.Revision > 0 {
		return i.run.Revision
	}
	return i.surface.Directory.Revision()
}

// failure is an error as the caller may see it, with the lines that are wrong.
func (i *importing) failure(ctx context.Context, err error) (importFailed, manifest.Problems) {
	outcome, again := i.run.Left()
	failed := importFailed{Written: i.run.Written, Of: i.state.Entries(), Revision: i.run.Revision, Next: sentence(again)}
	var problems manifest.Problems
	var refused *manifest.Problem
	switch {
	case ctx.Err() != nil, errors.Is(err, context.Canceled): // whatever was being done then
		failed.Code, failed.Why = "stopped", "Stopped: "+outcome+"."
		return failed, nil
	case errors.As(err, &problems):
	case errors.As(err, &refused):
		problems = manifest.Problems{refused}
	default:
		p := i.surface.problem(ctx, err)
		failed.Code, failed.Why = p.Code, strings.TrimSpace(p.Title+" "+p.Detail)+" "+sentence(outcome)
		return failed, nil
	}
	failed.Code, failed.Next = "invalid", "Mend it and "+again+"."
	failed.Why = "1 problem: " + outcome + "."
	if len(problems) > 1 {
		failed.Why = strconv.Itoa(len(problems)) + " problems: " + outcome + "."
	}
	return failed, problems
}

// sentence is a clause as a sentence of its own.
func sentence(clause string) string { return strings.ToUpper(clause[:1]) + clause[1:] + "." }

// importAnswer writes lines to the caller. Two may write: the import, and the clock.
type importAnswer struct {
	mu       sync.Mutex
	response *echo.Response
	control  *http.ResponseController
	patience time.Duration
	out      *bufio.Writer
	last     time.Time
	gone     error // the caller does not read any more
}

func newImportAnswer(r *echo.Response, control *http.ResponseController, patience time.Duration) *importAnswer {
	return &importAnswer{response: r, control: control, patience: patience, out: bufio.NewWriterSize(r, 64<<10)}
}

// begin answers that the import begins.
func (a *importAnswer) begin(first importProgress) error {
	header := a.response.Header()
	header.Set("Content-Type", lineType)
	header.Set("Trailer", "Gatehouse-Revision")
	header.Set("X-Accel-Buffering", "no") // nginx would keep the lines to itself
	a.response.WriteHeader(http.StatusOK)
	return a.send(func(line func(any)) { line(first) })
}

// send writes lines, in as much time as the caller is given. An error says that the
// caller is gone.
func (a *importAnswer) send(write func(line func(any))) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sendLocked(write)
}

func (a *importAnswer) sendLocked(write func(line func(any))) error {
	if a.gone != nil {
		return a.gone
	}
	_ = a.control.SetWriteDeadline(time.Now().Add(a.patience)) // there are connections without deadlines
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	write(func(line any) {
		if a.gone == nil {
			a.gone = encoder.Encode(line)
		}
	})
	if a.gone == nil {
		a.gone = a.out.Flush()
	}
	if a.gone == nil {
		a.gone = a.control.Flush()
	}
	// A deadline that passes while nothing is written would end an HTTP/2 stream.
	_ = a.control.SetWriteDeadline(time.Time{})
	a.last = time.Now()
	return a.gone
}

// end writes the last lines and the trailer.
func (a *importAnswer) end(revision uint64, write func(line func(any))) {
	a.response.Header().Set("Gatehouse-Revision", strconv.FormatUint(revision, 10))
	if a.send(write) == nil {
		_ = a.control.SetWriteDeadline(time.Now().Add(a.patience)) // for the trailer
	}
}

// every sends a line after each pause of that length, until it is stopped.
func (a *importAnswer) every(pause time.Duration, line func() importProgress) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			a.mu.Lock()
			if time.Since(a.last) >= pause/2 {
				_ = a.sendLocked(func(send func(any)) { send(line()) }) // the import hears of it with its next line
			}
			a.mu.Unlock()
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// lineSet are the lines that did something.
type lineSet struct {
	bits []uint64
	size int
}

func (s *lineSet) add(line int) {
	word, bit := line/64, uint64(1)<<(line%64)
	for len(s.bits) <= word {
		s.bits = append(s.bits, 0)
	}
	if s.bits[word]&bit == 0 {
		s.bits[word] |= bit
		s.size++
	}
}
