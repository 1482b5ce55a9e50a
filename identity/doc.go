// Package identity is the directory: who exists (accounts, organisations,
// teams), what they may work in (namespaces, owners, bindings, platform roles)
// and what their credentials rest on (passwords, revocations, signing keys).
//
// It owns the database, its migrations, the journal, and the export of the
// directory as documents; it keeps names unique over case and Unicode form, and
// it guarantees that removing something leaves nothing behind that could grant.
//
// It does not decide: whether somebody may do something is asked of the engine
// by the caller, and no permission check is written here. It does not know how a
// caller proves who they are either; that is package authn's.
//
// Neighbours: authn and the engine are fed as a [Sink] by the commit of each
// write, before that write is answered; the admin surfaces and the command line
// call [Directory.Write] and [Directory.Read]. gorm and SQLite do not leave this
// package, and neither do their errors.
package identity
