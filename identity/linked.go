package identity

// LinkedIdentity says that who a trusted issuer calls Subject is an account here. An
// issuer's subject is linked to one account, and an account to one subject of an issuer.
type LinkedIdentity struct {
	Issuer  string // as `iss` has it
	Subject string // as `sub` has it
	Account AccountID
}

// PutIdentity links an identity to an account, in place of the one that the account had
// of that issuer. It is ErrExists where another account has it.
func (tx *Tx) PutIdentity(l LinkedIdentity) error { return errSeam }

// RemoveIdentity takes away the account's identity of an issuer.
func (tx *Tx) RemoveIdentity(account AccountID, issuer string) error { return errSeam }

// Identities gives the identities of an account by issuer.
func (tx *Tx) Identities(account AccountID) ([]LinkedIdentity, error) { return nil, errSeam }

// IdentityOf finds the account that an identity is linked to.
func (tx *Tx) IdentityOf(issuer, subject string) (LinkedIdentity, error) {
	return LinkedIdentity{}, errSeam
}
