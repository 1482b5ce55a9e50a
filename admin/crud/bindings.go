package crud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// binding is a binding on the wire.
type binding struct {
	Namespace string     `json:"namespace" example:"lab"`
	Principal string     `json:"principal" example:"team:01K9ZQ4M3T5V7X8Y9A0B1C2D3E" doc:"account:<uid>, team:<uid> or group:<name>."`
	Role      string     `json:"role" example:"edit" doc:"view, edit, admin, or a role of the operator's."`
	Expires   *time.Time `json:"expires,omitempty" example:"2030-01-31T18:00:00Z" doc:"From this second on it grants nothing; missing = never."`
}

func bindingOf(b identity.Binding) binding {
	wire := binding{Namespace: string(b.Namespace), Principal: string(b.Principal), Role: string(b.Role)}
	if !b.Expires.IsZero() {
		expires := b.Expires.UTC()
		wire.Expires = &expires
	}
	return wire
}

// BindingContent is what a caller says of a binding; the address says which.
type BindingContent struct {
	Role    string     `json:"role" maxLength:"63" example:"edit" doc:"view, edit, admin, or a role of the operator's."`
	Expires *time.Time `json:"expires,omitempty" example:"2030-01-31T18:00:00Z" doc:"From this second on it grants nothing; left out = never. It must lie ahead."`
}

type newBinding struct {
	Principal string `json:"principal" maxLength:"200" example:"group:interns" doc:"account:<uid>, team:<uid> or group:<name>."`
	BindingContent
}

type bindingPatch struct {
	Role    change[string]    `json:"role,omitempty" maxLength:"63" example:"view" nullable:"false"`
	Expires change[time.Time] `json:"expires,omitempty" example:"2030-01-31T18:00:00Z" doc:"null = never. It must lie ahead."`
}

// BindingPath names a binding. Principals hold what paths cannot carry unharmed, so they
// travel in the query.
type BindingPath struct {
	Namespace string `path:"namespace" maxLength:"63" doc:"Name of the namespace."`
	Principal string `query:"principal" required:"true" maxLength:"200" pattern:"^(account|team|group):." patternDescription:"account:<uid>, team:<uid> or group:<name>" doc:"Who is bound: account:<uid>, team:<uid> or group:<name>."`
}

func (p *BindingPath) name() identity.NamespaceName  { return identity.NamespaceName(p.Namespace) }
func (p *BindingPath) principal() identity.Principal { return identity.Principal(p.Principal) }

// resource is the binding with a role: the one that it has, or is to have.
func (p *BindingPath) resource(role string) resource {
	return resource{Kind: "binding", Namespace: p.Namespace, Principal: p.Principal, Role: role}
}

// given is the binding as it is to be given.
func (p *BindingPath) given(c BindingContent) resource {
	r := p.resource(c.Role)
	r.Expires = new(int64)
	if c.Expires != nil {
		*r.Expires = max(1, c.Expires.Unix()) // what lies before 1970 is refused later, and is not never
	}
	return r
}

// namespace is where it is.
func (p *BindingPath) namespace() resource { return resource{Kind: "namespace", ID: p.Namespace} }

type BindingFilter struct {
	Principal string `query:"principal" maxLength:"200" pattern:"^(account|team|group):." patternDescription:"account:<uid>, team:<uid> or group:<name>" doc:"Who is bound."`
	Role      string `query:"role" maxLength:"63" doc:"The role that is granted."`
}

func (s *Surface) registerBindings() {
	tag := []string{"Bindings"}
	const all, one = "/namespaces/{namespace}/bindings", "/namespaces/{namespace}/binding"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/bindings", OperationID: "listBindings", Tags: tag, Summary: "List bindings of all namespaces",
		Description: "By namespace and principal, expired ones included. Who may not see those of others gets what is granted to " +
			"themselves: to the account, to its teams, and to the groups of the credential.",
	}, s.listBindings)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: all, OperationID: "listNamespaceBindings", Tags: tag, Summary: "List who may do what in a namespace",
		Description: "By principal, expired ones included. Owners are not bound: they are part of the namespace.",
	}, s.listNamespaceBindings)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: all, OperationID: "createBinding", Tags: tag, Summary: "Grant a role",
		Description:   "Only where the principal has no binding in the namespace yet.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.createBinding)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: one, OperationID: "getBinding", Tags: tag, Summary: "Read what a principal is granted",
	}, s.getBinding)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: one, OperationID: "putBinding", Tags: tag, Summary: "Grant a role, whatever was granted before",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.putBinding)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: one, OperationID: "patchBinding", Tags: tag, Summary: "Change the role or the expiry of a binding",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.patchBinding)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: one, OperationID: "deleteBinding", Tags: tag, Summary: "Revoke what a principal is granted",
		Description: "The next decision knows. Anybody may give back what is granted to their account.",
		Errors:      []int{http.StatusPreconditionFailed},
	}, s.deleteBinding)
}

func (s *Surface) createBinding(ctx context.Context, in *struct {
	Namespace string `path:"namespace" maxLength:"63" doc:"Name of the namespace."`
	Body      newBinding
}) (*written[binding], error) {
	path := &BindingPath{Namespace: in.Namespace, Principal: in.Body.Principal}
	return s.writeBinding(ctx, path, func(w *writing, there identity.Binding, missing bool) error {
		if err := w.mayMake(path.given(in.Body.BindingContent), path.namespace(), Conditions{}); err != nil {
			return err
		}
		if !missing {
			return identity.ErrExists
		}
		return w.grant(path, in.Body.BindingContent, there)
	})
}

func (s *Surface) getBinding(ctx context.Context, in *BindingPath) (*one[binding], error) {
	return readOne(ctx, s, func(tx *identity.Tx) (binding, error) {
		there, err := tx.Binding(in.name(), in.principal())
		if err != nil {
			return binding{}, err
		}
		return bindingOf(there), s.see(ctx, in.resource(string(there.Role)))
	})
}

func (s *Surface) putBinding(ctx context.Context, in *struct {
	BindingPath
	Conditions
	Body BindingContent
}) (*written[binding], error) {
	return s.writeBinding(ctx, &in.BindingPath, func(w *writing, there identity.Binding, missing bool) error {
		if missing {
			if err := w.mayMake(in.given(in.Body), in.namespace(), in.Conditions); err != nil {
				return err
			}
			return w.grant(&in.BindingPath, in.Body, there)
		}
		if err := w.mayRegrant(&in.BindingPath, there, in.Body, in.Conditions); err != nil {
			return err
		}
		return w.grant(&in.BindingPath, in.Body, there)
	})
}

func (s *Surface) patchBinding(ctx context.Context, in *struct {
	BindingPath
	OnlyMatch
	Body bindingPatch
}) (*written[binding], error) {
	if in.Body.Role.null { // which decoding lets pass
		return nil, &identity.InvalidError{Field: "role", Why: "cannot be null: a binding without a role is none"}
	}
	return s.writeBinding(ctx, &in.BindingPath, func(w *writing, there identity.Binding, missing bool) error {
		if missing {
			return identity.ErrNotFound
		}
		wanted := in.Body.applied(bindingOf(there))
		if err := w.mayRegrant(&in.BindingPath, there, wanted, Conditions{IfMatch: in.IfMatch}); err != nil {
			return err
		}
		return w.grant(&in.BindingPath, wanted, there)
	})
}

func (s *Surface) deleteBinding(ctx context.Context, in *struct {
	BindingPath
	OnlyMatch
}) (*RevisionHeader, error) {
	return removeOne(ctx, s, func(w *writing) error {
		there, err := w.Binding(in.name(), in.principal())
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.resource(string(there.Role)), bindingOf(there), in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveBinding(in.name(), in.principal())
	})
}

// writeBinding runs one write and answers with the binding as the directory made it. fn
// is given the one that is there, or told that there is none.
func (s *Surface) writeBinding(
	ctx context.Context, path *BindingPath, fn func(w *writing, there identity.Binding, missing bool) error,
) (*written[binding], error) {
	return writeOne(ctx, s, func(w *writing, out *written[binding]) error {
		if _, err := w.NamespaceHeader(path.name()); err != nil {
			return err
		}
		there, err := w.Binding(path.name(), path.principal())
		missing := errors.Is(err, identity.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		if err := fn(w, there, missing); err != nil {
			return err
		}
		granted, err := w.Binding(path.name(), path.principal())
		out.Body = bindingOf(granted)
		if missing {
			out.made("/namespaces/" + out.Body.Namespace + "/binding?principal=" + url.QueryEscape(out.Body.Principal))
		}
		return err
	})
}

// mayRegrant lets the caller put another grant in the place of one. Both are asked about,
// each by itself: what one could not grant one does not take away or lower either.
func (w *writing) mayRegrant(path *BindingPath, there identity.Binding, wanted BindingContent, c Conditions) error {
	before := bindingOf(there)
	after := before
	after.Role, after.Expires = wanted.Role, wholeSeconds(wanted.Expires)
	if err := w.mayReplace(path.resource(before.Role), before, after, c.unread()); err != nil {
		return err
	}
	changed, err := changedFields(before, after)
	if err != nil || len(changed) == 0 {
		return err
	}
	given := path.given(wanted)
	given.Fields = changed
	return w.ask(update, given)
}

// grant writes a binding. there is the one before it, or the zero one.
func (w *writing) grant(path *BindingPath, c BindingContent, there identity.Binding) error {
	wanted := identity.Binding{Namespace: path.name(), Principal: path.principal(), Role: identity.Role(c.Role)}
	if expires := wholeSeconds(c.Expires); expires != nil {
		if !expires.After(w.surface.Now()) && !expires.Equal(there.Expires) {
			return &identity.InvalidError{Field: "expires", Why: "must lie ahead"}
		}
		wanted.Expires = *expires
	}
	err := w.PutBinding(wanted)
	if errors.Is(err, identity.ErrNotFound) { // the namespace is there
		return &identity.InvalidError{Field: "principal", Why: "there is no such account or team"}
	}
	return err
}

// wholeSeconds is a moment as the directory keeps it.
func wholeSeconds(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	whole := t.UTC().Truncate(time.Second)
	return &whole
}

func (p bindingPatch) applied(there binding) BindingContent {
	p.Role.applyTo(&there.Role)
	switch {
	case p.Expires.null:
		there.Expires = nil
	case p.Expires.given:
		there.Expires = &p.Expires.value
	}
	return BindingContent{Role: there.Role, Expires: there.Expires}
}
