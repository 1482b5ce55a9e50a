package main

import (
	"errors"
	"fmt"
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
		Short: "Print a bearer token for an account",
		Long: `Mints a token as the server would, from the keys in the data directory; a server
may be running on it. Whoever can read the data directory can act as anybody: keep
it as closed as a private key.`,
		Example: `  gatehouse token --account ada
  curl -H "Authorization: Bearer $(gatehouse token --account ada@example.org --ttl 10m)" …`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			cfg, err := a.load(nil)
			if err != nil {
				return err
			}
			dir, err := a.openDirectory(ctx, cfg, false)
			if err != nil {
				return err
			}
			defer func() { _ = dir.Close() }() // only read from
			holder, err := tokenHolder(c, dir, account)
			if err != nil {
				return err
			}
			keys, err := token.OpenKeyring(ctx, dir)
			if err != nil {
				return fmt.Errorf("open the signing keys: %w", err)
			}
			name, audience, err := issuerAndAudience(ctx, dir, cfg)
			if err != nil {
				return err
			}
			raw, _, err := token.NewIssuer(name, audience, keys, a.now).Access(token.UserOf(holder), holder.Generation, ttl)
			if err != nil {
				return fmt.Errorf("mint a token for %s: %w", account, err)
			}
			_, err = fmt.Fprintln(a.out, raw)
			return err
		},
	}
	c.Flags().StringVar(&account, "account", "", "handle, e-mail or user id of the account (required)")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good for")
	_ = c.MarkFlagRequired("account")
	return c
}

// tokenHolder finds the account a token is asked for and refuses those that no
// token may be good for.
func tokenHolder(c *cobra.Command, dir *identity.Directory, name string) (identity.Account, error) {
	var holder identity.Account
	err := dir.Read(c.Context(), func(tx *identity.Tx) (err error) {
		holder, err = tx.FindAccount(name)
		return err
	})
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return holder, fmt.Errorf("no account has the handle, e-mail or user id %q: `gatehouse export` lists them", name)
	case err != nil:
		return holder, fmt.Errorf("find account %q: %w", name, err)
	case holder.State == identity.Disabled:
		return holder, fmt.Errorf("account %q is disabled: a token for it would be refused", name)
	case holder.Kind == identity.Organisation:
		return holder, fmt.Errorf("%q is an organisation: name one of its people", name)
	}
	return holder, nil
}
