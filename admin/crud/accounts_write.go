package crud

import (
	"context"
	"errors"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func (s *Surface) createAccount(ctx context.Context, in *struct{ Body newAccount }) (*written[account], error) {
	wanted, err := accountContent(in.Body).over(identity.Account{})
	if err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[account]) error {
		if err := w.ask(create, resource{Kind: "account", AccountKind: in.Body.Kind, State: in.Body.State}); err != nil {
			return err
		}
		return w.makeAccount(wanted, out)
	})
}

// makeAccount makes an account; without a uid the directory chooses one.
func (w *writing) makeAccount(wanted identity.Account, out *written[account]) error {
	there, err := w.CreateAccount(wanted)
	if err != nil {
		return namedUID(err)
	}
	out.Body = accountOf(there)
	out.made("/accounts/" + out.Body.UID)
	return nil
}

// namedUID calls the identifier of an account what the representation calls it.
func namedUID(err error) error {
	if invalid, ok := errors.AsType[*identity.InvalidError](err); ok && invalid.Field == "account id" {
		return &identity.InvalidError{Field: "uid", Why: invalid.Why}
	}
	return err
}

func (s *Surface) putAccount(ctx context.Context, in *struct {
	AccountPath
	Conditions
	Body accountContent
}) (*written[account], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[account]) error {
		there, err := in.find(w.Tx)
		if errors.Is(err, identity.ErrNotFound) {
			asked := resource{Kind: "account", AccountKind: in.Body.Kind, State: in.Body.State}
			if err := w.mayMake(asked, in.shown(), in.Conditions); err != nil {
				return err
			}
			wanted, err := in.Body.over(identity.Account{ID: in.id()})
			if err != nil {
				return err
			}
			return w.makeAccount(wanted, out)
		}
		if err == nil {
			err = s.see(ctx, in.shown())
		}
		if err != nil {
			return err
		}
		wanted, err := in.Body.over(there)
		if err != nil {
			return err
		}
		if err := w.mayReplace(in.shown(), accountOf(there), accountOf(wanted), in.Conditions); err != nil {
			return err
		}
		return w.changeAccount(wanted, out)
	})
}

func (s *Surface) patchAccount(ctx context.Context, in *struct {
	AccountPath
	OnlyMatch
	Body accountPatch
}) (*written[account], error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return writeOne(ctx, s, func(w *writing, out *written[account]) error {
		there, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		wanted, err := in.Body.applied(there)
		if err != nil {
			return err
		}
		if err := w.mayPatch(in.shown(), accountOf(there), accountOf(wanted), in.OnlyMatch); err != nil {
			return err
		}
		return w.changeAccount(wanted, out)
	})
}

func (w *writing) changeAccount(wanted identity.Account, out *written[account]) error {
	if err := w.UpdateAccount(wanted); err != nil {
		return err
	}
	there, err := w.Account(wanted.ID)
	out.Body = accountOf(there)
	return err
}

func (s *Surface) deleteAccount(ctx context.Context, in *struct {
	AccountPath
	OnlyMatch
}) (*RevisionHeader, error) {
	if err := in.resolve(ctx); err != nil {
		return nil, err
	}
	if err := s.see(ctx, in.shown()); err != nil {
		return nil, err
	}
	return removeOne(ctx, s, func(w *writing) error {
		there, err := in.find(w.Tx)
		if err != nil {
			return err
		}
		if err := w.mayRemove(in.shown(), accountOf(there), in.OnlyMatch); err != nil {
			return err
		}
		return w.RemoveAccount(there.ID)
	})
}
