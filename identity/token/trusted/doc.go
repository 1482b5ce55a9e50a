// Package trusted believes tokens of other issuers, as far as an operator has said so.
//
// It owns the list of those issuers, the fetching of their public keys (and what a fetch
// may reach), how long keys count, the verification of their tokens, and which of their
// groups are taken over under which names.
//
// It does not own our own tokens (package token) nor whose account an identity is linked
// to (the directory, asked by authn). Neighbours: authn, which presents tokens here that
// are none of ours; cmd/gatehouse, which reads the configuration.
package trusted
