package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

const (
	minPassword = 12   // bytes
	maxPassword = 1024 // bytes; hashing is paid by length
)

// accountActor is who the journal names for what these commands change.
const accountActor identity.Actor = "cli:account"

func newAccountCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "account",
		Short:   "Change one account's credentials",
		Example: `  gatehouse account set-password ada`,
	}
	group(c)
	c.AddCommand(newSetPasswordCommand(a))
	return c
}

func newSetPasswordCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "set-password HANDLE_OR_EMAIL",
		Short: "Set the password of an account",
		Long: `Reads a new password from the terminal, twice and unseen, or the first line of
standard input, and lets the account sign in with it from then on. A server may be
running on the data directory. Tokens given out before stay good: see token revoke.`,
		Example: `  gatehouse account set-password ada
  pass show gatehouse/ada | gatehouse account set-password ada@example.org`,
		Args: takes("HANDLE_OR_EMAIL"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withDirectory(c.Context(), func(_ Config, dir *identity.Directory) error {
				return a.setPassword(c.Context(), dir, args[0])
			})
		},
	}
}

// setPassword reads the password before it opens the transaction: nobody waits for
// a person at a keyboard.
func (a *app) setPassword(ctx context.Context, dir *identity.Directory, name string) error {
	account, err := findAccount(ctx, dir, name)
	if err != nil {
		return err
	}
	password, err := a.readPassword(account)
	if err != nil {
		return err
	}
	hash, err := authn.Hash(password, authn.DefaultParams)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	_, err = dir.Write(ctx, accountActor, func(tx *identity.Tx) error {
		return tx.SetPassword(account.ID, hash, time.Time{}, false)
	})
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", name, err)
	}
	_, err = fmt.Fprintf(a.out, "the password of %s is set\n", name)
	return err
}

func (a *app) readPassword(account identity.Account) (string, error) {
	if file, ok := a.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return a.askPassword(file, account)
	}
	line, err := bufio.NewReader(io.LimitReader(a.in, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	return password, checkPassword(password)
}

func (a *app) askPassword(terminal *os.File, account identity.Account) (string, error) {
	var typed [2]string
	for i, prompt := range []string{"New password", "The same again"} {
		_, _ = fmt.Fprintf(a.err, "%s for %s: ", prompt, account.Handle)
		text, err := term.ReadPassword(int(terminal.Fd()))
		_, _ = fmt.Fprintln(a.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two are not the same: nothing was changed")
	}
	return typed[0], checkPassword(typed[0])
}

func checkPassword(password string) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return fmt.Errorf("a password has %d to %d bytes, this one has %d: nothing was changed", minPassword, maxPassword, len(password))
	}
	return nil
}

// findAccount finds whom a command line names.
func findAccount(ctx context.Context, dir *identity.Directory, name string) (identity.Account, error) {
	var account identity.Account
	err := dir.Read(ctx, func(tx *identity.Tx) (err error) {
		account, err = tx.FindAccount(name)
		return err
	})
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return account, fmt.Errorf("no account has the handle, e-mail or user id %q: `gatehouse export` lists them", name)
	case err != nil:
		return account, fmt.Errorf("find account %q: %w", name, err)
	}
	return account, nil
}
