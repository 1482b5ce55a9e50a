// Package admin owns the two HTTP handlers of the house: the public one, which is the
// list of surfaces behind one echo router with the proxies' doors in front of it, and
// the operators' one.
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
}

// New builds the public handler. An error names the configuration that is wrong.
func New(d Deps) (http.Handler, error) {
	if d.Engine == nil || d.Directory == nil || d.Keeper == nil || d.Metrics == nil || d.Logger == nil {
		return nil, errors.New("admin: engine, directory, keeper, metrics and logger are all needed")
	}
	if err := d.Metrics.WatchEngine(d.Engine); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	doors, err := ingress.New(ingress.Deps{
		Engine: d.Engine, Authn: d.Authn, Issuer: d.Issuer, Logger: d.Logger,
		Config: d.Ingress, Observe: d.Metrics.Answer,
	})
	if err != nil {
		return nil, err
	}
	surfaces := []web.Surface{
		health(d),
		datalayer.New(datalayer.Deps{
			Issuer: d.Issuer, Passwords: d.Passwords, Logger: d.Logger, Version: d.Version, TokenTTL: d.TokenTTL,
		}),
	}
	return &front{doors: doors, rest: router(d, surfaces)}, nil
}

// NewOps builds the operators' handler: metrics, readiness in detail, pprof.
func NewOps(d Deps) http.Handler { return ops.Handler(health(d), d.Metrics) }

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
	e.Use(guarded(d.Metrics, d.Logger))
	for _, s := range surfaces {
		s.Register(e)
	}
	return e
}
