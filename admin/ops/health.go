package ops

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// Check says why a part is not ready, nil when it is.
type Check func() error

// Health knows whether the house can answer, by asking its parts.
type Health struct {
	mu       sync.RWMutex
	checks   []namedCheck
	notes    []namedNote
	draining atomic.Bool
}

// serving is the part that is not ready while the server drains.
const serving = "server"

var errDraining = errors.New("draining")

// Drain makes the house not ready, for good: it ends.
func (h *Health) Drain() { h.draining.Store(true) }

type namedCheck struct {
	name  string
	check Check
}

type namedNote struct {
	name string
	note func() any
}

// Add registers a part; readiness needs every one.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, namedCheck{name, check})
}

// Note registers a detail that operators are shown and that does not count.
func (h *Health) Note(name string, note func() any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, namedNote{name, note})
}

// Ready is nil when every part is; the map holds why each other part is not.
func (h *Health) Ready() (failed map[string]error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range h.checks {
		if err := c.check(); err != nil {
			if failed == nil {
				failed = map[string]error{}
			}
			failed[c.name] = err
		}
	}
	if h.draining.Load() {
		if failed == nil {
			failed = map[string]error{}
		}
		failed[serving] = errDraining
	}
	return failed
}

// word is readiness without a reason that is nobody else's business.
func word(failed map[string]error) string {
	switch {
	case failed[serving] != nil:
		return "draining\n"
	case len(failed) > 0:
		return "not ready\n"
	}
	return "ready\n"
}

// Report is readiness in detail, for operators only: it names parts and errors.
type Report struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
	Detail map[string]any    `json:"detail,omitempty"`
}

// Report asks every part once.
func (h *Health) Report() Report {
	failed := h.Ready()
	h.mu.RLock()
	defer h.mu.RUnlock()
	r := Report{Ready: len(failed) == 0, Checks: map[string]string{}, Detail: map[string]any{}}
	for _, c := range h.checks {
		r.Checks[c.name] = "ok"
	}
	for name, err := range failed {
		r.Checks[name] = err.Error()
	}
	for _, n := range h.notes {
		r.Detail[n.name] = n.note()
	}
	return r
}

// Register adds what anybody may ask: alive, and ready without a reason.
func (h *Health) Register(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, "/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
		e.Add(method, "/readyz", h.brief)
	}
}

func (h *Health) brief(c echo.Context) error {
	failed := h.Ready()
	if len(failed) > 0 {
		return c.String(http.StatusServiceUnavailable, word(failed))
	}
	return c.String(http.StatusOK, word(failed))
}
