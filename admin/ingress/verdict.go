package ingress

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// verdict is everything that one answer says. It serves one request after another, so
// nothing may point into it when the request is done.
type verdict struct {
	decision  engine.Decision
	original  original // what was read of it before a refusal
	subject   identity.Subject
	identity  identitySet
	assertion string
	badToken  bool // a credential of ours was presented and failed

	// For the log only.
	detail string // of a refusal before policy; holds nothing that the client sent
	warned string // what was let through by configuration
	fault  error  // what broke on our side or in a policy

	room room
}

// room is memory that a verdict keeps from request to request.
type room struct {
	path     [16]string
	query    [8]pair
	question questionRoom
	attrs    [maxRecord]slog.Attr
}

var verdicts = sync.Pool{New: func() any { return new(verdict) }}

// newVerdict has the room of an earlier one and nothing else of it.
func newVerdict() *verdict {
	v := verdicts.Get().(*verdict)
	v.original.path, v.original.query = v.room.path[:0], v.room.query[:0]
	return v
}

// done gives the room back. Nothing that a client sent stays in it.
func (v *verdict) done() {
	*v = verdict{}
	verdicts.Put(v)
}

func (v *verdict) deny(no *refusal) {
	v.decision.Effect, v.decision.Reason, v.detail = engine.Deny, no.reason, no.why
}

// refuseCredential answers a credential of ours that failed: 401 everywhere, also on
// paths that need none.
func (v *verdict) refuseCredential(err error) {
	var refused *authn.Refused
	if !errors.As(err, &refused) {
		v.fault = err
		v.deny(refuse(reasonInternal, "the credential could not be checked"))
		return
	}
	v.decision.Effect, v.decision.Reason, v.detail = engine.Login, refused.Reason, refused.Detail
	v.badToken = true
}
