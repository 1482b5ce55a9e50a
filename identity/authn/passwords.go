package authn

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// ErrWrong is the answer to every login that fails, whatever the cause: it does not
// tell a wrong password from an unknown, disabled or invited account, nor from a
// password that has expired.
var ErrWrong = errors.New("name or password is wrong")

// ErrBusy says that too many passwords wait to be checked; nothing was checked.
var ErrBusy = errors.New("too many logins at once")

const (
	// MaxName and MaxPassword are the longest in bytes that are looked at.
	MaxName     = 254
	MaxPassword = 1024

	maxWait       = 5 * time.Second
	defaultLookup = 5 * time.Millisecond
)

// PasswordOptions bound what checking passwords may cost; zero values take defaults.
type PasswordOptions struct {
	Concurrency int // checks at a time; 0 = half of the processors, at least one
	Queue       int // checks that may wait; 0 = 16 per concurrent one, negative = none
	Params      Params
	Now         func() time.Time // nil = time.Now
	// Lookup is how long finding the account always takes at least, so that it does
	// not show whether there was one; 0 = 5 ms.
	Lookup time.Duration
	// Observe, if given, is told of every hash that was computed; exactly one for
	// each check that was not ErrBusy.
	Observe func(Params, time.Duration)
}

// Passwords checks passwords. It is safe for concurrent use.
type Passwords struct {
	dir     *identity.Directory
	now     func() time.Time
	lookup  time.Duration
	observe func(Params, time.Duration)
	dummy   phc
	slots   chan struct{} // one for each hash that is being computed
	inside  atomic.Int64  // checks that compute or wait
	most    int64         // of inside
}

// NewPasswords makes a checker of the directory's passwords.
func NewPasswords(dir *identity.Directory, o PasswordOptions) *Passwords {
	if o.Concurrency <= 0 {
		o.Concurrency = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Queue == 0 {
		o.Queue = 16 * o.Concurrency
	}
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lookup == 0 {
		o.Lookup = defaultLookup
	}
	if o.Observe == nil {
		o.Observe = func(Params, time.Duration) {}
	}
	return &Passwords{
		dir: dir, now: o.Now, lookup: o.Lookup, observe: o.Observe,
		dummy: phc{Params: o.Params, salt: make([]byte, saltLength), sum: make([]byte, sumLength)},
		slots: make(chan struct{}, o.Concurrency), most: int64(o.Concurrency + max(o.Queue, 0)),
	}
}

// Check returns the account that the name (handle, e-mail or user id) and the password
// belong to, or ErrWrong, or ErrBusy. Everything but ErrBusy costs the same work.
func (p *Passwords) Check(ctx context.Context, name, password string) (identity.Account, error) {
	if len(name) > MaxName || len(password) > MaxPassword {
		return identity.Account{}, ErrWrong // depends on the question only, so it may be quick
	}
	if p.inside.Add(1) > p.most { // few may wait: each holds memory and a connection
		p.inside.Add(-1)
		return identity.Account{}, ErrBusy
	}
	defer p.inside.Add(-1)
	account, usable, want, err := p.findSlowly(ctx, name)
	if err != nil {
		return identity.Account{}, err
	}
	if err := p.takeSlot(ctx); err != nil {
		return identity.Account{}, err
	}
	defer func() { <-p.slots }()
	start := time.Now()
	right := want.matches(password)
	p.observe(want.Params, time.Since(start))
	if !right || !usable {
		return identity.Account{}, ErrWrong
	}
	return account, nil
}

func (p *Passwords) takeSlot(ctx context.Context) error {
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return fmt.Errorf("check a password: %w", ctx.Err())
	}
}

// findSlowly is find, stretched: how many rows it reads depends on what there is.
func (p *Passwords) findSlowly(ctx context.Context, name string) (identity.Account, bool, phc, error) {
	timer := time.NewTimer(p.lookup)
	defer timer.Stop()
	account, usable, want, err := p.find(ctx, name)
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("check a password: %w", ctx.Err()))
	}
	return account, usable, want, err
}

// find looks the account and its password up. Where there is none to check, the dummy
// takes its place.
func (p *Passwords) find(ctx context.Context, name string) (account identity.Account, usable bool, want phc, err error) {
	var stored identity.Password
	err = p.dir.Read(ctx, func(tx *identity.Tx) (err error) {
		if account, err = tx.FindAccount(name); err != nil {
			return err
		}
		stored, err = tx.Password(account.ID)
		return err
	})
	var invalid *identity.InvalidError
	switch {
	case errors.Is(err, identity.ErrNotFound), errors.As(err, &invalid):
		return identity.Account{}, false, p.dummy, nil
	case err != nil:
		return identity.Account{}, false, p.dummy, fmt.Errorf("check a password: %w", err)
	}
	want, ok := parsePHC(stored.Hash)
	if !ok {
		return account, false, p.dummy, nil
	}
	usable = account.State == identity.Active &&
		(account.Kind == identity.Person || account.Kind == identity.Service) &&
		(stored.Expires.IsZero() || p.now().Before(stored.Expires))
	return account, usable, want, nil
}
