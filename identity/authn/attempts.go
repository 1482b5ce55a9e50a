package authn

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// Attempt is one try to sign in with a password. Address is the client's, as far as it
// is known: the zero address is counted as one more place.
type Attempt struct {
	Name     string // handle, e-mail or user id
	Password string
	Address  netip.Addr
}

// TooManyError says that this client failed too often under this name and has to wait.
// Nothing was checked: it is the same for a right password, and for a name that nobody
// has.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string { return "too many failed logins" }

// Seconds is Wait in whole seconds, at least one, as Retry-After has it.
func (e *TooManyError) Seconds() int {
	return max(1, int((e.Wait+time.Second-1)/time.Second))
}

// Outcome is how a check of a password ended.
type Outcome string

// The outcomes. A check that could not be made, for want of a database say, has none.
const (
	OutcomeSuccess   Outcome = "success"
	OutcomeWrong     Outcome = "wrong"
	OutcomeBusy      Outcome = "busy"
	OutcomeThrottled Outcome = "throttled"
)

func outcomeOf(err error) (Outcome, bool) {
	var tooMany *TooManyError
	switch {
	case err == nil:
		return OutcomeSuccess, true
	case errors.Is(err, ErrWrong):
		return OutcomeWrong, true
	case errors.Is(err, ErrBusy):
		return OutcomeBusy, true
	case errors.As(err, &tooMany):
		return OutcomeThrottled, true
	}
	return "", false
}

// What failures cost. One client and name: the first freeFailures are free, then the
// next try must wait a second, two, four, up to longestWait. All clients of a name
// together only ever slow down those who have not signed in before, so that nobody can
// be locked out by somebody else's failures.
const (
	freeFailures = 5
	longestWait  = 15 * time.Minute

	quickFailures = 9
	delayStep     = 150 * time.Millisecond
	longestDelay  = 3 * time.Second
	// maxDelayed bounds those who stand in line: each holds a connection.
	maxDelayed = 1024
)

// waitAfter is how long after its last failure a client must wait.
func waitAfter(failures int) time.Duration {
	over := failures - freeFailures
	switch {
	case over < 0:
		return 0
	case over >= 10: // 2^10 s is more than the longest wait
		return longestWait
	}
	return min(longestWait, time.Second<<over)
}

// throttled is a *TooManyError while the client has to wait.
func throttled(f identity.LoginFailures) error {
	if rest := waitAfter(f.Here.Count) - f.Here.Age; rest > 0 {
		return &TooManyError{Wait: rest}
	}
	return nil
}

// delayFor is how long a try stands in line for what others did to the name.
func delayFor(f identity.LoginFailures) time.Duration {
	if f.Known {
		return 0
	}
	return min(longestDelay, time.Duration(max(0, f.All.Count-quickFailures))*delayStep)
}

// networkOf is what failures are counted by: an IPv4 address, or the /64 that an IPv6
// client has to itself.
func networkOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	network, err := address.Prefix(bits)
	if err != nil { // the zero address
		return netip.Prefix{}
	}
	return network
}

// pause waits, unless the caller leaves.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lanes lets tries of one client and name through one at a time: tries side by side
// would all see the same number of failures, and none of the others'.
type lanes struct {
	mu   sync.Mutex
	open map[laneKey]*lane
}

type laneKey struct {
	login   identity.LoginKey
	network netip.Prefix
}

type lane struct {
	users int
	turn  chan struct{} // holds one while somebody is in
}

// enter waits for its turn; whoever got in must call leave.
func (l *lanes) enter(ctx context.Context, key laneKey) (leave func(), err error) {
	l.mu.Lock()
	if l.open == nil {
		l.open = make(map[laneKey]*lane)
	}
	mine := l.open[key]
	if mine == nil {
		mine = &lane{turn: make(chan struct{}, 1)}
		l.open[key] = mine
	}
	mine.users++
	l.mu.Unlock()
	done := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if mine.users--; mine.users == 0 {
			delete(l.open, key)
		}
	}
	select {
	case mine.turn <- struct{}{}:
		return func() { <-mine.turn; done() }, nil
	case <-ctx.Done():
		done()
		return nil, context.Cause(ctx)
	}
}
