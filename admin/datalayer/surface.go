package datalayer

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

const (
	defaultTTL = 12 * time.Hour
	keysAge    = "public, max-age=300" // for how long clients may keep the key set
)

// Directory is where tokens are recorded, and where accounts are looked up.
type Directory interface {
	Read(ctx context.Context, fn func(*identity.Tx) error) error
	Write(ctx context.Context, actor identity.Actor, fn func(*identity.Tx) error) (revision uint64, err error)
}

// Deps are what the surface works with. The first four are required.
type Deps struct {
	Passwords *authn.Passwords
	Authn     *authn.Authenticator
	Issuer    *token.Issuer
	Directory Directory
	Logger    *slog.Logger  // nil = silent
	Version   string        // what /api/iam/version answers
	TokenTTL  time.Duration // of tokens from a login; 0 = 12 hours
	Proxies   web.Proxies   // whose word about a client's address is believed
}

// Surface answers the Datalayer names. It is safe for concurrent use.
type Surface struct{ Deps }

var _ web.Surface = (*Surface)(nil)

// New makes the surface.
func New(d Deps) *Surface {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.TokenTTL == 0 {
		d.TokenTTL = defaultTTL
	}
	return &Surface{Deps: d}
}

// Register implements web.Surface.
func (s *Surface) Register(e *echo.Echo) {
	e.POST("/api/iam/v1/login", s.login)
	e.POST("/api/iam/v1/authentication/login", s.login) // as newer Python clients call it
	e.GET("/api/iam/v1/ping", s.ping)
	e.GET("/api/iam/version", s.version)
	e.GET("/.well-known/jwks.json", s.keys)
}

// envelope is in every JSON answer of the dialect, next to what was asked for.
type envelope struct {
	Success bool     `json:"success"`
	Message string   `json:"message"`
	Errors  []string `json:"errors,omitempty"`
}

func (s *Surface) ping(c echo.Context) error {
	noStore(c)
	return c.JSON(http.StatusOK, envelope{Success: true, Message: "pong"})
}

func (s *Surface) version(c echo.Context) error {
	return c.JSON(http.StatusOK, struct {
		envelope
		Version string `json:"version"`
	}{envelope{Success: true, Message: "Gatehouse answers."}, s.Version})
}

func (s *Surface) keys(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", keysAge)
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.Issuer.JWKS())
}

// client is whose failed logins a request counts to. Where the proxies do not say, all
// who come through one of them are one client.
func (s *Surface) client(r *http.Request) netip.Addr {
	if address, known := s.Proxies.ClientIP(r); known {
		return address
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}

func noStore(c echo.Context) { c.Response().Header().Set("Cache-Control", "no-store") }
