package crud

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"
)

// docsPath is where people read what the OpenAPI document says to programs.
const docsPath = "/docs"

// registerDocs serves the OpenAPI document and its page. It comes after all operations,
// which it describes.
func (s *Surface) registerDocs(e *echo.Echo, guarded *echo.Group) {
	doc := s.api.OpenAPI()
	finishDocument(doc)
	text := sync.OnceValues(func() ([]byte, error) { return renderDocument(doc) })
	page := sync.OnceValues(func() ([]byte, error) { return renderPage(doc) })
	guarded.GET("/openapi.json", func(c echo.Context) error {
		return s.documentation(c, "application/json", text)
	})
	// A group, so that other methods are for nobody in particular to ask either.
	e.Group(docsPath, s.admit).GET("", func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", pageSecurity)
		c.Response().Header().Set("Referrer-Policy", "no-referrer")
		return s.documentation(c, "text/html; charset=utf-8", page)
	})
}

// documentation answers those who may read it.
func (s *Surface) documentation(c echo.Context, kind string, made func() ([]byte, error)) error {
	r := c.Request()
	if err := s.ask(r.Context(), read, resource{Kind: "documentation"}); err != nil {
		return err
	}
	text, err := made()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	h := c.Response().Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "private, no-cache") // it is for those who may, and may change with the next start
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("If-None-Match") == etag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, kind, text)
}
