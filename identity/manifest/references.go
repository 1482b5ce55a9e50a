package manifest

import (
	"fmt"
	"iter"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// lookUp reads what the directory holds of all that the batch names.
func (a *applier) lookUp() error {
	var names identity.Names
	for i := range a.batch.accounts {
		for _, name := range a.batch.accounts[i].names() {
			switch name.field {
			case "handle":
				names.Handles = append(names.Handles, name.value)
			case "email":
				names.Emails = append(names.Emails, name.value)
			default:
				names.UserIDs = append(names.UserIDs, name.value)
			}
		}
	}
	for i := range a.batch.organisations {
		names.Handles = append(names.Handles, a.batch.organisations[i].handle)
	}
	for who := range a.references() {
		switch {
		case who.kind == toTeam:
			handle, _, _ := strings.Cut(who.name, "/")
			names.Handles = append(names.Handles, handle)
		case who.kind == toUserID, who.kind == toUser:
			names.UserIDs = append(names.UserIDs, who.name)
			if who.kind == toUser && isEmail(who.name) {
				names.Emails = append(names.Emails, who.name)
			}
		case strings.Contains(who.name, "@"):
			names.Emails = append(names.Emails, who.name)
		case who.kind == toAccount:
			names.Handles = append(names.Handles, who.name)
		}
	}
	if err := a.people.lookUp(names); err != nil {
		return err
	}
	return a.lookUpNamespaces()
}

func (a *applier) lookUpNamespaces() error {
	var names []string
	for i := range a.batch.namespaces {
		names = append(names, a.batch.namespaces[i].entry.name)
	}
	for i := range a.batch.bindings {
		names = append(names, a.batch.bindings[i].entry.namespace)
	}
	found, err := a.tx.NamespacesNamed(names)
	if err != nil {
		return fmt.Errorf("look up namespaces: %w", err)
	}
	for i := range found {
		a.existing[string(found[i].Name)] = &found[i]
	}
	return nil
}

// references are all those that the batch grants something to, in the order in which
// they are needed.
func (a *applier) references() iter.Seq[reference] {
	return func(yield func(reference) bool) {
		b := a.batch
		for i := range b.organisations {
			members := b.organisations[i].members
			for _, team := range b.organisations[i].teams {
				members = append(members[:len(members):len(members)], team.members...)
			}
			for _, m := range members {
				if !yield(m.who) {
					return
				}
			}
		}
		for i := range b.namespaces {
			for _, owner := range b.namespaces[i].entry.owners {
				if !yield(owner) {
					return
				}
			}
		}
		for i := range b.bindings {
			if !yield(b.bindings[i].entry.who) {
				return
			}
		}
	}
}

// invite creates at once what the references of the batch would create one by one. A
// name that comes in several spellings is left to that.
func (a *applier) invite() error {
	var who []reference
	var fresh []identity.Account
	seen := map[string]bool{}
	for reference := range a.references() {
		if reference.kind == toTeam || reference.kind == toGroup || seen[normalEmail(reference.name)] {
			continue
		}
		seen[normalEmail(reference.name)] = true
		if account, unknown := a.unknown(reference); unknown {
			who, fresh = append(who, reference), append(fresh, account)
		}
	}
	if len(who) == 0 {
		return nil
	}
	_, err := a.inviteAll(who, fresh)
	return err
}

// unknown says that nobody has the e-mail or user id of a reference, and who it would
// be.
func (a *applier) unknown(who reference) (fresh identity.Account, is bool) {
	byID := who.kind != toAccount
	if byID {
		fresh.UserID = who.name
		if _, err := a.people.userID(who.name); !missing(err) {
			return fresh, false
		}
	}
	if who.kind == toUserID {
		return fresh, true
	}
	if !byID && !strings.Contains(who.name, "@") {
		return fresh, false
	}
	if byID && !isEmail(who.name) {
		return fresh, true
	}
	fresh.Email = identity.Email(who.name)
	_, err := a.people.email(who.name)
	return fresh, missing(err)
}
