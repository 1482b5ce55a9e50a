// Package engine answers questions: it evaluates an entry point of the active
// policy over the active directory data and gives back one Decision.
//
// It owns the pairing of one policy revision with one data revision, the memo of
// decisions that would be made again, the deadline of an evaluation and the rule
// that everything which is not a well-formed answer is a denial. It does not own
// people, policies or HTTP: documents arrive as collection, key and JSON through
// Apply and Replace, compiled policies through Activate, and surfaces ask OPA
// nothing but through Decide. Below it, internal/snapshot keeps the documents and
// internal/plan runs what OPA's compiler makes of a policy.
//
// A decision takes these steps. The state, a policy and a snapshot, is pinned by
// one atomic load. What the policy can read of the input makes the key of the
// memo; an entry under it holds if every document that was read, or found absent,
// is still the same in the pinned snapshot. Otherwise the policy is evaluated over
// a transaction, which records what is read of the directory, and the answer is
// remembered with that, unless it may be another one the next time.
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

// defaultParsedBytes bounds the parsed documents where Options do not.
const defaultParsedBytes = 64 << 20

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
	// Memo bounds what is remembered of earlier decisions.
	Memo MemoOptions
	// ParsedBytes bounds the memory of documents that are kept parsed because they
	// are read often; 0 means 64 MiB.
	ParsedBytes int64
	// Collections are those that policies find under data.identity even while they
	// have no documents, as an empty object. Others are there with documents only.
	Collections []string
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
	now      func() time.Time // nil is the system's
	observe  func(string, *Decision)
	// parsedBytes is Options.ParsedBytes, for the snapshots.
	parsedBytes int64
	collections []string
	memo        MemoOptions
	counts      counts
	// interpret makes OPA's own interpreter evaluate every policy.
	interpret bool

	write sync.Mutex // serialises Activate, Apply and Replace
	state atomic.Pointer[state]
}

// state pairs a policy with data. It is immutable: one atomic load pins both
// for a whole decision, so no decision sees half a change.
type state struct {
	policy *policy
	data   *snapshot.Snapshot
	// number is another one for each state that this engine was in.
	number uint64
}

// New returns an engine that denies everything until it was given a policy by
// Activate and data by Replace.
func New(o Options) *Engine {
	e := &Engine{deadline: o.Deadline, now: o.Now, observe: o.Observe, parsedBytes: o.ParsedBytes, collections: o.Collections, memo: o.Memo}
	if e.parsedBytes <= 0 {
		e.parsedBytes = defaultParsedBytes
	}
	if e.deadline <= 0 {
		e.deadline = defaultDeadline
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
	next.number++
	e.state.Store(&next)
}
