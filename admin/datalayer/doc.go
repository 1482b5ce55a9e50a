// Package datalayer is the surface that clients of the Datalayer IAM service speak:
// login, version, ping, and beside them the public key set that verifies our tokens.
//
// It owns that dialect: the envelope, the suffixed field names, which status means
// what. It does not own who may sign in (authn) or what a token says (token), and not
// /api/iam/v1/auth, which is a question an ingress asks (package ingress).
package datalayer
