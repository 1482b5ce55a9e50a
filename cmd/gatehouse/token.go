package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

func newTokenCommand(a *app) *cobra.Command {
	var account string
	var ttl time.Duration
	c := &cobra.Command{
		Use:   "token --account HANDLE_OR_EMAIL [--ttl 1h]",
		Short: "Print a bearer token for an account, or revoke tokens",
		Long: `Mints a token as the server would, from the keys in the data directory; a server
may be running on it. Whoever can read the data directory can act as anybody: keep
it as closed as a private key.`,
		Example: `  gatehouse token --account ada
  gatehouse token --account ada@example.org --ttl 10m
  gatehouse token revoke --account ada`,
	}
	group(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if account == "" {
			return hint(c, errors.New("--account is missing"))
		}
		return a.withDirectory(c.Context(), func(cfg Config, dir *identity.Directory) error {
			return a.printToken(c.Context(), cfg, dir, account, ttl)
		})
	}
	c.Flags().StringVar(&account, "account", "", "`HANDLE_OR_EMAIL` of the account, or its user id (required)")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good for")
	c.AddCommand(newRevokeCommand(a))
	return c
}

func newRevokeCommand(a *app) *cobra.Command {
	var account string
	c := &cobra.Command{
		Use:   "revoke --account HANDLE_OR_EMAIL | revoke -",
		Short: "Revoke all tokens of an account, or the one on standard input",
		Long: `A revoked token is refused from the next request on, by a server that is running on
the data directory within a second. With - the token itself is read from standard
input, so that it is not seen in the list of processes.`,
		Example: `  gatehouse token revoke --account ada
  gatehouse token revoke - < leaked.jwt`,
		RunE: func(c *cobra.Command, args []string) error {
			one := len(args) == 1 && args[0] == "-"
			if one == (account != "") || len(args) > 1 || len(args) == 1 && !one {
				return hint(c, errors.New("give either --account or - for the token on standard input"))
			}
			return a.withDirectory(c.Context(), func(cfg Config, dir *identity.Directory) error {
				if one {
					return a.revokeOne(c.Context(), cfg, dir)
				}
				return a.revokeAll(c.Context(), dir, account)
			})
		},
	}
	c.Flags().StringVar(&account, "account", "", "`HANDLE_OR_EMAIL` of the account whose tokens all end")
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

func (a *app) printToken(ctx context.Context, cfg Config, dir *identity.Directory, name string, ttl time.Duration) error {
	holder, err := findAccount(ctx, dir, name)
	switch {
	case err != nil:
		return err
	case holder.State == identity.Disabled:
		return fmt.Errorf("account %q is disabled: a token for it would be refused", name)
	case holder.Kind == identity.Organisation:
		return fmt.Errorf("%q is an organisation: name one of its people", name)
	}
	issuer, err := a.issuer(ctx, cfg, dir)
	if err != nil {
		return err
	}
	raw, _, err := issuer.Access(token.UserOf(holder), holder.Generation, token.AccessOptions{TTL: ttl})
	if err != nil {
		return fmt.Errorf("mint a token for %s: %w", name, err)
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

func (a *app) revokeOne(ctx context.Context, cfg Config, dir *identity.Directory) error {
	text, err := io.ReadAll(io.LimitReader(a.in, 64<<10))
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	issuer, err := a.issuer(ctx, cfg, dir)
	if err != nil {
		return err
	}
	claims, err := issuer.VerifyAccess(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("the token on standard input is none that could be used: %w", err)
	}
	_, err = dir.Write(ctx, actorCLI, func(tx *identity.Tx) error {
		return tx.RevokeToken(claims.ID, identity.AccountID(claims.Subject), claims.Expires)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "token %s is revoked\n", claims.ID)
	return err
}

func (a *app) revokeAll(ctx context.Context, dir *identity.Directory, name string) error {
	account, err := findAccount(ctx, dir, name)
	if err != nil {
		return err
	}
	_, err = dir.Write(ctx, actorCLI, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(account.ID) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "all tokens of %s are revoked\n", name)
	return err
}
