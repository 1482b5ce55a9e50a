package crud

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// namespace is a namespace on the wire. Its bindings are a list of their own.
type namespace struct {
	Name   string            `json:"name" example:"lab" doc:"A DNS label, which never changes."`
	Owners []string          `json:"owners" example:"team:01K9ZQ4M3T5V7X8Y9A0B1C2D3E" doc:"Principals that own it: account:<uid>, team:<uid> or group:<name>."`
	Labels map[string]string `json:"labels" doc:"Kubernetes labels."`
	Quota  object            `json:"quota,omitempty" doc:"A Kubernetes ResourceQuotaSpec."`
}

func namespaceOf(n identity.Namespace) namespace {
	wire := namespace{Name: string(n.Name), Owners: []string{}, Labels: map[string]string{}, Quota: object(n.Quota)}
	for _, owner := range n.Owners {
		wire.Owners = append(wire.Owners, string(owner))
	}
	maps.Copy(wire.Labels, n.Labels)
	return wire
}

// NamespaceContent is what a caller says of a namespace; the path says which.
type NamespaceContent struct {
	Owners []string          `json:"owners" maxItems:"256" example:"team:01K9ZQ4M3T5V7X8Y9A0B1C2D3E" doc:"At least one principal."`
	Labels map[string]string `json:"labels,omitempty" maxProperties:"256"`
	Quota  object            `json:"quota,omitempty" doc:"A Kubernetes ResourceQuotaSpec; left out = none."`
}

type newNamespace struct {
	Name string `json:"name" maxLength:"63" example:"vision" doc:"A DNS label, which never changes."`
	NamespaceContent
}

type namespacePatch struct {
	Owners change[[]string]   `json:"owners,omitempty"`
	Labels map[string]*string `json:"labels,omitempty" example:"{\"stage\": \"beta\"}" doc:"Labels to set; null takes one away."`
	Quota  change[object]     `json:"quota,omitempty" doc:"null = none."`
}

type NamespacePath struct {
	Name string `path:"namespace" maxLength:"63" doc:"Its name."`
}

type NamespaceFilter struct {
	Prefix string `query:"prefix" maxLength:"63" doc:"Of the name."`
	Label  string `query:"label" maxLength:"400" doc:"A label it has: key or key=value."`
	Owner  string `query:"owner" maxLength:"200" doc:"A principal that owns it."`
	Member string `query:"member" maxLength:"64" doc:"me or the uid of an account that owns it or has a binding in it, by itself or through a team."`
}

func (s *Surface) registerNamespaces() {
	tag := []string{"Namespaces"}
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/namespaces", OperationID: "listNamespaces", Tags: tag, Summary: "List namespaces",
		Description: "By name. Who may not see all of them gets their own where the filter names nobody.",
	}, s.listNamespaces)
	add(s, huma.Operation{
		Method: http.MethodPost, Path: "/namespaces", OperationID: "createNamespace", Tags: tag, Summary: "Make a namespace",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.createNamespace)
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/namespaces/{namespace}", OperationID: "getNamespace", Tags: tag, Summary: "Read a namespace",
	}, s.getNamespace)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: "/namespaces/{namespace}", OperationID: "putNamespace", Tags: tag, Summary: "Make or replace a namespace",
		Errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, s.putNamespace)
	add(s, huma.Operation{
		Method: http.MethodPatch, Path: "/namespaces/{namespace}", OperationID: "patchNamespace", Tags: tag, Summary: "Change parts of a namespace",
		Errors: []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.patchNamespace)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: "/namespaces/{namespace}", OperationID: "deleteNamespace", Tags: tag, Summary: "Remove a namespace and its bindings",
		Errors: []int{http.StatusPreconditionFailed},
	}, s.deleteNamespace)
}

func (s *Surface) listNamespaces(ctx context.Context, in *struct {
	Paging
	NamespaceFilter
}) (*many[namespace], error) {
	member, err := memberUID(ctx, in.Member)
	if err != nil {
		return nil, err
	}
	own, err := s.narrow(ctx, resource{Kind: "namespace", Account: member, Prefix: in.Prefix, Label: in.Label, Owner: in.Owner})
	if err != nil {
		return nil, err
	}
	if own {
		member = callerOf(ctx).subject.ID
	}
	in.Member = member
	filter := identity.NamespaceFilter{Prefix: in.Prefix, Owner: identity.Principal(in.Owner)}
	filter.Label, filter.Value, _ = strings.Cut(in.Label, "=")
	return readPage(ctx, s, in.Paging, "namespaces", in.NamespaceFilter, namespaceOf,
		func(tx *identity.Tx, p identity.Page) (_ []identity.Namespace, _ string, err error) {
			if member != "" {
				if filter.Members, err = principalsOf(ctx, tx, member); err != nil {
					return nil, "", err
				}
			}
			return tx.ListNamespaces(filter, p)
		})
}

func (s *Surface) createNamespace(ctx context.Context, in *struct{ Body newNamespace }) (*written[namespace], error) {
	wanted, err := in.Body.with(in.Body.Name)
	if err != nil {
		return nil, err
	}
	return s.writeNamespace(ctx, wanted.Name, func(w *writing) error {
		if err := w.ask(create, resource{Kind: "namespace", Namespace: in.Body.Name}); err != nil {
			return err
		}
		_, err := w.NamespaceHeader(wanted.Name)
		switch {
		case err == nil:
			return identity.ErrExists
		case !errors.Is(err, identity.ErrNotFound):
			return err
		}
		return w.PutNamespace(wanted)
	})
}

func (s *Surface) getNamespace(ctx context.Context, in *NamespacePath) (*one[namespace], error) {
	if err := s.see(ctx, resource{Kind: "namespace", ID: in.Name}); err != nil {
		return nil, err
	}
	return readOne(ctx, s, func(tx *identity.Tx) (namespace, error) {
		found, err := tx.NamespaceHeader(identity.NamespaceName(in.Name))
		return namespaceOf(found), err
	})
}

func (s *Surface) putNamespace(ctx context.Context, in *struct {
	NamespacePath
	Conditions
	Body NamespaceContent
}) (*written[namespace], error) {
	wanted, err := in.Body.with(in.Name)
	if err != nil {
		return nil, err
	}
	shown := resource{Kind: "namespace", ID: in.Name}
	return s.writeNamespace(ctx, wanted.Name, func(w *writing) error {
		there, err := w.NamespaceHeader(wanted.Name)
		switch {
		case errors.Is(err, identity.ErrNotFound):
			err = w.mayMake(resource{Kind: "namespace", Namespace: in.Name}, shown, in.Conditions)
		case err == nil:
			err = w.mayReplace(shown, namespaceOf(there), namespaceOf(wanted), in.Conditions)
		}
		if err != nil {
			return err
		}
		return w.PutNamespace(wanted)
	})
}

func (s *Surface) patchNamespace(ctx context.Context, in *struct {
	NamespacePath
	OnlyMatch
	Body namespacePatch
}) (*written[namespace], error) {
	shown := resource{Kind: "namespace", ID: in.Name}
	if err := s.see(ctx, shown); err != nil {
		return nil, err
	}
	return s.writeNamespace(ctx, identity.NamespaceName(in.Name), func(w *writing) error {
		there, err := w.NamespaceHeader(identity.NamespaceName(in.Name))
		if err != nil {
			return err
		}
		wanted, err := in.Body.applied(there)
		if err != nil {
			return err
		}
		if err := w.mayPatch(shown, namespaceOf(there), namespaceOf(wanted), in.OnlyMatch); err != nil {
			return err
		}
		return w.PutNamespace(wanted)
	})
}

func (s *Surface) deleteNamespace(ctx context.Context, in *struct {
	NamespacePath
	OnlyMatch
}) (*RevisionHeader, error) {
	shown := resource{Kind: "namespace", ID: in.Name}
	if err := s.see(ctx, shown); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := w.NamespaceHeader(identity.NamespaceName(in.Name))
		if err != nil {
			return err
		}
		if err := w.mayRemove(shown, namespaceOf(there), in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveNamespace(there.Name)
	})
}

// writeNamespace runs one write and answers with what the directory made of the namespace,
// and says whether it is new.
func (s *Surface) writeNamespace(ctx context.Context, name identity.NamespaceName, fn func(*writing) error) (*written[namespace], error) {
	return writeOne(ctx, s, func(w *writing, out *written[namespace]) error {
		_, before := w.NamespaceHeader(name)
		if err := fn(w); err != nil {
			return err
		}
		there, err := w.NamespaceHeader(name)
		out.Body = namespaceOf(there)
		if errors.Is(before, identity.ErrNotFound) {
			out.made("/namespaces/" + string(name))
		}
		return err
	})
}

// with is the namespace of that name as the directory takes it.
func (c NamespaceContent) with(name string) (identity.Namespace, error) {
	quota, err := canonical("quota", c.Quota)
	n := identity.Namespace{Name: identity.NamespaceName(name), Labels: c.Labels, Quota: json.RawMessage(quota)}
	for _, owner := range c.Owners {
		n.Owners = append(n.Owners, identity.Principal(owner))
	}
	slices.Sort(n.Owners)
	n.Owners = slices.Compact(n.Owners)
	return n, err
}

func (p namespacePatch) applied(n identity.Namespace) (identity.Namespace, error) {
	there := namespaceOf(n)
	content := NamespaceContent{Owners: there.Owners, Labels: there.Labels, Quota: there.Quota}
	p.Owners.applyTo(&content.Owners)
	p.Quota.applyTo(&content.Quota)
	for label, value := range p.Labels {
		if value == nil {
			delete(content.Labels, label)
		} else {
			content.Labels[label] = *value
		}
	}
	return content.with(there.Name)
}
