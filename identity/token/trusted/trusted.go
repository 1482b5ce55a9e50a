package trusted

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

// The outcomes that Options.Observe is told of, beside the reasons of refusals.
const (
	OutcomeAccepted      = "accepted"     // a request with a token of the issuer, for a linked account
	OutcomeUnlinked      = "unlinked"     // the same, for a subject without account
	OutcomeKeysFetched   = "keys_fetched" // a refresh of the key set
	OutcomeKeysFailed    = "keys_failed"
	OutcomeGroupsDropped = "groups_dropped" // a token had groups that were not taken over
)

// ReasonUnavailable is the reason of a refusal where nothing is known of the issuer's
// keys, or nothing recent enough.
const ReasonUnavailable = "issuer_unavailable"

// Options of a Set; all may be left out.
type Options struct {
	Logger  *slog.Logger                 // nil = silent
	Now     func() time.Time             // nil = time.Now
	Observe func(issuer, outcome string) // by the configured name; nil = nobody counts

	Refresh  time.Duration // keys are fetched again after it at the latest, where they are used; 0 = 5 minutes
	CoolDown time.Duration // between two fetches, whatever is presented; 0 = 30 seconds
	Stale    time.Duration // keys count so long while the issuer cannot be reached; 0 = 1 hour
	Timeout  time.Duration // of one fetch, every byte of it; 0 = 5 seconds

	RootCAs  *x509.CertPool // nil = the system's
	Resolver *net.Resolver  // nil = the system's
}

func (o Options) filled() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&o.Refresh, 5 * time.Minute}, {&o.CoolDown, 30 * time.Second}, {&o.Stale, time.Hour}, {&o.Timeout, 5 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.otherwise
		}
	}
	return o
}

// Set is the issuers that are trusted. It is safe for concurrent use.
type Set struct {
	byName map[string]*Issuer // by `iss`
	alike  map[string]*Issuer // by alike(iss)
	all    []*Issuer
}

// New makes a Set. Nothing is fetched yet; Load does that, or the first token.
func New(configs []Config, o Options) (*Set, error) {
	if err := Check(configs); err != nil {
		return nil, err
	}
	o = o.filled()
	s := &Set{byName: map[string]*Issuer{}, alike: map[string]*Issuer{}}
	for _, c := range configs {
		i := newIssuer(c, configs, o)
		s.all = append(s.all, i)
		s.byName[c.Issuer], s.alike[alike(c.Issuer)] = i, i
	}
	return s, nil
}

// Load fetches the keys of all issuers. One that cannot be reached is a warning: it is
// asked again when its tokens come. A discovery document that contradicts the
// configuration is a *DocumentError.
func (s *Set) Load(ctx context.Context) error {
	errs := make([]error, len(s.all))
	var group sync.WaitGroup
	for at, i := range s.all {
		group.Go(func() {
			i.await(ctx, i.refresh())
			errs[at] = i.contradiction()
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// Claims reports whether somebody's tokens would be judged here: whether iss is, or
// could be taken for, that of a trusted issuer.
func (s *Set) Claims(iss string) bool { return s.whose(iss) != nil }

func (s *Set) whose(iss string) *Issuer {
	if i := s.byName[iss]; i != nil {
		return i
	}
	return s.alike[alike(iss)]
}

// Verify says whose a token of a trusted issuer is. It is token.ErrNotOurs for what
// claims to be of no trusted issuer, else a *token.RefusedError. It waits for keys at
// most as long as a fetch may take.
func (s *Set) Verify(ctx context.Context, raw string) (*Token, error) {
	if len(raw) > MaxLength {
		return nil, refuse("longer than 16384 characters")
	}
	header, payload, ok := strict.Split(raw)
	if !ok {
		return nil, token.ErrNotOurs
	}
	// Generous on purpose: what names one of the issuers in however sloppy a form is
	// refused unless it is perfect.
	var issuer *Issuer
	strict.EachString(payload, "iss", func(iss string) {
		if issuer == nil {
			issuer = s.whose(iss)
		}
	})
	if issuer == nil {
		return nil, token.ErrNotOurs
	}
	t, err := issuer.verify(ctx, raw, header, payload)
	if err != nil {
		issuer.Observe(reasonOf(err))
		return nil, err
	}
	return t, nil
}

func refuse(detail string) error {
	return &token.RefusedError{Reason: token.ReasonBad, Detail: detail}
}

func reasonOf(err error) string {
	var refused *token.RefusedError
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return token.ReasonBad
}

// otherPrefixes are the prefixes of groups that begin with the one of c and belong to
// another issuer.
func otherPrefixes(c Config, all []Config) []string {
	var longer []string
	for _, other := range all {
		if other.GroupsClaim != "" && len(other.GroupsPrefix) > len(c.GroupsPrefix) && strings.HasPrefix(other.GroupsPrefix, c.GroupsPrefix) {
			longer = append(longer, other.GroupsPrefix)
		}
	}
	return longer
}
