// Package admin owns the HTTP handlers of the house: the public one, which is the list of
// surfaces behind one echo router with the proxies' doors in front of it; the one of the
// surfaces that manage the directory, where these have a listener of their own; and the
// operators' one.
//
// It does not own a wire protocol: each is a surface, a package of its own below this
// one. Neighbours: the surfaces, and what they need, which cmd/gatehouse hands in.
package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/crud"
	"github.com/gatehouse-authz/gatehouse/admin/datalayer"
	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/admin/ops"
	"github.com/gatehouse-authz/gatehouse/bundles"
	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// Metrics counts what the house does; it is made before the engine, which reports to it.
type Metrics = ops.Metrics

// NewMetrics makes the counters of one house.
func NewMetrics(version string) *Metrics { return ops.NewMetrics(version) }

// Deps is what the surfaces work with.
type Deps struct {
	Engine    *engine.Engine
	Directory *identity.Directory
	Keeper    *bundles.Keeper
	Authn     *authn.Authenticator
	Issuer    *token.Issuer
	Passwords *authn.Passwords
	Metrics   *Metrics
	Logger    *slog.Logger
	Version   string
	TokenTTL  time.Duration // of tokens that the login door gives
	Ingress   ingress.Config
	Issuers   []TrustedIssuer
	Now       func() time.Time // nil = time.Now
	// Apart moves the surfaces that manage the directory away from the public handler.
	Apart bool
}

// TrustedIssuer is an issuer as routes name it.
type TrustedIssuer = crud.Issuer

// Handlers are what the listeners of a house serve.
type Handlers struct {
	Public http.Handler
	// Management is what people and programs change the directory with; nil where
	// Public serves that too.
	Management http.Handler
	// Ops is for operators: metrics, readiness in detail, pprof.
	Ops http.Handler

	health *ops.Health
}

// Drain makes every readiness answer 503 from now on: what is under way is still
// answered, and nobody should send more.
func (h *Handlers) Drain() { h.health.Drain() }

// New builds the handlers. An error names the configuration that is wrong.
func New(d Deps) (*Handlers, error) {
	if d.Engine == nil || d.Directory == nil || d.Keeper == nil || d.Metrics == nil || d.Logger == nil {
		return nil, errors.New("admin: engine, directory, keeper, metrics and logger are all needed")
	}
	if err := d.Metrics.Watch(d.Engine, d.Directory); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	doors, err := ingress.New(ingress.Deps{
		Engine: d.Engine, Authn: d.Authn, Issuer: d.Issuer, Logger: d.Logger,
		Config: d.Ingress, Observe: d.Metrics.Answer,
	})
	if err != nil {
		return nil, err
	}
	proxies, err := web.NewProxies(d.Ingress.TrustedProxies)
	if err != nil {
		return nil, err
	}
	h := &Handlers{health: health(d)}
	public, management := []web.Surface{h.health, login(d, proxies)}, managing(d, proxies)
	if d.Apart {
		h.Management = router(d, append([]web.Surface{h.health}, management...))
	} else {
		public = append(public, management...)
	}
	h.Public = &front{doors: doors, rest: router(d, public)}
	h.Ops = ops.Handler(h.health, d.Metrics)
	return h, nil
}

func login(d Deps, proxies web.Proxies) web.Surface {
	return datalayer.New(datalayer.Deps{
		Authn: d.Authn, Directory: d.Directory, Issuer: d.Issuer, Passwords: d.Passwords,
		Logger: d.Logger, Version: d.Version, TokenTTL: d.TokenTTL, Proxies: proxies,
	})
}

// managing are the surfaces that change the directory: what admin.listen moves.
func managing(d Deps, proxies web.Proxies) []web.Surface {
	return []web.Surface{crud.New(crud.Deps{
		Engine: d.Engine, Directory: d.Directory, Authn: d.Authn, Issuer: d.Issuer, Passwords: d.Passwords,
		Proxies: proxies, Issuers: d.Issuers, Now: d.Now, Logger: d.Logger, Version: d.Version,
	})}
}

// front keeps the proxies' paths away from the router, which would redirect some of
// them, clean others, and answer methods it does not know by itself.
type front struct {
	doors *ingress.Handler
	rest  http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if ingress.Mine(r) {
		f.doors.ServeHTTP(w, r)
		return
	}
	f.rest.ServeHTTP(w, r)
}

func health(d Deps) *ops.Health {
	h := &ops.Health{}
	h.Add("engine", d.Engine.Ready)
	h.Add("directory", d.Directory.Healthy)
	h.Note("revisions", func() any {
		policy, data := d.Engine.Revisions()
		return map[string]any{"policy": policy, "data": data}
	})
	h.Note("policies", func() any { return policyReport(d.Keeper.Status()) })
	return h
}

// policyReport tells operators which policies decide and why newer ones do not.
func policyReport(s bundles.Status) map[string]any {
	report := map[string]any{"revision": s.Revision}
	if !s.Since.IsZero() {
		report["since"] = s.Since.UTC().Format(time.RFC3339)
	}
	if s.Rejected == nil {
		return report
	}
	refused := map[string]any{"at": s.RejectedAt.UTC().Format(time.RFC3339), "error": s.Rejected.Error()}
	var rejected *bundles.RejectedError
	if errors.As(s.Rejected, &rejected) {
		refused["stage"], refused["findings"] = rejected.Stage, rejected.Findings
	}
	report["refused"] = refused
	return report
}

func router(d Deps, surfaces []web.Surface) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = problems(d.Logger)
	e.Use(guarded(d.Metrics, d.Logger, streams(surfaces)), atLeast(d.Directory))
	for _, s := range surfaces {
		s.Register(e)
	}
	return e
}
