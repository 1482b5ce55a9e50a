package manifest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// preloadFrom is the number of entries from which reading the whole directory once is
// quicker than asking it about each of them.
const preloadFrom = 500

// people finds accounts by their names, either by asking the directory each time or,
// once loaded, from memory; then it has to be told of every change.
type people struct {
	tx       *identity.Tx
	loaded   bool
	byHandle map[string]identity.Account
	byEmail  map[string]identity.Account
	byUserID map[string]identity.Account
}

func (p *people) load() error {
	p.loaded = true
	p.byHandle, p.byEmail, p.byUserID = map[string]identity.Account{}, map[string]identity.Account{}, map[string]identity.Account{}
	for account, err := range p.tx.Accounts() {
		if err != nil {
			return fmt.Errorf("read the accounts: %w", err)
		}
		p.remember(account)
	}
	return nil
}

// remember takes note of an account that was created or changed.
func (p *people) remember(a identity.Account) {
	if !p.loaded {
		return
	}
	if a.Handle != "" {
		p.byHandle[normalHandle(string(a.Handle))] = a
	}
	if a.Email != "" {
		p.byEmail[normalEmail(string(a.Email))] = a
	}
	if a.UserID != "" {
		p.byUserID[a.UserID] = a
	}
}

// forget makes way for another spelling of the same account's names.
func (p *people) forget(a identity.Account) {
	if p.loaded {
		delete(p.byEmail, normalEmail(string(a.Email)))
		delete(p.byUserID, a.UserID)
	}
}

func (p *people) handle(name string) (identity.Account, error) {
	if !p.loaded {
		return p.tx.AccountByHandle(identity.Handle(name))
	}
	return among(p.byHandle, normalHandle(name))
}

func (p *people) email(name string) (identity.Account, error) {
	if !p.loaded {
		return p.tx.AccountByEmail(name)
	}
	return among(p.byEmail, normalEmail(name))
}

func (p *people) userID(name string) (identity.Account, error) {
	if !p.loaded {
		return p.tx.AccountByUserID(name)
	}
	return among(p.byUserID, name)
}

func among(known map[string]identity.Account, name string) (identity.Account, error) {
	if account, ok := known[name]; ok {
		return account, nil
	}
	return identity.Account{}, identity.ErrNotFound
}

// account finds whom a reference names. Somebody named by an e-mail or by a user id
// whom nobody knows is invited: what the reference grants waits for them.
func (a *applier) account(who reference) (identity.Account, error) {
	key := reference{kind: who.kind, name: who.name}
	if known, ok := a.found[key]; ok {
		return known, nil
	}
	var holder identity.Account
	var err error
	switch who.kind {
	case toUserID, toUser:
		holder, err = a.byUserID(who)
	default:
		holder, err = a.byName(who)
	}
	if err == nil {
		a.found[key] = holder
	}
	return holder, err
}

func (a *applier) byName(who reference) (identity.Account, error) {
	if strings.Contains(who.name, "@") {
		holder, err := a.people.email(who.name)
		if missing(err) {
			return a.invite(who, identity.Account{Email: identity.Email(who.name)})
		}
		return holder, wrap(who, err)
	}
	holder, err := a.people.handle(who.name)
	if missing(err) {
		return holder, problem(who.at, "no account has the handle %q: add it under accounts, or name the person by e-mail", who.name)
	}
	return holder, wrap(who, err)
}

func wrap(who reference, err error) error {
	if err == nil {
		return nil
	}
	return refused(who.at, fmt.Sprintf("%s %q", who.kind, who.name), err)
}

// byUserID finds a person by the exact name that their platform sends; a Kubernetes
// User that is an e-mail is also the account with that e-mail.
func (a *applier) byUserID(who reference) (identity.Account, error) {
	holder, err := a.people.userID(who.name)
	if !missing(err) {
		return holder, wrap(who, err)
	}
	fresh := identity.Account{UserID: who.name}
	if who.kind == toUserID || !isEmail(who.name) {
		return a.invite(who, fresh)
	}
	holder, err = a.people.email(who.name)
	if missing(err) {
		fresh.Email = identity.Email(who.name)
		return a.invite(who, fresh)
	}
	if err != nil {
		return holder, wrap(who, err)
	}
	if holder.UserID != "" {
		a.report.note(who.at, "%s and %s are one e-mail address: taken as one account, whose user_id stays %s", who.name, holder.UserID, holder.UserID)
		return holder, nil
	}
	holder.UserID = who.name
	if err := a.tx.UpdateAccount(holder); err != nil {
		return holder, wrap(who, err)
	}
	a.people.remember(holder)
	a.report.step(Update, who.at, "account %s: user_id %s", label(holder), who.name)
	return holder, nil
}

func (a *applier) invite(who reference, fresh identity.Account) (identity.Account, error) {
	fresh.Kind, fresh.State = identity.Person, identity.Invited
	created, err := a.tx.CreateAccount(fresh)
	var bad *identity.InvalidError
	switch {
	case errors.As(err, &bad):
		return created, problem(who.at, "%s %q: %s %s", who.kind, who.name, bad.Field, bad.Why)
	case err != nil:
		return created, wrap(who, err)
	}
	a.people.remember(created)
	a.report.step(Create, who.at, "account %s, invited", label(created))
	return created, nil
}
