package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
)

// greedy is a surface whose one route reads its whole body and sets no limit of its own.
type greedy struct{}

func (greedy) Register(e *echo.Echo) {
	e.POST("/greedy", func(c echo.Context) error {
		n, err := io.Copy(io.Discard, c.Request().Body)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, n)
	})
}

func TestEvery_route_has_its_body_bounded(t *testing.T) {
	public := router(Deps{Metrics: NewMetrics("test"), Logger: slog.New(slog.DiscardHandler)}, []web.Surface{greedy{}})
	const limit = 1 << 20
	for size, want := range map[int]int{0: 200, limit: 200, limit + 1: 413, 4 * limit: 413} {
		for _, declared := range []bool{true, false} {
			r := httptest.NewRequest("POST", "/greedy", strings.NewReader(strings.Repeat("a", size)))
			if !declared {
				r.ContentLength = -1 // as of a chunked body
			}
			w := httptest.NewRecorder()
			public.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%d bytes, length declared: %v: got status %d, want %d", size, declared, w.Code, want)
			}
			var problem problemBody
			if want != http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Code != "too_large") {
				t.Errorf("%d bytes: got %s, want a problem too_large", size, w.Body)
			}
		}
	}
}
