package crud

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
)

const entrypoint = "gatehouse/admin/decision"

// The actions of the question.
const (
	list   = "list"
	read   = "read"
	create = "create"
	update = "update"
	remove = "delete"
)

// resource is what is asked about, as schemas/admin.input.json describes it. Zero fields
// do not apply.
type resource struct {
	Kind         string
	ID           string
	Account      string
	Organisation string
	Team         string
	Namespace    string
	Principal    string
	Role         string
	Fields       []string
	Scopes       []string
	Expires      *int64 // of a binding that is to be given, in Unix seconds; 0 = never
	// Filters of lists that no other attribute names.
	Prefix, State, AccountKind, Owner, Label, Issuer string
}

func (r resource) value() engine.Value {
	fields := make([]engine.Field, 0, 16)
	for _, f := range [...]struct{ key, value string }{
		{"kind", r.Kind}, {"id", r.ID}, {"account", r.Account}, {"organisation", r.Organisation},
		{"team", r.Team}, {"namespace", r.Namespace}, {"principal", r.Principal}, {"role", r.Role},
		{"prefix", r.Prefix}, {"state", r.State}, {"account_kind", r.AccountKind},
		{"owner", r.Owner}, {"label", r.Label}, {"issuer", r.Issuer},
	} {
		if f.value != "" {
			fields = append(fields, engine.Field{Key: f.key, Value: engine.String(f.value)})
		}
	}
	if r.Expires != nil {
		fields = append(fields, engine.Field{Key: "expires", Value: engine.Int(*r.Expires)})
	}
	if r.Fields != nil {
		fields = append(fields, engine.Field{Key: "fields", Value: engine.TrueSet(r.Fields)})
	}
	if r.Scopes != nil {
		fields = append(fields, engine.Field{Key: "scopes", Value: engine.TrueSet(r.Scopes)})
	}
	return engine.Object(fields...)
}

func subjectValue(s *identity.Subject) engine.Value {
	return engine.Object(
		engine.Field{Key: "id", Value: engine.String(s.ID)},
		engine.Field{Key: "kind", Value: engine.String(string(s.Kind))},
		engine.Field{Key: "groups", Value: engine.TrueSet(s.Groups)},
		engine.Field{Key: "token", Value: engine.Object(
			engine.Field{Key: "kind", Value: engine.String(s.Token.Kind)},
			engine.Field{Key: "jti", Value: engine.String(s.Token.JTI)},
			engine.Field{Key: "issuer", Value: engine.String(s.Token.Issuer)},
			engine.Field{Key: "scopes", Value: engine.TrueSet(s.Token.Scopes)},
		)},
	)
}

// ask is nil when policy lets the caller do it, else a *web.DeniedError.
func (s *Surface) ask(ctx context.Context, action string, r resource) error {
	who := callerOf(ctx)
	d := s.Engine.Decide(ctx, entrypoint, engine.Object(
		engine.Field{Key: "subject", Value: subjectValue(&who.subject)},
		engine.Field{Key: "action", Value: engine.String(action)},
		engine.Field{Key: "resource", Value: r.value()},
	))
	if d.Effect == engine.Allow {
		return nil
	}
	if d.Err != nil {
		s.Logger.ErrorContext(ctx, "a question was denied without an answer of policy",
			"entrypoint", entrypoint, "reason", d.Reason, "decision", d.ID, "error", d.Err)
	}
	return &web.DeniedError{Login: d.Effect == engine.Login, Reason: d.Reason, Why: d.Labels["why"]}
}

// see asks whether the caller may know of something: what one may not see is not there.
// A caller who should sign in first is told so.
func (s *Surface) see(ctx context.Context, r resource) error {
	err := s.ask(ctx, read, r)
	var denied *web.DeniedError
	if errors.As(err, &denied) && !denied.Login {
		return identity.ErrNotFound
	}
	return err
}

// narrow asks for a list. It says whether the caller may have all that the filter names,
// or only what is the caller's own: a filter that names nobody is tried again with the
// caller as the account.
func (s *Surface) narrow(ctx context.Context, r resource) (own bool, err error) {
	err = s.ask(ctx, list, r)
	var denied *web.DeniedError
	if err == nil || !errors.As(err, &denied) || denied.Login || r.Account != "" {
		return false, err
	}
	who := callerOf(ctx)
	if who.subject.Kind != identity.SubjectAccount {
		return false, err
	}
	r.Account = who.subject.ID
	if s.ask(ctx, list, r) != nil {
		return false, err // why the question itself was denied
	}
	return true, nil
}

// catchUpTime bounds how long a write waits for decisions to be made with what was
// written before it.
const catchUpTime = 2 * time.Second

// writing is one write under way. What it asks is decided with the revision that it
// changes: nobody else writes until it is done.
type writing struct {
	*identity.Tx
	surface *Surface
	ctx     context.Context
}

func (w *writing) ask(action string, r resource) error { return w.surface.ask(w.ctx, action, r) }

// write runs fn in one transaction of the directory, and gives the revision that holds
// it. Applied before answered: when write returns, the next decision sees it.
func (s *Surface) write(ctx context.Context, fn func(*writing) error) (uint64, error) {
	who := callerOf(ctx)
	return s.Directory.Write(ctx, who.actor(), func(tx *identity.Tx) error {
		tx.From(who.address)
		revision, err := tx.Revision()
		if err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, catchUpTime)
		defer cancel()
		if err := s.Directory.WaitFor(wait, revision); err != nil {
			return err
		}
		return fn(&writing{Tx: tx, surface: s, ctx: ctx})
	})
}
