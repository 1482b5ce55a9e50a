// Package engine answers questions: it evaluates an entry point of the active
// policy over the active directory data and gives back one Decision.
//
// It owns the pairing of one policy revision with one data revision, the
// snapshot of the directory's documents that policies read, the deadline of an
// evaluation and the rule that everything which is not a well-formed answer is
// a denial. It does not own people, policies or HTTP: documents arrive as
// collection, key and JSON through Apply and Replace, compiled policies through
// Activate, and surfaces ask OPA nothing but through Decide.
package engine

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine/internal/snapshot"
)

// defaultDeadline bounds an evaluation where Options do not.
const defaultDeadline = 50 * time.Millisecond

// Change is one document of the directory as it is after a write: Doc is
// compact JSON, or nil when the document was removed. It is an alias of an
// unnamed struct so that whoever feeds the engine need not import it.
type Change = snapshot.Change

var (
	// ErrNotReady is returned while there is no policy or no data.
	ErrNotReady = errors.New("engine: not ready")
	// ErrGap is returned by Apply for any revision but the one that follows the
	// current one. The caller delivers what is missing or replaces all data.
	ErrGap = errors.New("engine: revision does not follow the current one")
)

// Options configure an Engine. The zero value is ready for use.
type Options struct {
	// Deadline bounds one evaluation; 0 means 50 ms.
	Deadline time.Duration
	// Now is the clock of decisions and of time.now_ns; nil means time.Now.
	Now func() time.Time
	// Observe sees every decision after it was made, on the goroutine that asked
	// and before the answer is given. It must not keep or change d.
	Observe func(entrypoint string, d *Decision)
}

// Engine is safe for concurrent use. Deciding never waits for a writer, and a
// writer never waits for a decision.
type Engine struct {
	deadline time.Duration
	now      func() time.Time
	observe  func(string, *Decision)

	write sync.Mutex // serialises Activate, Apply and Replace
	state atomic.Pointer[state]
}

// state pairs a policy with data. It is immutable: one atomic load pins both
// for a whole decision, so no decision sees half a change.
type state struct {
	policy *policy
	data   *snapshot.Snapshot
}

// New returns an engine that denies everything until it was given a policy by
// Activate and data by Replace.
func New(o Options) *Engine {
	e := &Engine{deadline: o.Deadline, now: o.Now, observe: o.Observe}
	if e.deadline <= 0 {
		e.deadline = defaultDeadline
	}
	if e.now == nil {
		e.now = time.Now
	}
	e.state.Store(&state{})
	return e
}

// Ready returns nil, or an ErrNotReady that names what is missing.
func (e *Engine) Ready() error {
	s := e.state.Load()
	switch {
	case s.policy == nil:
		return errNoPolicy
	case s.data == nil:
		return errNoData
	}
	return nil
}

// Revisions tells what decisions are made from at this moment; "" and 0 stand
// for nothing yet.
func (e *Engine) Revisions() (policy string, data uint64) {
	s := e.state.Load()
	if s.policy != nil {
		policy = s.policy.revision
	}
	if s.data != nil {
		data = s.data.Revision()
	}
	return policy, data
}

// swap publishes what change makes of the current state. The caller holds
// e.write.
func (e *Engine) swap(change func(*state)) {
	next := *e.state.Load()
	change(&next)
	e.state.Store(&next)
}
