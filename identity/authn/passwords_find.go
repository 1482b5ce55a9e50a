package authn

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// candidate is whose password is being checked. Where there is nobody, or nobody who may
// sign in, the work is the same and usable is false.
type candidate struct {
	account identity.Account
	usable  bool
	want    phc
	login   identity.LoginKey
}

// findSlowly looks up whose password it is and what failed before, stretched: how many
// rows that reads depends on what there is.
func (p *Passwords) findSlowly(ctx context.Context, network netip.Prefix, find func(*identity.Tx) (candidate, error)) (c candidate, f identity.LoginFailures, err error) {
	timer := time.NewTimer(p.lookup)
	defer timer.Stop()
	err = p.dir.Read(ctx, func(tx *identity.Tx) (err error) { c, err = find(tx); return err })
	if err == nil {
		f, err = p.dir.LoginFailures(ctx, c.login, network)
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	return c, f, err
}

// byName finds the account that a name signs in to. Where there is none, the name only
// decides whose failure it is: that of an account whose name looks the same, else its
// own.
func (p *Passwords) byName(tx *identity.Tx, name string) (candidate, error) {
	account, err := tx.FindAccount(strings.TrimSpace(name)) // no name begins or ends with a blank
	if err == nil {
		return p.candidate(tx, account)
	}
	if err := ignoreUnknown(err); err != nil {
		return candidate{}, err
	}
	nobody := candidate{login: identity.UnknownLogin(name), want: p.dummy}
	twin, err := tx.FindAccount(identity.LookAlike(name))
	if err == nil {
		nobody.login = identity.AccountLogin(twin.ID)
	}
	return nobody, ignoreUnknown(err)
}

// candidate looks the account's password up. Where there is none to check, the dummy
// takes its place.
func (p *Passwords) candidate(tx *identity.Tx, account identity.Account) (candidate, error) {
	c := candidate{account: account, want: p.dummy, login: identity.AccountLogin(account.ID)}
	stored, err := tx.Password(account.ID)
	if err != nil {
		return c, ignoreUnknown(err)
	}
	want, ok := parsePHC(stored.Hash)
	if !ok {
		return c, nil
	}
	c.want = want
	c.usable = account.State == identity.Active &&
		(account.Kind == identity.Person || account.Kind == identity.Service) &&
		(stored.Expires.IsZero() || p.now().Before(stored.Expires))
	return c, nil
}

// ignoreUnknown leaves the errors that do not say that there is nobody.
func ignoreUnknown(err error) error {
	var invalid *identity.InvalidError
	if errors.Is(err, identity.ErrNotFound) || errors.As(err, &invalid) {
		return nil
	}
	return err
}
