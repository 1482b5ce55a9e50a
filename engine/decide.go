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
	// Labels say what was decided about; nil where nothing is known. They may be
	// shared with other decisions: nobody may change them.
	Labels map[string]string
	// PolicyRevision and DataRevision are what the answer was made from; "" and 0
	// where there was none.
	PolicyRevision string
	DataRevision   uint64
	Took           time.Duration
	// Remembered says that an earlier decision about the same was given again,
	// because nothing it was made from has changed.
	Remembered bool
	// Err is why the engine denied for a reason of its own, for the log. It may
	// quote policy code and is not for whoever asked.
	Err error
}

// verdict is what was decided and why.
type verdict struct {
	effect Effect
	reason string
	labels map[string]string
	// own says that the engine denies, because the policy gave no answer.
	own bool
	err error
}

func denied(reason string, err error) verdict {
	return verdict{effect: Deny, reason: reason, own: true, err: err}
}

// Decide answers the question named entrypoint, "gatehouse/ingress/decision"
// say, for input. It never fails: without a well-formed answer in time the
// decision is a denial whose reason says what was wrong.
func (e *Engine) Decide(ctx context.Context, entrypoint string, input Value) Decision {
	start := time.Now()
	now := start
	if e.now != nil {
		now = e.now()
	}
	t := begin(e.state.Load())
	d := &t.decision // not a variable: Observe would make it one allocation each
	d.ID = newID(now)
	if t.policy != nil {
		d.PolicyRevision = t.policy.revision
	}
	if t.data != nil {
		d.DataRevision = t.data.Revision()
	}
	v, remembered := e.verdict(ctx, t, entrypoint, input, now)
	d.Effect, d.Reason, d.Labels, d.Err, d.Remembered = v.effect, v.reason, v.labels, v.err, remembered
	d.Took = time.Since(start)
	if e.observe != nil {
		e.observe(entrypoint, d)
	}
	answer := *d
	t.end()
	return answer
}

// verdict answers from what is remembered, or by evaluating the policy.
func (e *Engine) verdict(ctx context.Context, t *transaction, entrypoint string, input Value, now time.Time) (v verdict, remembered bool) {
	q, no := t.asked(ctx, entrypoint)
	if q == nil {
		return no, false
	}
	t.key = q.appendKey(t.key[:0], input)
	if len(t.key) > 0 {
		if v, ok := t.policy.memo.get(t.key, t); ok {
			e.counts.hits.Add(1)
			return v, true
		}
	}
	found, err := e.evaluate(ctx, q, t, input, now)
	v = judge(found, err)
	if len(t.key) == 0 || v.own || found.varies || found.failed != nil || len(t.reads) > maxReads {
		e.counts.skipped.Add(1)
		return v, false
	}
	t.policy.memo.put(t.key, v, t)
	e.counts.misses.Add(1)
	return v, false
}

// asked finds the question, or says why nothing can be.
func (s *state) asked(ctx context.Context, entrypoint string) (*question, verdict) {
	if s.policy == nil {
		return nil, denied(ReasonNoPolicy, errNoPolicy)
	}
	if s.data == nil {
		return nil, denied(ReasonNoData, errNoData)
	}
	q := s.policy.questions[entrypoint]
	if q == nil {
		return nil, denied(ReasonUnknownEntrypoint, nil)
	}
	if err := ctx.Err(); err != nil {
		return nil, denied(ReasonTimeout, err)
	}
	return q, verdict{}
}

// judge makes the verdict of what an evaluation found.
func judge(found outcome, err error) verdict {
	if err != nil {
		return denied(reasonOf(err), err)
	}
	v := verdictOf(found.value)
	if v.effect == Allow && found.failed != nil {
		// A builtin that fails makes its rule undefined: a deny may be missing.
		return denied(ReasonBuiltinError, found.failed)
	}
	return v
}

// verdictOf takes the verdict out of an entry point's value.
func verdictOf(value ast.Value) verdict {
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
