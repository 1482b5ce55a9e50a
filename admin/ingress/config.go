package ingress

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Values of Config.Smuggled.
const (
	smuggledRefuse = "refuse"
	smuggledWarn   = "warn"
)

// Config is what an operator sets. The zero value trusts this machine only, reads
// X-Original-URL, speaks the preset oauth2-proxy and refuses smuggled headers.
type Config struct {
	TrustedProxies []string // addresses or CIDRs that may ask; empty = loopback only
	NginxSource    string   // "url" (default) = X-Original-URL, "uri" = X-Original-URI and X-Original-Host
	Presets        []string // names of identity header sets, see PresetNames
	PolicyHeaders  []string // request headers that policy may see
	Smuggled       string   // "refuse" (default) or "warn": what to do about twins of trusted headers
	LoginURL       string   // where /auth/forward sends browsers; "" = a plain 401
	Cacheable      bool     // drops Cache-Control: no-store: a proxy may then keep answers
}

// Deps are what the doors work with. Observe may be nil; it sees every answer.
type Deps struct {
	Engine  *engine.Engine
	Authn   *authn.Authenticator
	Issuer  *token.Issuer
	Logger  *slog.Logger
	Config  Config
	Observe func(door, effect, reason string, took time.Duration)
}

// New checks the configuration; an error names what is wrong with it.
func New(d Deps) (*Handler, error) {
	if d.Engine == nil || d.Authn == nil || d.Issuer == nil || d.Logger == nil {
		return nil, errors.New("ingress: engine, authn, issuer and logger are all needed")
	}
	h := &Handler{
		engine: d.Engine, authn: d.Authn, issuer: d.Issuer, log: d.Logger, observe: d.Observe,
		source: d.Config.NginxSource, cacheable: d.Config.Cacheable,
	}
	if h.observe == nil {
		h.observe = func(string, string, string, time.Duration) {}
	}
	var err error
	if h.proxies, err = web.NewProxies(d.Config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	if h.identity, err = chosenHeaders(d.Config.Presets); err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	if h.visible, err = policyHeaders(d.Config.PolicyHeaders); err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	switch h.source {
	case "":
		h.source = sourceURL
	case sourceURL, sourceURI:
	default:
		return nil, fmt.Errorf("ingress: nginx source %q is neither %s nor %s", h.source, sourceURL, sourceURI)
	}
	switch d.Config.Smuggled {
	case "", smuggledRefuse:
		h.strict = true
	case smuggledWarn:
	default:
		return nil, fmt.Errorf("ingress: smuggled %q is neither %s nor %s", d.Config.Smuggled, smuggledRefuse, smuggledWarn)
	}
	h.login, err = parseLogin(d.Config.LoginURL)
	return h, err
}

func parseLogin(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("ingress: login URL %q is not an absolute http(s) URL without userinfo and fragment", raw)
	}
	return u, nil
}
