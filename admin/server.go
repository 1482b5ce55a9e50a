package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
)

// Limits of a listener.
const (
	maxHeaderBytes    = 32 << 10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 2 * time.Minute // a CPU profile takes 30 seconds by default
	idleTimeout       = 2 * time.Minute // longer than proxies keep a connection, so that they close first
)

// NewServer is an http.Server for either handler with the limits that both need. What
// net/http complains about goes to log.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		// `OPTIONS *` would be an implicit 200.
		DisableGeneralOptionsHandler: true,
	}
}

// streaming is a surface with routes that read bodies of any size, piece by piece, and
// bound what they keep of them.
type streaming interface {
	// Streams names these routes, as in "POST /admin/v1/import".
	Streams() []string
}

func streams(surfaces []web.Surface) map[string]bool {
	routes := map[string]bool{}
	for _, s := range surfaces {
		if s, ok := s.(streaming); ok {
			for _, route := range s.Streams() {
				routes[route] = true
			}
		}
	}
	return routes
}

// logins are the routes on which people sign in.
var logins = map[string]bool{"POST /api/iam/v1/login": true, "POST /api/iam/v1/authentication/login": true}

// guarded is around every route: it bounds the body unless the route streams, sets the
// headers that hold everywhere, counts the answer and turns a panic into an error.
func guarded(m *Metrics, log *slog.Logger, streams map[string]bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			began, route := time.Now(), c.Request().Method+" "+c.Path()
			defer func() {
				if cause := recover(); cause != nil {
					log.Error("a request panicked", "route", c.Path(), "cause", cause, "stack", string(debug.Stack()))
					err = fmt.Errorf("panic in %s", c.Path())
				}
				if err != nil {
					c.Error(err)
					err = nil // it has been answered
				}
				m.Request(routeOf(c), methodOf(c), c.Response().Status, time.Since(began))
				if logins[route] {
					m.Login(c.Response().Status)
				}
			}()
			if r := c.Request(); !streams[route] {
				r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, web.MaxBody)
			}
			header := c.Response().Header()
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Cache-Control", "no-store")
			return next(c)
		}
	}
}

// routeOf is the route's template: paths would give a counter for every caller's
// invention.
func routeOf(c echo.Context) string {
	if c.Path() == "" || c.Response().Status == http.StatusNotFound {
		return "none"
	}
	return c.Path()
}

func methodOf(c echo.Context) string {
	switch method := c.Request().Method; method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// problems renders whatever no surface rendered in its own dialect, as RFC 9457 says.
func problems(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		p := web.Classify(err)
		var behind *behindError
		if errors.As(err, &behind) {
			p = behind.problem()
		} else if p.Status >= http.StatusInternalServerError {
			log.Error("request failed", "route", c.Path(), "status", p.Status, "error", p.Cause)
		}
		body, err := json.Marshal(p.Body())
		if err != nil {
			log.Error("render a problem", "error", err)
			return
		}
		maps.Copy(c.Response().Header(), p.Header())
		if err := c.Blob(p.Status, "application/problem+json", body); err != nil {
			log.Debug("the caller left before the answer", "error", err)
		}
	}
}
