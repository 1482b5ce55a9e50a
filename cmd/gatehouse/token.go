package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// tokenActor is who the journal names for tokens made and revoked here.
const tokenActor identity.Actor = "cli:token"

// tokenOptions say which token to make.
type tokenOptions struct {
	account string
	ttl     time.Duration
	name    string
	scopes  []string
}

func newTokenCommand(a *app) *cobra.Command {
	var o tokenOptions
	c := &cobra.Command{
		Use:   "token --account HANDLE_OR_EMAIL [--ttl 1h] [--name NAME] [--scope SCOPE]...",
		Short: "Print a bearer token for an account, list tokens, or revoke them",
		Long: `Mints a token as the server would, from the keys in the data directory; a server
may be running on it. Without --name and --scope it is one that a login would give. With
either it is a personal token, for a program: it cannot make further tokens, and scopes
narrow what it may do below what the account may. The token is kept nowhere, what is said
of it by token list is.

Whoever can read the data directory can act as anybody: keep it as closed as a private key.`,
		Example: `  gatehouse token --account ada
  gatehouse token --account ada@example.org --ttl 10m
  gatehouse token --account ci-bot --name nightly --scope ingress:read --scope namespace:lab --ttl 720h
  gatehouse token list --account ada
  gatehouse token revoke --account ada`,
	}
	group(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.account == "" {
			return hint(c, errors.New("--account is missing"))
		}
		return a.withDirectory(c.Context(), func(cfg Config, dir *identity.Directory) error {
			return a.printToken(c.Context(), cfg, dir, o)
		})
	}
	c.Flags().StringVar(&o.account, "account", "", "`HANDLE_OR_EMAIL` of the account, or its user id (required)")
	c.Flags().DurationVar(&o.ttl, "ttl", time.Hour, "how long the token is good for")
	c.Flags().StringVar(&o.name, "name", "", "what to call it in token list, `NAME`")
	c.Flags().StringSliceVar(&o.scopes, "scope", nil, "narrow it to `SCOPE`, such as ingress:read or namespace:lab; may be given more than once")
	c.AddCommand(newTokenListCommand(a), newRevokeCommand(a))
	return c
}

// withDirectory runs use on the configured directory, which must exist.
func (a *app) withDirectory(ctx context.Context, use func(Config, *identity.Directory) error) error {
	cfg, err := a.load(nil)
	if err != nil {
		return err
	}
	dir, err := a.openDirectory(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // what was written is on disk
	return use(cfg, dir)
}

// printToken prints a token once the directory knows of it: one that could not be listed
// and revoked must not be about.
func (a *app) printToken(ctx context.Context, cfg Config, dir *identity.Directory, o tokenOptions) error {
	holder, err := findAccount(ctx, dir, o.account)
	switch {
	case err != nil:
		return err
	case holder.State == identity.Disabled:
		return fmt.Errorf("account %q is disabled: a token for it would be refused", o.account)
	case holder.Kind == identity.Organisation:
		return fmt.Errorf("%q is an organisation: name one of its people", o.account)
	}
	issuer, err := a.issuer(ctx, cfg, dir)
	if err != nil {
		return err
	}
	kind := token.KindLogin
	if o.name != "" || o.scopes != nil {
		kind = token.KindPersonal
	}
	raw, claims, err := issuer.Access(token.UserOf(holder), holder.Generation, token.AccessOptions{TTL: o.ttl, Kind: kind, Scopes: o.scopes})
	if err != nil {
		return fmt.Errorf("mint a token for %s: %w", o.account, err)
	}
	_, err = dir.Write(ctx, tokenActor, func(tx *identity.Tx) error {
		return tx.PutToken(identity.Token{
			JTI: claims.ID, Account: holder.ID, Kind: kind, Name: o.name, Scopes: o.scopes,
			Issued: claims.Issued, Expires: claims.Expires,
		})
	})
	if err != nil {
		return fmt.Errorf("record a token of %s: %w", o.account, err)
	}
	_, err = fmt.Fprintln(a.out, raw)
	return err
}

// issuer mints and verifies as the server on the same directory does.
func (a *app) issuer(ctx context.Context, cfg Config, dir *identity.Directory) (*token.Issuer, error) {
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("open the signing keys: %w", err)
	}
	name, audience, err := issuerAndAudience(ctx, dir, cfg)
	if err != nil {
		return nil, err
	}
	return token.NewIssuer(name, audience, keys, a.now), nil
}
