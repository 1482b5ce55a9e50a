package ingress_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// discard is a ResponseWriter that costs as little as one can.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// subrequest is what nginx sends for an editor's request to a notebook.
func subrequest(path, bearer string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header = http.Header{
		"X-Original-Url": {"https://app.test/api/contents/notes/model.ipynb?type=notebook"}, "X-Original-Method": {"GET"},
		"X-Forwarded-For": {"203.0.113.9"}, "Authorization": {bearer}, "User-Agent": {"Mozilla/5.0"}, "Accept": {"application/json"},
		"Accept-Encoding": {"gzip, deflate, br"}, "Accept-Language": {"en"}, "Cookie": {"_xsrf=2|abc; username=xyz"}, "Referer": {"https://app.test/lab"},
	}
	return r
}

func serveMany(b *testing.B, h http.Handler, r *http.Request) {
	b.Helper()
	b.ReportAllocs()
	w := &discard{header: http.Header{}}
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	if w.status != http.StatusOK {
		b.Fatalf("got status %d with %v, want 200", w.status, w.header)
	}
}

// BenchmarkNginx_door_with_a_bearer is one whole check without sockets.
func BenchmarkNginx_door_with_a_bearer(b *testing.B) {
	site := admintest.NewSite(b)
	serveMany(b, site.Public, subrequest("/auth/nginx", site.Bearer(site.Alice).Value))
}

// BenchmarkNginx_door_with_a_log is the same with the log line of every answer.
func BenchmarkNginx_door_with_a_log(b *testing.B) {
	site := admintest.NewSite(b, admintest.Log(io.Discard))
	serveMany(b, site.Public, subrequest("/auth/nginx", site.Bearer(site.Alice).Value))
}

// BenchmarkBare_echo answers the same request with the same headers and decides
// nothing.
func BenchmarkBare_echo(b *testing.B) {
	site := admintest.NewSite(b)
	r := subrequest("/auth/nginx", site.Bearer(site.Alice).Value)
	answer := httptest.NewRecorder()
	site.Public.ServeHTTP(answer, r)
	e := echo.New()
	e.GET("/auth/nginx", func(c echo.Context) error {
		header := c.Response().Header()
		for name, values := range answer.Header() {
			header[name] = values
		}
		return c.NoContent(http.StatusOK)
	})
	serveMany(b, e, r)
}

// BenchmarkNginx_door_refusing_a_path ends before any policy.
func BenchmarkNginx_door_refusing_a_path(b *testing.B) {
	site := admintest.NewSite(b)
	r := subrequest("/auth/nginx", site.Bearer(site.Alice).Value)
	r.Header["X-Original-Url"] = []string{"https://app.test/public/..%2fadmin"}
	b.ReportAllocs()
	w := &discard{header: http.Header{}}
	for b.Loop() {
		clear(w.header)
		site.Public.ServeHTTP(w, r)
	}
	if w.status != http.StatusForbidden {
		b.Fatalf("got status %d, want 403", w.status)
	}
}
