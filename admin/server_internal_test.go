package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/web"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// greedy is a surface whose routes read their whole body and set no limit of their own;
// one of them says that it may.
type greedy struct{}

func (greedy) Register(e *echo.Echo) {
	read := func(c echo.Context) error {
		n, err := io.Copy(io.Discard, c.Request().Body)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, n)
	}
	e.POST("/greedy", read)
	e.POST("/stream/:name", read)
	e.PUT("/stream/:name", read)
}

func (greedy) Streams() []string { return []string{"POST /stream/:name"} }

func testRouter(surfaces ...web.Surface) http.Handler {
	return router(Deps{Metrics: NewMetrics("test"), Logger: slog.New(slog.DiscardHandler)}, surfaces)
}

func TestEvery_route_has_its_body_bounded_unless_it_streams(t *testing.T) {
	public := testRouter(greedy{})
	const limit = 1 << 20
	for _, tc := range []struct {
		method, path string
		size, want   int
	}{
		{"POST", "/greedy", 0, 200}, {"POST", "/greedy", limit, 200}, {"POST", "/greedy", limit + 1, 413}, {"POST", "/greedy", 4 * limit, 413},
		{"POST", "/stream/x", 4 * limit, 200}, {"PUT", "/stream/x", limit + 1, 413},
	} {
		for _, declared := range []bool{true, false} {
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(strings.Repeat("a", tc.size)))
			if !declared {
				r.ContentLength = -1 // as of a chunked body
			}
			w := httptest.NewRecorder()
			public.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("%s %s of %d bytes, length declared: %v: got status %d, want %d", tc.method, tc.path, tc.size, declared, w.Code, tc.want)
			}
			var problem web.ProblemBody
			if tc.want != http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Code != "too_large") {
				t.Errorf("%s %s of %d bytes: got %s, want a problem too_large", tc.method, tc.path, tc.size, w.Body)
			}
		}
	}
}

// patient is a surface whose route takes longer than the server's limits, and says so.
type patient struct{ extend bool }

func (p patient) Register(e *echo.Echo) {
	e.POST("/patient", func(c echo.Context) error {
		if p.extend {
			control, until := http.NewResponseController(c.Response()), time.Now().Add(time.Minute)
			if err := control.SetReadDeadline(until); err != nil {
				return err
			}
			if err := control.SetWriteDeadline(until); err != nil {
				return err
			}
		}
		n, err := io.Copy(io.Discard, c.Request().Body)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, n)
	})
}

func TestHandlers_can_take_longer_than_the_servers_limits(t *testing.T) {
	const limit = 100 * time.Millisecond
	for _, extend := range []bool{true, false} {
		server := httptest.NewUnstartedServer(nil)
		server.Config = NewServer(testRouter(patient{extend}), slog.New(slog.DiscardHandler))
		server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
		server.Start()
		body, feed := io.Pipe()
		go func() {
			_, _ = io.WriteString(feed, "a")
			time.Sleep(4 * limit) // the time that is to be exceeded
			_, _ = io.WriteString(feed, "b")
			_ = feed.Close()
		}()
		res, err := server.Client().Post(server.URL+"/patient", "text/plain", body)
		answered := err == nil && res.StatusCode == http.StatusOK
		if err == nil {
			_ = res.Body.Close()
		}
		if answered != extend {
			t.Errorf("limits extended: %v: got an answer: %v (%v)", extend, answered, err)
		}
		server.Close()
	}
}

// unsigned is a surface that turns everybody away, in every way there is.
type unsigned struct{}

func (unsigned) Register(e *echo.Echo) {
	for path, err := range map[string]error{
		"/refused":  &authn.Refused{Reason: authn.ReasonExpiredToken},
		"/login":    &web.DeniedError{Login: true, Reason: "anonymous"},
		"/password": authn.ErrWrong,
		"/router":   echo.ErrUnauthorized,
		"/denied":   &web.DeniedError{Reason: "no_role"},
	} {
		e.GET(path, func(echo.Context) error { return err })
	}
}

func TestEvery_401_says_how_to_sign_in(t *testing.T) {
	public := testRouter(unsigned{})
	const challenge = `Bearer realm="gatehouse"`
	for path, want := range map[string]string{
		"/refused": challenge, "/login": challenge, "/password": challenge, "/router": challenge, "/denied": "",
	} {
		w := httptest.NewRecorder()
		public.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Header().Values("WWW-Authenticate"); strings.Join(got, "; ") != want || (w.Code == http.StatusUnauthorized) != (want != "") {
			t.Errorf("%s: got %d with %q, want %q", path, w.Code, got, want)
		}
	}
}
