// Package ingress owns the endpoints that proxies ask about every request: one door
// per family of proxies, each reading only the headers of its own family.
//
//	/auth/nginx         X-Original-URL (or -URI), X-Original-Method
//	/auth/forward       X-Forwarded-Method, -Proto, -Host, -Uri (Traefik, Caddy, HAProxy)
//	/api/iam/v1/auth    the same, without redirects
//	/auth/envoy/**      the request line itself
//
// It turns what the proxy says into the one original request that policy sees (and
// refuses what could be read in two ways), asks authn who it is and the engine whether
// they may, and writes the answer: a status, identity headers and a signed assertion.
//
// It does not decide anything about access and knows no route, role or account: that
// is policy. It does not verify credentials: that is authn. Neighbours: engine,
// identity/authn, identity/token, admin/internal/web; admin puts it in front of the
// router, so that no method and no path is answered by anything else.
package ingress
