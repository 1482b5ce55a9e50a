package engine

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/open-policy-agent/opa/v1/ast"
)

// Effect is what a decision asks its caller to do.
type Effect string

// The effects a policy may answer with. Login is a denial that a person can
// change by signing in.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
	Login Effect = "login"
)

// The reasons of denials that the engine itself makes, because there was no
// well-formed answer to give. All other reasons are the policy's.
const (
	ReasonNoPolicy          = "no_policy"
	ReasonNoData            = "no_data"
	ReasonUnknownEntrypoint = "unknown_entrypoint"
	ReasonTimeout           = "timeout"
	ReasonUndefined         = "undefined"
	ReasonMultipleResults   = "multiple_results"
	ReasonWrongShape        = "wrong_shape"
	ReasonEvalError         = "eval_error"
	ReasonBuiltinError      = "builtin_error"
)

// Decision is the answer to one question. It can be attributed: evaluating the
// same input under the same two revisions gives the same answer.
type Decision struct {
	// ID is a ULID, unique to this decision.
	ID     string
	Effect Effect
	// Reason is a word: one of the engine's own above or one from the policy.
	Reason string
	// Labels say what was decided about; nil where nothing is known.
	Labels map[string]string
	// PolicyRevision and DataRevision are what the answer was made from; "" and 0
	// where there was none.
	PolicyRevision string
	DataRevision   uint64
	Took           time.Duration
	// Err is why the engine denied for a reason of its own, for the log. It may
	// quote policy code and is not for whoever asked.
	Err error
}

// verdict is the part of a decision that the policy gives.
type verdict struct {
	effect Effect
	reason string
	labels map[string]string
	err    error
}

func denied(reason string, err error) verdict {
	return verdict{effect: Deny, reason: reason, err: err}
}

// Decide answers the question named entrypoint, "gatehouse/ingress/decision"
// say, for input. It never fails: without a well-formed answer in time the
// decision is a denial whose reason says what was wrong.
func (e *Engine) Decide(ctx context.Context, entrypoint string, input Value) Decision {
	start := time.Now()
	now := e.now()
	pinned := e.state.Load()
	d := Decision{ID: newID(now)}
	if pinned.policy != nil {
		d.PolicyRevision = pinned.policy.revision
	}
	if pinned.data != nil {
		d.DataRevision = pinned.data.Revision()
	}
	v := e.verdict(ctx, pinned, entrypoint, input, now)
	d.Effect, d.Reason, d.Labels, d.Err = v.effect, v.reason, v.labels, v.err
	d.Took = time.Since(start)
	if e.observe != nil {
		e.observe(entrypoint, &d)
	}
	return d
}

func (e *Engine) verdict(ctx context.Context, s *state, entrypoint string, input Value, now time.Time) verdict {
	if s.policy == nil {
		return denied(ReasonNoPolicy, errNoPolicy)
	}
	if s.data == nil {
		return denied(ReasonNoData, errNoData)
	}
	q, ok := s.policy.entrypoints[entrypoint]
	if !ok {
		return denied(ReasonUnknownEntrypoint, nil)
	}
	if err := ctx.Err(); err != nil {
		return denied(ReasonTimeout, err)
	}
	found, err := e.evaluate(ctx, q, &transaction{state: *s}, input, now)
	if err != nil {
		return denied(reasonOf(err), err)
	}
	v := read(found.value)
	if v.effect == Allow && found.failed != nil {
		// A builtin that fails makes its rule undefined: a deny may be missing.
		return denied(ReasonBuiltinError, found.failed)
	}
	return v
}

// read takes the verdict out of an entry point's value.
func read(value ast.Value) verdict {
	if value == nil {
		return denied(ReasonUndefined, nil)
	}
	v, err := readTerm(value)
	if err != nil {
		return denied(ReasonWrongShape, err)
	}
	return v
}

// newID makes a ULID. Its random part only has to be unique, so it does not
// wait for the system's generator.
func newID(now time.Time) string {
	var id ulid.ULID
	binary.BigEndian.PutUint64(id[6:], rand.Uint64())
	binary.BigEndian.PutUint16(id[14:], uint16(rand.Uint32()))
	// The only error is a time past the year 10889.
	_ = id.SetTime(ulid.Timestamp(now))
	return id.String()
}
