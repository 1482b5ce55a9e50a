package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func (a *applier) accounts() error {
	for i := range a.batch.accounts {
		wanted := &a.batch.accounts[i]
		existing, err := a.match(wanted)
		switch {
		case err != nil:
		case existing == nil:
			a.enqueue(wanted)
		default:
			err = a.updateAccount(wanted, *existing)
		}
		if err != nil {
			return err
		}
		a.tick()
	}
	return a.createQueued()
}

// name is one of an account, in the spelling that the directory keeps.
type name struct{ field, value string }

// names are those by which an entry can be found.
func (a *account) names() []name {
	var names []name
	if given(a.handle) {
		names = append(names, name{"handle", normalHandle(*a.handle)})
	}
	if given(a.userID) {
		names = append(names, name{"user_id", *a.userID})
	}
	if given(a.email) {
		names = append(names, name{"email", normalEmail(*a.email)})
	}
	return names
}

// enqueue puts off the creation of an account, so that many are created at once.
func (a *applier) enqueue(wanted *account) {
	a.queue = append(a.queue, wanted)
	for _, name := range wanted.names() {
		a.queued[name] = true
	}
}

// createQueued creates the accounts that were put off. It must have been done before
// anything else is asked about them or written.
func (a *applier) createQueued() error {
	fresh := make([]identity.Account, len(a.queue))
	for i, wanted := range a.queue {
		fresh[i] = wanted.fresh()
	}
	created, err := a.tx.CreateAccounts(fresh)
	if err != nil {
		return refusedItem(err, func(i int) (Position, string) { return a.queue[i].at, "create account " + label(fresh[i]) })
	}
	for i, holder := range created {
		a.people.remember(holder)
		a.reportCreated(a.queue[i], holder)
		if err := a.platformRoles(a.queue[i], holder); err != nil {
			return err
		}
		if err := a.identities(a.queue[i], holder); err != nil {
			return err
		}
	}
	a.queue = a.queue[:0]
	clear(a.queued)
	return nil
}

// match finds the account that an entry means by any of its names; names of two
// different accounts are an error, and so is another id than it has.
func (a *applier) match(wanted *account) (*identity.Account, error) {
	if slices.ContainsFunc(wanted.names(), func(n name) bool { return a.queued[n] }) {
		if err := a.createQueued(); err != nil {
			return nil, err
		}
	}
	var found *identity.Account
	var by string
	for _, name := range []struct {
		field string
		value *string
		find  func(string) (identity.Account, error)
	}{
		{"handle", wanted.handle, a.people.handle},
		{"user_id", wanted.userID, a.people.userID},
		{"email", wanted.email, a.people.email},
	} {
		if !given(name.value) {
			continue
		}
		candidate, err := name.find(*name.value)
		switch {
		case missing(err):
		case err != nil:
			return nil, refused(wanted.at, fmt.Sprintf("account with %s %q", name.field, *name.value), err)
		case found != nil && found.ID != candidate.ID:
			return nil, problem(wanted.at, "the %s is that of account %s and the %s that of account %s: they are two accounts, give each its own entry",
				by, label(*found), name.field, label(candidate))
		default:
			found, by = &candidate, name.field
		}
	}
	if found != nil {
		return found, sameID(wanted.at, "account "+label(*found), wanted.id, string(found.ID))
	}
	return nil, nil
}

// sameID refuses an entry whose id is not that of what its names say.
func sameID(at Position, what string, wanted *string, now string) error {
	if !given(wanted) || *wanted == now {
		return nil
	}
	return problem(at, "%s has the id %s in this directory, not %s: leave the id out to mean this one", what, now, *wanted)
}

// label names an account for people, as a file would refer to it.
func label(a identity.Account) string {
	switch {
	case a.Handle != "":
		return string(a.Handle)
	case a.Email != "":
		return string(a.Email)
	case a.UserID != "":
		return "user_id " + a.UserID
	}
	return string(a.ID)
}

// fresh is the account that an entry asks for.
func (a *account) fresh() identity.Account {
	fresh := identity.Account{
		ID:     identity.AccountID(value(a.id)),
		Handle: identity.Handle(value(a.handle)),
		Kind:   identity.Kind(cmpOr(value(a.kind), string(identity.Person))),
		State:  identity.Invited,
		Email:  identity.Email(value(a.email)),
		UserID: value(a.userID),
		Name:   value(a.name),
	}
	if fresh.Handle != "" {
		fresh.State = identity.Active
	}
	if a.state != nil {
		fresh.State = identity.State(*a.state)
	}
	return fresh
}

func (a *applier) reportCreated(wanted *account, created identity.Account) {
	what := "account " + label(created)
	if created.Kind != identity.Person {
		what = string(created.Kind) + " account " + label(created)
	}
	if created.State != identity.Active {
		what += ", " + string(created.State)
	}
	a.report.step(Create, wanted.at, "%s", what)
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func cmpOr(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// updateAccount changes what the entry gives and the directory holds otherwise.
func (a *applier) updateAccount(wanted *account, now identity.Account) error {
	next, changes, err := wanted.over(now)
	if err != nil {
		return err
	}
	if len(changes) > 0 || wanted.rolesGiven || len(wanted.identities) > 0 {
		if err := a.createQueued(); err != nil {
			return err
		}
	}
	if len(changes) > 0 {
		if err := a.tx.UpdateAccount(next); err != nil {
			return refused(wanted.at, "update account "+label(now), err)
		}
		a.people.forget(now)
		a.people.remember(next)
		a.report.step(Update, wanted.at, "account %s: %s", label(now), strings.Join(changes, ", "))
	}
	if wanted.rolesGiven {
		holder, err := a.tx.Account(now.ID) // with its roles
		if err != nil {
			return refused(wanted.at, "account "+label(next), err)
		}
		if err := a.platformRoles(wanted, holder); err != nil {
			return err
		}
	}
	return a.identities(wanted, next)
}

// over is the account as the entry wants it, and in words what that changes.
func (wanted *account) over(now identity.Account) (next identity.Account, changes []string, err error) {
	next = now
	if now.Kind == identity.Organisation {
		return next, nil, problem(wanted.at, "%s is an organisation: write it under organisations", label(now))
	}
	if wanted.kind != nil && now.Kind != identity.Kind(*wanted.kind) {
		return next, nil, problem(wanted.at, "account %s is a %s and cannot become a %s: create another account", label(now), now.Kind, *wanted.kind)
	}
	if given(wanted.handle) && now.Handle == "" {
		next.Handle = identity.Handle(*wanted.handle)
		changes = append(changes, "handle "+*wanted.handle)
		if now.State == identity.Invited {
			next.State = identity.Active
		}
	} else if given(wanted.handle) && !sameHandle(*wanted.handle, now.Handle) {
		return next, nil, problem(wanted.at, "account %s already has this e-mail or user_id, and a handle never changes: write handle: %s, or leave the handle out", now.Handle, now.Handle)
	}
	// Invited is where an account begins; a file that still says so does not undo a
	// sign-in.
	if wanted.state != nil && (*wanted.state != string(identity.Invited) || now.State == identity.Invited) {
		next.State = identity.State(*wanted.state)
	}
	if next.State != now.State {
		changes = append(changes, fmt.Sprintf("state %s (was %s)", next.State, now.State))
	}
	if wanted.email != nil && !sameEmail(*wanted.email, now.Email) {
		next.Email = identity.Email(*wanted.email)
		changes = append(changes, change("email", *wanted.email, string(now.Email)))
	}
	if wanted.userID != nil && *wanted.userID != now.UserID {
		next.UserID = *wanted.userID
		changes = append(changes, change("user_id", *wanted.userID, now.UserID))
	}
	if wanted.name != nil && *wanted.name != now.Name {
		next.Name = *wanted.name
		changes = append(changes, change("name", *wanted.name, now.Name))
	}
	return next, changes, nil
}

func change(field, next, now string) string {
	switch {
	case now == "":
		return fmt.Sprintf("%s %s", field, next)
	case next == "":
		return fmt.Sprintf("no %s (was %s)", field, now)
	}
	return fmt.Sprintf("%s %s (was %s)", field, next, now)
}

// platformRoles makes the account hold exactly the roles that the entry lists.
func (a *applier) platformRoles(wanted *account, holder identity.Account) error {
	if !wanted.rolesGiven {
		return nil
	}
	var listed []identity.PlatformRole
	for _, role := range wanted.roles {
		name := identity.PlatformRole(role.value)
		if slices.Contains(listed, name) {
			return problem(role.at, "platform role %s stands twice: keep one", role.value)
		}
		listed = append(listed, name)
		if slices.Contains(holder.Roles, name) {
			continue
		}
		if err := a.tx.GrantPlatformRole(holder.ID, name); err != nil {
			return refused(role.at, "platform role of "+label(holder), err)
		}
		a.report.step(Create, role.at, "platform role %s of %s", role.value, label(holder))
	}
	for _, role := range holder.Roles {
		if slices.Contains(listed, role) {
			continue
		}
		if err := a.tx.RevokePlatformRole(holder.ID, role); err != nil {
			return refused(wanted.at, "platform role of "+label(holder), err)
		}
		a.report.step(Remove, wanted.at, "platform role %s of %s", role, label(holder))
	}
	return nil
}

// identities links the identities that the entry lists. Those of other issuers stay: an
// account has one of each issuer.
func (a *applier) identities(wanted *account, holder identity.Account) error {
	if len(wanted.identities) == 0 {
		return nil
	}
	now, err := a.tx.Identities(holder.ID)
	if err != nil {
		return refused(wanted.at, "identities of "+label(holder), err)
	}
	subjects := make(map[string]string, len(now))
	for _, l := range now {
		subjects[l.Issuer] = l.Subject
	}
	for _, l := range wanted.identities {
		subject, linked := subjects[l.issuer]
		if linked && subject == l.subject {
			continue
		}
		err := a.tx.PutIdentity(identity.LinkedIdentity{Issuer: l.issuer, Subject: l.subject, Account: holder.ID})
		switch {
		case errors.Is(err, identity.ErrExists):
			return &Problem{At: l.at, Err: err, Text: fmt.Sprintf("identity of %s: another account has the subject %q of %s: take it away there first", label(holder), l.subject, l.issuer)}
		case err != nil:
			return refused(l.at, "identity of "+label(holder), err)
		case linked:
			a.report.step(Update, l.at, "identity of %s: %s of %s (was %s)", label(holder), l.subject, l.issuer, subject)
		default:
			a.report.step(Create, l.at, "identity of %s: %s of %s", label(holder), l.subject, l.issuer)
		}
	}
	return nil
}
