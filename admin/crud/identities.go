package crud

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// linkedIdentity is who a trusted issuer knows an account as.
type linkedIdentity struct {
	Name    string `json:"name,omitempty" example:"corp" doc:"Of the issuer in the configuration; missing where it is none of the configured ones any more."`
	Issuer  string `json:"issuer" doc:"As its tokens have it in iss."`
	Subject string `json:"subject" doc:"As its tokens have it in sub."`
}

type identityContent struct {
	Subject string `json:"subject" minLength:"1" maxLength:"255" example:"f81d4fae-7dec" doc:"As the issuer's tokens have it in sub."`
}

// IdentityPath names the identity that an account has of an issuer.
type IdentityPath struct {
	AccountPath
	Name string `path:"issuer" maxLength:"32" example:"corp" doc:"Name of the issuer in the configuration."`
}

// url is the issuer that the configuration calls so.
func (s *Surface) url(name string) (string, error) {
	for _, issuer := range s.Issuers {
		if issuer.Name == name {
			return issuer.URL, nil
		}
	}
	return "", fmt.Errorf("issuer: %w", identity.ErrNotFound)
}

func (s *Surface) linkedIdentityOf(l identity.LinkedIdentity) linkedIdentity {
	wire := linkedIdentity{Issuer: l.Issuer, Subject: l.Subject}
	for _, issuer := range s.Issuers {
		if issuer.URL == l.Issuer {
			wire.Name = issuer.Name
		}
	}
	return wire
}

type identityList struct {
	Body struct {
		Items []linkedIdentity `json:"items"`
	}
}

func (s *Surface) registerIdentities() {
	tag := []string{"Accounts"}
	const path = "/accounts/{account}/identities/{issuer}"
	add(s, huma.Operation{
		Method: http.MethodGet, Path: "/accounts/{account}/identities", OperationID: "listIdentities", Tags: tag,
		Summary: "List who trusted issuers know an account as",
	}, s.listIdentities)
	add(s, huma.Operation{
		Method: http.MethodPut, Path: path, OperationID: "putIdentity", Tags: tag, Summary: "Link an account to an identity of a trusted issuer",
		Description: "In place of the one it had of that issuer. Tokens of the issuer then act as the account.",
		Errors:      []int{http.StatusConflict, http.StatusPreconditionFailed},
	}, s.putIdentity)
	add(s, huma.Operation{
		Method: http.MethodDelete, Path: path, OperationID: "deleteIdentity", Tags: tag, Summary: "Take a link away",
		Description: "The next request with a token of that identity is refused.",
		Errors:      []int{http.StatusPreconditionFailed},
	}, s.deleteIdentity)
}

func (s *Surface) listIdentities(ctx context.Context, in *AccountPath) (*identityList, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.inside(ctx, in.shown(), list, resource{Kind: "identity", Account: in.Account}); err != nil {
		return nil, err
	}
	out := &identityList{}
	out.Body.Items = []linkedIdentity{}
	err := s.Directory.Read(ctx, func(tx *identity.Tx) error {
		if _, err := in.find(tx); err != nil {
			return err
		}
		found, err := tx.Identities(in.id())
		for _, l := range found {
			out.Body.Items = append(out.Body.Items, s.linkedIdentityOf(l))
		}
		return err
	})
	return out, err
}

func (s *Surface) putIdentity(ctx context.Context, in *struct {
	IdentityPath
	Conditions
	Body identityContent
}) (*written[linkedIdentity], error) {
	issuer, err := s.linking(ctx, &in.IdentityPath, create)
	if err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[linkedIdentity]) error {
		if err := w.ask(create, in.resource(issuer)); err != nil {
			return err
		}
		etag, err := w.linkTag(in.IdentityPath, issuer)
		if err != nil {
			return err
		}
		if err := in.met(etag); err != nil {
			return err
		}
		if etag == "" {
			out.made("/accounts/" + in.Account + "/identities/" + in.Name)
		}
		l := identity.LinkedIdentity{Issuer: issuer, Subject: in.Body.Subject, Account: in.id()}
		out.Body = s.linkedIdentityOf(l)
		return w.PutIdentity(l)
	})
}

func (s *Surface) deleteIdentity(ctx context.Context, in *struct {
	IdentityPath
	OnlyMatch
}) (*RevisionHeader, error) {
	issuer, err := s.linking(ctx, &in.IdentityPath, remove)
	if err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		if err := w.ask(remove, in.resource(issuer)); err != nil {
			return err
		}
		etag, err := w.linkTag(in.IdentityPath, issuer)
		if err == nil && etag == "" {
			err = identity.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := in.met(etag); err != nil {
			return err
		}
		return w.RemoveIdentity(in.id(), issuer)
	})
}

// linkTag is the validator of the link that an account has to an issuer; "" = none.
func (w *writing) linkTag(of IdentityPath, issuer string) (string, error) {
	if _, err := of.find(w.Tx); err != nil {
		return "", err
	}
	links, err := w.Identities(of.id())
	if err != nil {
		return "", err
	}
	for _, l := range links {
		if l.Issuer == issuer {
			return etagOf(w.surface.linkedIdentityOf(l))
		}
	}
	return "", nil
}

func (p IdentityPath) resource(issuer string) resource {
	return resource{Kind: "identity", Account: p.Account, Issuer: issuer}
}

// linking asks whether the caller may change the link, before the issuer is looked for.
func (s *Surface) linking(ctx context.Context, in *IdentityPath, action string) (issuer string, err error) {
	if err := in.resolve(ctx); err != nil {
		return "", err
	}
	issuer, unknown := s.url(in.Name)
	if err := s.inside(ctx, in.shown(), action, in.resource(issuer)); err != nil {
		return "", err
	}
	return issuer, unknown
}
