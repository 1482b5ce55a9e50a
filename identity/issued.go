package identity

import "time"

// Token is what the directory keeps of a token that was given out: everything but the
// token itself. It is kept until the token expires or is revoked.
type Token struct {
	JTI     string
	Account AccountID
	Kind    string // of token.Claims
	Name    string // what its holder calls it
	Scopes  []string
	Issued  time.Time
	Expires time.Time
}

// PutToken keeps a token that is about to be given out. An account has at most 1,000: to
// make room the oldest of the same kind is revoked if it came from a login, else it is
// an InvalidError.
func (tx *Tx) PutToken(t Token) error { return errSeam }

// Token finds a token that was given out and neither expired nor was revoked.
func (tx *Tx) Token(jti string) (Token, error) { return Token{}, errSeam }

// RenameToken changes what a token is called.
func (tx *Tx) RenameToken(jti, name string) error { return errSeam }

// ListTokens gives a page of the account's tokens by JTI, and the key of the next page.
func (tx *Tx) ListTokens(account AccountID, p Page) (page []Token, next string, err error) {
	return nil, "", errSeam
}
