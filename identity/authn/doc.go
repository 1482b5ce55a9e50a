// Package authn answers who is behind a request, and whether a password is right.
//
// It owns the reading of credentials from a request, the in-memory indexes that say
// whether a genuine credential still counts (account states, token generations,
// revocations), the hashing and checking of passwords, and what failed logins cost
// whoever failed (package identity keeps the counts).
//
// It does not own whether somebody may do something (that is policy), nor the making
// of tokens (package token), nor the accounts (package identity, whose commits feed
// it before a write is answered). No question asked here on behalf of a request
// touches the database, except the check of a password.
package authn
