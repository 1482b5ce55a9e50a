// Package crud is the surface through which admins, owners and people manage who may do
// what: REST over the directory under /admin/v1, its OpenAPI document, and a page that
// explains it.
//
// It owns that dialect: routes, representations, ETags, cursors, RFC 9457 problems. It
// does not own who may do what: each request is a question to gatehouse/admin/decision,
// and a write is asked about on the very revision of the directory that it changes. Nor
// does it own what may be written, which package identity refuses or takes.
//
// Neighbours: identity (the directory), engine (decisions), authn and token (who calls,
// passwords, new tokens), internal/web (decoding, kinds of errors). The HTTP layer is
// huma, which makes the OpenAPI document from the Go types here.
package crud
