// Package token mints and verifies Gatehouse's own JSON Web Tokens and keeps the
// keys that sign them.
//
// It owns the two kinds of token (access tokens that callers present, assertions
// that upstreams are handed), what must hold before one is believed, the signing
// keys and the public key set. It is the only package that imports a JWT library.
//
// It does not own who somebody is or whether an account is still good: that is
// authn, which asks here whether a token is genuine. It knows nothing of HTTP, and
// of the directory only the rows that hold the keys.
package token
