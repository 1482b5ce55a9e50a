package crud

import (
	"context"
	"slices"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func (s *Surface) listBindings(ctx context.Context, in *struct {
	Paging
	BindingFilter
}) (*many[binding], error) {
	return s.bindings(ctx, "", in.Paging, in.BindingFilter)
}

func (s *Surface) listNamespaceBindings(ctx context.Context, in *struct {
	NamespacePath
	Paging
	BindingFilter
}) (*many[binding], error) {
	if err := s.see(ctx, resource{Kind: "namespace", ID: in.Name}); err != nil {
		return nil, err
	}
	return s.bindings(ctx, in.Name, in.Paging, in.BindingFilter)
}

// bindings lists those of a namespace, "" = of all.
func (s *Surface) bindings(ctx context.Context, namespace string, p Paging, f BindingFilter) (*many[binding], error) {
	asked := resource{Kind: "binding", Namespace: namespace, Principal: f.Principal, Role: f.Role}
	principals, err := s.narrowBindings(ctx, asked)
	if err != nil {
		return nil, err
	}
	// A cursor opens the same list again and no other: one that was narrowed for
	// somebody is not the one that others get.
	shown := struct {
		Namespace  string
		Filter     BindingFilter
		Principals []identity.Principal
	}{namespace, f, principals}
	filter := identity.BindingFilter{Namespace: identity.NamespaceName(namespace), Principals: principals, Role: identity.Role(f.Role)}
	return readPage(ctx, s, p, "bindings", shown, bindingOf, func(tx *identity.Tx, p identity.Page) ([]identity.Binding, string, error) {
		if namespace != "" {
			if _, err := tx.NamespaceHeader(filter.Namespace); err != nil {
				return nil, "", err
			}
		}
		return tx.ListBindings(filter, p)
	})
}

// narrowBindings asks for a list of bindings and says whose it may show; none = all.
// Who may not have it gets what is granted to the caller; asking for somebody else's is
// denied.
func (s *Surface) narrowBindings(ctx context.Context, r resource) ([]identity.Principal, error) {
	own, err := s.narrow(ctx, r)
	if err != nil {
		return nil, err
	}
	if !own {
		if r.Principal == "" {
			return nil, nil
		}
		return []identity.Principal{identity.Principal(r.Principal)}, nil
	}
	var mine []identity.Principal
	err = s.Directory.Read(ctx, func(tx *identity.Tx) (err error) {
		mine, err = principalsOf(ctx, tx, callerOf(ctx).subject.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(mine) // of maps: the order must not change from page to page
	switch {
	case r.Principal == "":
		return mine, nil
	case slices.Contains(mine, identity.Principal(r.Principal)):
		return []identity.Principal{identity.Principal(r.Principal)}, nil
	}
	return nil, s.ask(ctx, list, r) // why it was denied
}
