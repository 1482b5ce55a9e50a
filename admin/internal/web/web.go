// Package web owns what the surfaces of the HTTP server share: strict decoding of
// JSON bodies, the one table from error kinds to status numbers, and the list of
// peers whose word about a client is believed.
//
// It does not own a wire dialect: each surface renders a Problem in its own words.
// It does not know the surfaces. Neighbours: identity and identity/authn for error kinds,
// echo for registration; admin and its surfaces import it.
package web

import "github.com/labstack/echo/v4"

// Surface is one wire protocol that the public listener speaks.
type Surface interface {
	// Register adds the routes of the surface. It is called once, before serving.
	Register(e *echo.Echo)
}

// MaxBody bounds every request body that a surface reads, in bytes.
const MaxBody = 1 << 20
