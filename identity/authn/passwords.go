package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
	// MinPassword is the shortest in bytes that people may choose.
	MinPassword = 8

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
	// each check that ended right or wrong.
	Observe func(Params, time.Duration)
	// Outcome, if given, is told how each check ended.
	Outcome func(Outcome)
}

// Passwords checks passwords. It is safe for concurrent use.
type Passwords struct {
	dir     *identity.Directory
	now     func() time.Time
	lookup  time.Duration
	observe func(Params, time.Duration)
	outcome func(Outcome)
	pause   func(context.Context, time.Duration) error // in line
	dummy   phc
	slots   chan struct{} // one for each hash that is being computed
	inside  atomic.Int64  // checks that compute or wait for that
	most    int64         // of inside
	delayed atomic.Int64  // checks that stand in line for the failures of others
	lanes   lanes
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
	if o.Outcome == nil {
		o.Outcome = func(Outcome) {}
	}
	return &Passwords{
		dir: dir, now: o.Now, lookup: o.Lookup, observe: o.Observe, outcome: o.Outcome, pause: pause,
		dummy: phc{Params: o.Params, salt: make([]byte, saltLength), sum: make([]byte, sumLength)},
		slots: make(chan struct{}, o.Concurrency), most: int64(o.Concurrency + max(o.Queue, 0)),
	}
}

// Check returns the account that the name and the password belong to, or ErrWrong, or
// ErrBusy, or a *TooManyError. Right and wrong cost the same work. Failures are counted
// by account, or by name where there is no account, and by address.
func (p *Passwords) Check(ctx context.Context, a Attempt) (identity.Account, error) {
	if len(a.Name) > MaxName {
		return identity.Account{}, p.ended(ErrWrong) // depends on the question only, so it may be quick
	}
	return p.check(ctx, a.Password, a.Address, func(tx *identity.Tx) (candidate, error) { return p.byName(tx, a.Name) })
}

// Verify says whether the password is the account's, for those who have to give the one
// they have before they get another; its errors are those of Check. A failure counts as
// one to sign in: otherwise this would be the door to guess at.
func (p *Passwords) Verify(ctx context.Context, id identity.AccountID, password string, address netip.Addr) error {
	_, err := p.check(ctx, password, address, func(tx *identity.Tx) (candidate, error) {
		account, err := tx.Account(id)
		if err != nil {
			return candidate{login: identity.AccountLogin(id), want: p.dummy}, ignoreUnknown(err)
		}
		return p.candidate(tx, account)
	})
	return err
}

// Hash makes what is stored of a password that somebody chose. Hashing is bounded
// together with checking: ErrBusy says that nothing was done, *identity.InvalidError
// that the password is too short or too long.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return "", &identity.InvalidError{Field: "password", Why: fmt.Sprintf("must have %d to %d bytes", MinPassword, MaxPassword)}
	}
	if !p.enter() {
		return "", ErrBusy
	}
	defer p.inside.Add(-1)
	waiting, cancel := context.WithTimeoutCause(ctx, maxWait, ErrBusy)
	defer cancel()
	if err := p.takeSlot(waiting); err != nil {
		return "", failed("hash a password", err)
	}
	defer func() { <-p.slots }()
	start := time.Now()
	hash, err := Hash(password, p.dummy.Params)
	p.observe(p.dummy.Params, time.Since(start))
	return hash, err
}

func (p *Passwords) ended(err error) error {
	if outcome, is := outcomeOf(err); is {
		p.outcome(outcome)
	}
	return err
}

func (p *Passwords) check(ctx context.Context, password string, address netip.Addr, find func(*identity.Tx) (candidate, error)) (identity.Account, error) {
	if len(password) > MaxPassword {
		return identity.Account{}, p.ended(ErrWrong)
	}
	if !p.enter() { // few may wait: each holds memory and a connection
		return identity.Account{}, p.ended(ErrBusy)
	}
	defer p.inside.Add(-1)
	c, failures, err := p.findSlowly(ctx, networkOf(address), find)
	if err == nil {
		err = throttled(failures)
	}
	if err == nil {
		err = p.standInLine(ctx, delayFor(failures))
	}
	if err == nil {
		err = p.try(ctx, &c, networkOf(address), password)
	}
	if err = p.ended(failed("check a password", err)); err != nil {
		return identity.Account{}, err
	}
	return c.account, nil
}

// failed adds what was being done to errors that are not answers.
func failed(doing string, err error) error {
	if _, is := outcomeOf(err); is {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// enter takes one of the places inside.
func (p *Passwords) enter() bool {
	if p.inside.Add(1) > p.most {
		p.inside.Add(-1)
		return false
	}
	return true
}

// standInLine waits outside: whoever is delayed takes nobody's place.
func (p *Passwords) standInLine(ctx context.Context, delay time.Duration) (err error) {
	if delay <= 0 {
		return nil
	}
	p.inside.Add(-1)
	defer func() {
		if p.inside.Add(1) > p.most && err == nil { // the caller gives the place back
			err = ErrBusy
		}
	}()
	defer p.delayed.Add(-1)
	if p.delayed.Add(1) > maxDelayed {
		return ErrBusy
	}
	return p.pause(ctx, delay)
}

// try computes one hash and counts what comes of it before anybody learns of it. Tries
// of one client and name go one after the other, and look at the failures again when it
// is their turn.
func (p *Passwords) try(ctx context.Context, c *candidate, network netip.Prefix, password string) error {
	waiting, cancel := context.WithTimeoutCause(ctx, maxWait, ErrBusy)
	defer cancel()
	leave, err := p.lanes.enter(waiting, laneKey{c.login, network})
	if err != nil {
		return err
	}
	defer leave()
	if err := p.takeSlot(waiting); err != nil {
		return err
	}
	right, err := p.matches(ctx, c, network, password)
	if err != nil {
		return err
	}
	// Whoever hangs up now is counted all the same.
	ctx = context.WithoutCancel(ctx)
	if right {
		return p.dir.LoginSucceeded(ctx, c.login, network)
	}
	if err := p.dir.LoginFailed(ctx, c.login, network); err != nil {
		return err
	}
	return ErrWrong
}

// matches gives the slot back.
func (p *Passwords) matches(ctx context.Context, c *candidate, network netip.Prefix, password string) (bool, error) {
	defer func() { <-p.slots }()
	failures, err := p.dir.LoginFailures(ctx, c.login, network)
	if err == nil {
		err = throttled(failures)
	}
	if err != nil {
		return false, err
	}
	start := time.Now()
	right := c.want.matches(password)
	p.observe(c.want.Params, time.Since(start))
	return right && c.usable, nil
}

func (p *Passwords) takeSlot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
