package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// tokenPage is how many tokens are read at a time.
const tokenPage = 500

func newTokenListCommand(a *app) *cobra.Command {
	var account string
	c := &cobra.Command{
		Use:   "list --account HANDLE_OR_EMAIL",
		Short: "List the tokens of an account",
		Long: `Lists what is known of the account's tokens that have neither expired nor been revoked:
their ids (jti), kinds (access: from a login; personal: made under a name), names, scopes,
and when they were issued and expire. The tokens themselves are kept nowhere.`,
		Example: `  gatehouse token list --account ada`,
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if account == "" {
				return hint(c, errors.New("--account is missing"))
			}
			return a.withDirectory(c.Context(), func(_ Config, dir *identity.Directory) error {
				return a.listTokens(c.Context(), dir, account)
			})
		},
	}
	c.Flags().StringVar(&account, "account", "", "`HANDLE_OR_EMAIL` of the account, or its user id (required)")
	return c
}

func (a *app) listTokens(ctx context.Context, dir *identity.Directory, name string) error {
	account, err := findAccount(ctx, dir, name)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "JTI\tKIND\tISSUED\tEXPIRES\tSCOPES\tNAME") // Flush has its error
	err = dir.Read(ctx, func(tx *identity.Tx) error {
		page := identity.Page{Limit: tokenPage}
		for {
			tokens, next, err := tx.ListTokens(account.ID, page)
			if err != nil {
				return err
			}
			for _, t := range tokens {
				_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(t.JTI), printable(t.Kind), minute(t.Issued), minute(t.Expires),
					orDash(strings.Join(t.Scopes, ",")), orDash(t.Name))
			}
			if next == "" {
				return nil
			}
			page.After = next
		}
	})
	if err != nil {
		return fmt.Errorf("list the tokens of %s: %w", name, err)
	}
	return out.Flush()
}

func minute(at time.Time) string { return at.UTC().Format("2006-01-02T15:04Z") }

// orDash keeps the columns of a table apart for programs that cut it up.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text)
}

func newRevokeCommand(a *app) *cobra.Command {
	var account, jti string
	c := &cobra.Command{
		Use:   "revoke --account HANDLE_OR_EMAIL | revoke --jti ID | revoke -",
		Short: "Revoke all tokens of an account, or one",
		Long: `A revoked token is refused from the next request on, by a server that is running on
the data directory within a second. --jti names one as token list does. With - the token
itself is read from standard input, so that it is not seen in the list of processes.`,
		Example: `  gatehouse token revoke --account ada
  gatehouse token revoke --jti 01JB4Q7ZK1V5H4T7P7V2M1E0XD
  gatehouse token revoke - < leaked.jwt`,
		RunE: func(c *cobra.Command, args []string) error {
			input := len(args) == 1 && args[0] == "-"
			given := 0
			for _, is := range []bool{input, account != "", jti != ""} {
				if is {
					given++
				}
			}
			if given != 1 || len(args) > 1 || len(args) == 1 && !input {
				return hint(c, errors.New("give one of --account, --jti, and - for the token on standard input"))
			}
			return a.withDirectory(c.Context(), func(cfg Config, dir *identity.Directory) error {
				switch {
				case input:
					return a.revokeInput(c.Context(), cfg, dir)
				case jti != "":
					return a.revokeNamed(c.Context(), dir, jti)
				}
				return a.revokeAll(c.Context(), dir, account)
			})
		},
	}
	c.Flags().StringVar(&account, "account", "", "`HANDLE_OR_EMAIL` of the account whose tokens all end")
	c.Flags().StringVar(&jti, "jti", "", "`ID` of the token, as token list shows it")
	return c
}

func (a *app) revokeInput(ctx context.Context, cfg Config, dir *identity.Directory) error {
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
	return a.revoke(ctx, dir, identity.Token{JTI: claims.ID, Account: identity.AccountID(claims.Subject), Expires: claims.Expires})
}

func (a *app) revokeNamed(ctx context.Context, dir *identity.Directory, jti string) error {
	var found identity.Token
	err := dir.Read(ctx, func(tx *identity.Tx) (err error) {
		found, err = tx.Token(jti)
		return err
	})
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return fmt.Errorf("no token with the id %q is known: it has expired, is revoked, or was made before tokens were recorded; `gatehouse token revoke -` takes the token itself", jti)
	case err != nil:
		return fmt.Errorf("find the token: %w", err)
	}
	return a.revoke(ctx, dir, found)
}

func (a *app) revoke(ctx context.Context, dir *identity.Directory, t identity.Token) error {
	_, err := dir.Write(ctx, tokenActor, func(tx *identity.Tx) error { return tx.RevokeToken(t.JTI, t.Account, t.Expires) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "token %s is revoked\n", t.JTI)
	return err
}

func (a *app) revokeAll(ctx context.Context, dir *identity.Directory, name string) error {
	account, err := findAccount(ctx, dir, name)
	if err != nil {
		return err
	}
	_, err = dir.Write(ctx, tokenActor, func(tx *identity.Tx) error { return tx.RevokeAccountTokens(account.ID) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "all tokens of %s are revoked\n", name)
	return err
}
