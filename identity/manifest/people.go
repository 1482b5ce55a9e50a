package manifest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// people finds accounts by their names. Those that a batch is going to ask for are
// looked up at once; from then on people has to be told of every change.
type people struct {
	tx *identity.Tx
	// nil = looked up, and there is none
	byHandle, byEmail, byUserID map[string]*identity.Account
}

func newPeople(tx *identity.Tx) *people {
	return &people{
		tx: tx, byHandle: map[string]*identity.Account{}, byEmail: map[string]*identity.Account{},
		byUserID: map[string]*identity.Account{},
	}
}

func (p *people) lookUp(names identity.Names) error {
	for _, raw := range names.Handles {
		p.byHandle[normalHandle(raw)] = nil
	}
	for _, raw := range names.Emails {
		p.byEmail[normalEmail(raw)] = nil
	}
	for _, raw := range names.UserIDs {
		p.byUserID[raw] = nil
	}
	accounts, err := p.tx.AccountsNamed(names)
	if err != nil {
		return fmt.Errorf("look up accounts: %w", err)
	}
	for _, account := range accounts {
		p.remember(account)
	}
	return nil
}

// remember takes note of an account that was created or changed.
func (p *people) remember(a identity.Account) {
	if a.Handle != "" {
		p.byHandle[normalHandle(string(a.Handle))] = &a
	}
	if a.Email != "" {
		p.byEmail[normalEmail(string(a.Email))] = &a
	}
	if a.UserID != "" {
		p.byUserID[a.UserID] = &a
	}
}

// forget makes way for another spelling of the same account's names.
func (p *people) forget(a identity.Account) {
	p.byEmail[normalEmail(string(a.Email))] = nil
	p.byUserID[a.UserID] = nil
}

func (p *people) handle(name string) (identity.Account, error) {
	if account, known := p.byHandle[normalHandle(name)]; known {
		return orNotFound(account)
	}
	return p.tx.AccountByHandle(identity.Handle(name))
}

func (p *people) email(name string) (identity.Account, error) {
	if account, known := p.byEmail[normalEmail(name)]; known {
		return orNotFound(account)
	}
	return p.tx.AccountByEmail(name)
}

func (p *people) userID(name string) (identity.Account, error) {
	if account, known := p.byUserID[name]; known {
		return orNotFound(account)
	}
	return p.tx.AccountByUserID(name)
}

func orNotFound(account *identity.Account) (identity.Account, error) {
	if account == nil {
		return identity.Account{}, identity.ErrNotFound
	}
	return *account, nil
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
	if err != nil {
		return holder, err
	}
	a.found[key] = holder
	if a.invited[holder.ID] {
		delete(a.invited, holder.ID)
		a.report.step(Create, who.at, "account %s, invited", label(holder))
	}
	return holder, nil
}

func (a *applier) byName(who reference) (identity.Account, error) {
	if strings.Contains(who.name, "@") {
		holder, err := a.people.email(who.name)
		if missing(err) {
			return a.inviteOne(who, identity.Account{Email: identity.Email(who.name)})
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
		return a.inviteOne(who, fresh)
	}
	holder, err = a.people.email(who.name)
	if missing(err) {
		fresh.Email = identity.Email(who.name)
		return a.inviteOne(who, fresh)
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

// inviteOne creates an account for somebody whom nobody knows.
func (a *applier) inviteOne(who reference, fresh identity.Account) (identity.Account, error) {
	return a.inviteAll([]reference{who}, []identity.Account{fresh})
}

// inviteAll creates accounts for those who are named by references and whom nobody
// knows; whoever names one of them first tells of it. It gives the last.
func (a *applier) inviteAll(who []reference, fresh []identity.Account) (last identity.Account, err error) {
	for i := range fresh {
		fresh[i].Kind, fresh[i].State = identity.Person, identity.Invited
	}
	created, err := a.tx.CreateAccounts(fresh)
	var item *identity.ItemError
	var bad *identity.InvalidError
	switch {
	case !errors.As(err, &item):
	case errors.As(err, &bad):
		return last, problem(who[item.Item].at, "%s %q: %s %s", who[item.Item].kind, who[item.Item].name, bad.Field, bad.Why)
	default:
		return last, wrap(who[item.Item], item.Err)
	}
	if err != nil {
		return last, err
	}
	for _, last = range created {
		a.people.remember(last)
		a.invited[last.ID] = true
	}
	return last, nil
}
