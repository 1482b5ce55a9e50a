package ingress

import (
	"cmp"
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

// Check says what is wrong with the configuration, without anything that runs.
func (c Config) Check() error {
	_, err := c.handler()
	return err
}

// New builds the doors. An error names what is wrong with the configuration.
func New(d Deps) (*Handler, error) {
	if d.Engine == nil || d.Authn == nil || d.Issuer == nil || d.Logger == nil {
		return nil, errors.New("ingress: engine, authn, issuer and logger are all needed")
	}
	h, err := d.Config.handler()
	if err != nil {
		return nil, err
	}
	h.engine, h.authn, h.issuer, h.log, h.observe = d.Engine, d.Authn, d.Issuer, d.Logger, d.Observe
	if h.observe == nil {
		h.observe = func(string, string, string, time.Duration) {}
	}
	return h, nil
}

// handler is the part of a Handler that configuration fills in.
func (c Config) handler() (*Handler, error) {
	h := &Handler{source: cmp.Or(c.NginxSource, sourceURL), cacheable: c.Cacheable}
	var errs [4]error
	h.proxies, errs[0] = web.NewProxies(c.TrustedProxies)
	h.identity, errs[1] = chosenHeaders(c.Presets)
	h.visible, errs[2] = policyHeaders(c.PolicyHeaders)
	h.login, errs[3] = parseLogin(c.LoginURL)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("ingress: %w", err)
	}
	if h.source != sourceURL && h.source != sourceURI {
		return nil, fmt.Errorf("ingress: nginx source %q is neither %s nor %s", h.source, sourceURL, sourceURI)
	}
	smuggled := cmp.Or(c.Smuggled, smuggledRefuse)
	if smuggled != smuggledRefuse && smuggled != smuggledWarn {
		return nil, fmt.Errorf("ingress: smuggled %q is neither %s nor %s", smuggled, smuggledRefuse, smuggledWarn)
	}
	h.strict = smuggled == smuggledRefuse
	return h, nil
}

func parseLogin(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("login URL %q is not an absolute http(s) URL without userinfo and fragment", raw)
	}
	return u, nil
}
