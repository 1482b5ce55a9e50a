package authn

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/internal/recent"
	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
)

// The reasons of a Refused.
const (
	ReasonBadToken        = token.ReasonBad
	ReasonExpiredToken    = token.ReasonExpired
	ReasonRevokedToken    = "revoked_token"
	ReasonAccountDisabled = "account_disabled"
	ReasonUnknownAccount  = "unknown_account"
	ReasonDuplicate       = "duplicate_credentials"
	// Of tokens of trusted issuers: nobody here is linked to the identity, or nothing
	// is known of the issuer's keys.
	ReasonNotLinked         = "not_linked"
	ReasonIssuerUnavailable = trusted.ReasonUnavailable
)

// Refused says that a request carries a credential of ours that does not count. It is
// answered 401 everywhere, on public paths too. Detail is for the log and repeats
// nothing that the request said.
type Refused struct{ Reason, Detail string }

func (r *Refused) Error() string {
	if r.Detail == "" {
		return "credential refused: " + r.Reason
	}
	return "credential refused: " + r.Reason + ": " + r.Detail
}

// Options of an Authenticator; all may be left out.
type Options struct {
	Logger *slog.Logger // nil = silent
	// Remember is how many bytes verified tokens may take; 0 = 128 MiB, which is some
	// hundred thousand. A token that is not remembered is verified again.
	Remember int64
	Trusted  *trusted.Set // other issuers whose tokens count; nil = none
}

// Authenticator tells subjects from requests. It is an identity.Sink of Collections,
// knows nobody before it is fed, and is safe for concurrent use.
type Authenticator struct {
	issuer  *token.Issuer
	trusted *trusted.Set
	log     *slog.Logger
	people  people
	// verified remembers tokens whose signature was found good. Everything that can
	// change afterwards is looked at on every request.
	verified *recent.Map[string, *verified]
}

// New makes an Authenticator that believes the tokens of the issuer.
func New(issuer *token.Issuer, o Options) *Authenticator {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Remember == 0 {
		o.Remember = defaultRemember
	}
	a := &Authenticator{issuer: issuer, trusted: o.Trusted, log: o.Logger, verified: recent.New(o.Remember, weigh)}
	a.people.index.Store(newIndex())
	return a
}

const (
	defaultRemember = 128 << 20
	// verifiedSize is what remembering a token takes beside its own bytes and the names
	// of its holder's teams.
	verifiedSize = 512
)

func weigh(raw string, v *verified) int {
	return len(raw) + verifiedSize + v.teamsSize() + v.external.size()
}

// remember keeps a token whose signature was found good, and has it weighed again when
// its holder's teams have changed: a memory looks at a weight only when it is given one.
func (a *Authenticator) remember(raw string, v *verified) {
	size := int64(v.teamsSize()) + 1
	if v.remembered.Load() == size {
		return
	}
	v.remembered.Store(size)
	a.verified.Put(strings.Clone(raw), v)
}

// verified is a token whose signature was found good. It never changes, apart from
// what is known of its holder.
type verified struct {
	claims    token.Claims // without what nobody asks for; of a token of ours
	info      identity.TokenInfo
	holder    uid
	hasHolder bool      // the subject is an identifier
	external  *external // of a token of a trusted issuer, else nil
	standing  atomic.Pointer[standing]
	// remembered is one more than the size of the teams that it was weighed with; 0 when
	// it is new.
	remembered atomic.Int64
}

// teamsSize is how many bytes the names of the holder's teams take.
func (v *verified) teamsSize() int {
	if s := v.standing.Load(); s != nil {
		return s.size
	}
	return 0
}

func (a *Authenticator) newVerified(c token.Claims) *verified {
	c.User, c.Audience = token.User{}, nil
	c.Issuer = a.issuer.Name() // the same text in the memory of all
	v := &verified{claims: c, info: identity.TokenInfo{Kind: c.Kind, JTI: c.ID, Issuer: c.Issuer, Scopes: c.Scopes}}
	v.holder, v.hasHolder = parseUID(c.Subject)
	return v
}

// anonymous is who presents nothing that we know.
var anonymous = identity.Subject{Kind: identity.SubjectAnonymous}

// Authenticate says who is behind the request: an account, or anonymous when it
// carries no credential of ours. The error is always a *Refused. The slices of the
// subject are shared and must not be changed.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request) (identity.Subject, error) {
	subject, refused := a.authenticate(ctx, r)
	if refused != nil {
		return identity.Subject{}, a.refuse(ctx, refused)
	}
	return subject, nil
}

func (a *Authenticator) refuse(ctx context.Context, refused *Refused) error {
	a.log.LogAttrs(ctx, slog.LevelDebug, "credential refused",
		slog.String("reason", refused.Reason), slog.String("detail", refused.Detail))
	return refused
}

// Holder says whose token raw is, as if a request had presented it as its credential.
// What is no credential of ours is ReasonBadToken here: somebody means it to be one.
func (a *Authenticator) Holder(ctx context.Context, raw string) (identity.Subject, error) {
	subject, refused := a.holder(ctx, raw)
	if refused == nil && subject.Kind == identity.SubjectAnonymous {
		refused = &Refused{Reason: ReasonBadToken, Detail: "of no issuer that is trusted"}
	}
	if refused != nil {
		return identity.Subject{}, a.refuse(ctx, refused)
	}
	return subject, nil
}

func (a *Authenticator) authenticate(ctx context.Context, r *http.Request) (identity.Subject, *Refused) {
	headers := r.Header["Authorization"]
	switch len(headers) {
	case 0:
		return anonymous, nil
	case 1:
		// read below
	default:
		return identity.Subject{}, &Refused{Reason: ReasonDuplicate, Detail: "several Authorization headers"}
	}
	raw, ok := bearer(headers[0])
	if !ok {
		return anonymous, nil
	}
	if strings.IndexByte(raw, ',') >= 0 { // no token holds one; a proxy joined two headers
		return identity.Subject{}, &Refused{Reason: ReasonDuplicate, Detail: "several credentials in one Authorization header"}
	}
	return a.holder(ctx, raw)
}

func (a *Authenticator) holder(ctx context.Context, raw string) (identity.Subject, *Refused) {
	v, err := a.verify(ctx, raw)
	if errors.Is(err, token.ErrNotOurs) {
		return anonymous, nil
	}
	if err != nil {
		return identity.Subject{}, asRefused(err)
	}
	subject, refused := a.people.subject(v)
	a.remember(raw, v)
	v.external.observe(subject.Kind, refused)
	return subject, refused
}

// bearer returns what follows the scheme Bearer, in whatever case the scheme is
// written (RFC 9110, 11.1). Another scheme, Basic with a token inside included, is no
// credential of ours.
func bearer(header string) (raw string, ok bool) {
	header = strings.Trim(header, " \t")
	at := strings.IndexAny(header, " \t")
	if at < 0 || !strings.EqualFold(header[:at], "bearer") {
		return "", false
	}
	return strings.TrimLeft(header[at:], " \t"), true
}

// verify believes a token that was remembered without looking at its signature again, but not
// without its expiry and its key.
func (a *Authenticator) verify(ctx context.Context, raw string) (*verified, error) {
	if v, found := a.verified.Get(raw); found {
		if err := a.stillGood(ctx, v); err != nil {
			a.verified.Delete(raw)
			return nil, err
		}
		return v, nil
	}
	claims, err := a.issuer.VerifyAccess(raw)
	if err == nil {
		return a.newVerified(claims), nil
	}
	// Others' tokens may be longer than ours are.
	if a.trusted != nil && (errors.Is(err, token.ErrNotOurs) || len(raw) > token.MaxLength) {
		found, failed := a.trusted.Verify(ctx, raw)
		if failed == nil {
			return newExternal(found), nil
		}
		if !errors.Is(failed, token.ErrNotOurs) {
			return nil, failed
		}
	}
	return nil, err
}

func (a *Authenticator) stillGood(ctx context.Context, v *verified) error {
	if v.external != nil {
		return v.external.token.StillGood(ctx)
	}
	return a.issuer.StillGood(&v.claims)
}

func asRefused(err error) *Refused {
	var refused *token.RefusedError
	if errors.As(err, &refused) {
		return &Refused{Reason: refused.Reason, Detail: refused.Detail}
	}
	return &Refused{Reason: ReasonBadToken, Detail: "not verifiable"}
}
