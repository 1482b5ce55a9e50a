package ingress

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// entrypoint is the question that every door asks.
const entrypoint = "gatehouse/ingress/decision"

// assertionTTL is how long an upstream may believe an assertion.
const assertionTTL = 5 * time.Minute

// Paths of the doors.
const (
	pathAuth      = "/auth"
	pathNginx     = "/auth/nginx"
	pathForward   = "/auth/forward"
	pathEnvoy     = "/auth/envoy"
	pathDatalayer = "/api/iam/v1/auth"
)

// Names of the doors in metrics and logs.
const (
	doorNginx     = "nginx"
	doorForward   = "forward"
	doorEnvoy     = "envoy"
	doorDatalayer = "datalayer"
	doorUnknown   = "unknown"
)

// Handler answers proxies. It never reads a body, and its answers have none.
type Handler struct {
	engine    *engine.Engine
	authn     *authn.Authenticator
	issuer    *token.Issuer
	log       *slog.Logger
	observe   func(door, effect, reason string, took time.Duration)
	proxies   web.Proxies
	source    string
	identity  []identityHeader
	visible   []policyHeader
	strict    bool // refuse twins of trusted headers
	cacheable bool
	login     *url.URL
}

// Mine says whether a request belongs to this handler, whatever its method: the raw
// target decides, before any router cleans or redirects it.
func Mine(r *http.Request) bool {
	target := rawPath(r)
	return target == pathDatalayer || target == pathAuth || strings.HasPrefix(target, pathAuth+"/") ||
		r.URL.Path == pathDatalayer || r.URL.Path == pathAuth || strings.HasPrefix(r.URL.Path, pathAuth+"/")
}

// rawPath is the request target as it was sent, without its query.
func rawPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

func rawQuery(r *http.Request) string {
	_, query, _ := strings.Cut(r.RequestURI, "?")
	return query
}

// door names the endpoint that was asked; whatever is under /auth and is none of them
// is answered too, and closed.
func door(path string) string {
	switch {
	case path == pathNginx:
		return doorNginx
	case path == pathForward:
		return doorForward
	case path == pathDatalayer:
		return doorDatalayer
	case strings.HasPrefix(path, pathEnvoy+"/"):
		return doorEnvoy
	}
	return doorUnknown
}

// ServeHTTP answers one question of a proxy. Whatever goes wrong on the way is a
// denial with an id.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	at, v := door(rawPath(r)), newVerdict()
	h.judgeSafely(r, at, v)
	if v.decision.ID == "" {
		v.decision.ID = rand.Text()
	}
	h.write(w, r, at, v)
	end := time.Now()
	h.observe(at, string(v.decision.Effect), v.decision.Reason, end.Sub(start))
	h.record(r, at, v, start, end)
	v.done()
}

func (h *Handler) judgeSafely(r *http.Request, at string, v *verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			h.log.Error("a check panicked and was denied", "door", at, "cause", cause, "stack", string(debug.Stack()))
			*v = verdict{original: v.original}
			v.deny(refuse(reasonInternal, "the check panicked"))
		}
	}()
	h.judge(r, at, v)
}

func (h *Handler) judge(r *http.Request, at string, v *verdict) {
	if no := h.admit(r, v); no != nil {
		v.deny(no)
		return
	}
	if no := h.readOriginal(r, at, &v.original); no != nil {
		v.deny(no)
		return
	}
	shown, no := visible(h.visible, r.Header)
	if no != nil {
		v.deny(no)
		return
	}
	var err error
	if v.subject, err = h.authn.Authenticate(r.Context(), r); err != nil {
		v.refuseCredential(err)
		return
	}
	v.decision = h.engine.Decide(r.Context(), entrypoint, v.room.question.question(&v.subject, &v.original, shown))
	v.fault = v.decision.Err
	if v.decision.Effect == engine.Allow {
		h.introduce(v)
	}
}

// admit looks at who asks and at headers that nobody may send, before anything is
// read from the others.
func (h *Handler) admit(r *http.Request, v *verdict) *refusal {
	if !h.proxies.Trusted(r.RemoteAddr) {
		return refuse(reasonUntrusted, "the peer is not in ingress.trusted_proxies")
	}
	if no := disowned(r.Header); no != nil {
		return no
	}
	if no := twin(r.Header); no != nil {
		if h.strict {
			return no
		}
		v.warned = no.why
	}
	if len(r.Header["Authorization"]) > 1 {
		return refuse(reasonDuplicate, "Authorization was sent more than once")
	}
	return nil
}

// readOriginal reads the request from the headers of the door's own family.
func (h *Handler) readOriginal(r *http.Request, at string, o *original) *refusal {
	var no *refusal
	switch at {
	case doorNginx:
		no = o.fromNginx(r.Header, rawQuery(r), h.source)
	case doorForward, doorDatalayer:
		if len(r.Header[headerOriginalURL]) > 0 {
			return refuse(reasonFamilies, "X-Original-URL was sent to an endpoint that reads X-Forwarded-*")
		}
		no = o.fromForward(r.Header)
	case doorEnvoy:
		no = o.fromEnvoy(r.Method, r.Host, strings.TrimPrefix(r.RequestURI, pathEnvoy), r.Header)
	default:
		no = refuse(reasonNoSuchDoor, "there is no such endpoint under /auth")
	}
	if no != nil {
		return no
	}
	o.client, _ = h.proxies.ClientIP(r)
	return nil
}

// introduce fills in what the upstream is told about the subject. An allow that cannot
// say who it is for, where that is required, is a denial. Where long names and many
// groups do not fit beside each other, the assertion goes without groups and name.
func (h *Handler) introduce(v *verdict) {
	s := &v.subject
	about := token.Assertion{
		Subject: s.ID, Kind: string(s.Kind), Handle: s.Handle, Email: s.Email, Name: s.Name, Groups: allGroups(s),
	}
	no := h.introduceAs(v, about)
	if no == nil && !v.identity.fits && len(about.Groups) > 0 {
		about.Groups, about.Name = nil, ""
		no = h.introduceAs(v, about)
	}
	if no != nil {
		v.deny(no)
	}
}

func (h *Handler) introduceAs(v *verdict, about token.Assertion) *refusal {
	if v.subject.Kind != identity.SubjectAnonymous {
		raw, _, err := h.issuer.Assertion(about, audienceOf(v), assertionTTL)
		if err != nil {
			v.fault = err
			return refuse(reasonInternal, "the assertion could not be signed")
		}
		v.assertion = raw
	}
	var no *refusal
	v.identity, no = identify(h.identity, &v.subject, headerBudget-fixedHeaderBytes-len(v.assertion))
	return no
}

// audienceOf is who an assertion is for: what the route names, else the host that was
// asked for.
func audienceOf(v *verdict) string {
	if named := v.decision.Labels["audience"]; named != "" {
		return named
	}
	return v.original.host
}

func allGroups(s *identity.Subject) []string {
	if len(s.Groups) == 0 {
		return s.Teams
	}
	if len(s.Teams) == 0 {
		return s.Groups
	}
	return append(append(make([]string, 0, len(s.Teams)+len(s.Groups)), s.Teams...), s.Groups...)
}
