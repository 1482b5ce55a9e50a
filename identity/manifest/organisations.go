package manifest

import (
	"fmt"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func (a *applier) organisations() error {
	for i := range a.batch.organisations {
		wanted := &a.batch.organisations[i]
		org, err := a.organisation(wanted)
		if err != nil {
			return err
		}
		if err := a.organisationMembers(wanted, org); err != nil {
			return err
		}
		for j := range wanted.teams {
			if err := a.team(&wanted.teams[j], org); err != nil {
				return err
			}
		}
		a.tick()
	}
	return nil
}

func (a *applier) organisation(wanted *organisation) (identity.Account, error) {
	what := "organisation " + wanted.handle
	now, err := a.people.handle(wanted.handle)
	if missing(err) {
		fresh := identity.Account{
			ID: identity.AccountID(value(wanted.id)), Handle: identity.Handle(wanted.handle),
			Kind: identity.Organisation, State: identity.Active, Name: value(wanted.name),
		}
		if wanted.state != nil {
			fresh.State = identity.State(*wanted.state)
		}
		if now, err = a.tx.CreateAccount(fresh); err != nil {
			return now, refused(wanted.at, "create "+what, err)
		}
		a.people.remember(now)
		a.report.step(Create, wanted.at, "%s", what)
		return now, nil
	}
	if err != nil {
		return now, refused(wanted.at, what, err)
	}
	if now.Kind != identity.Organisation {
		return now, problem(wanted.at, "%s is the handle of a %s: choose another handle for the organisation", wanted.handle, now.Kind)
	}
	if err := sameID(wanted.at, what, wanted.id, string(now.ID)); err != nil {
		return now, err
	}
	next, changes := now, []string{}
	if wanted.state != nil && next.State != identity.State(*wanted.state) {
		next.State = identity.State(*wanted.state)
		changes = append(changes, change("state", *wanted.state, string(now.State)))
	}
	if wanted.name != nil && *wanted.name != now.Name {
		next.Name = *wanted.name
		changes = append(changes, change("name", *wanted.name, now.Name))
	}
	if len(changes) == 0 {
		return now, nil
	}
	if err := a.tx.UpdateAccount(next); err != nil {
		return now, refused(wanted.at, "update "+what, err)
	}
	a.people.remember(next)
	a.report.step(Update, wanted.at, "%s: %s", what, strings.Join(changes, ", "))
	return next, nil
}

func (m member) role() identity.MemberRole {
	if m.owner {
		return identity.Owner
	}
	return identity.Member
}

func (a *applier) organisationMembers(wanted *organisation, org identity.Account) error {
	if len(wanted.members) == 0 {
		return nil
	}
	now, err := a.tx.Members(org.ID)
	if err != nil {
		return refused(wanted.at, "members of organisation "+string(org.Handle), err)
	}
	put := func(members []identity.Membership) error { return a.tx.PutMembers(org.ID, members) }
	return a.members(wanted.members, now, "organisation "+string(org.Handle), put)
}

// members makes accounts members of what has the members now.
func (a *applier) members(wanted []member, now map[identity.AccountID]identity.MemberRole, of string, put func([]identity.Membership) error) error {
	var members []identity.Membership
	var whats []string
	var places []Position
	for _, m := range wanted {
		holder, err := a.account(m.who)
		if err != nil {
			return err
		}
		was := now[holder.ID]
		if was == m.role() {
			continue
		}
		now[holder.ID] = m.role()
		what := fmt.Sprintf("%s of %s: %s", m.role(), of, label(holder))
		members = append(members, identity.Membership{Account: holder.ID, Role: m.role()})
		whats, places = append(whats, what), append(places, m.who.at)
		a.member(m, string(was), what)
	}
	if len(members) == 0 {
		return nil
	}
	return refusedItem(put(members), func(i int) (Position, string) { return places[i], whats[i] })
}

func (a *applier) member(m member, now, what string) {
	if now == "" {
		a.report.step(Create, m.who.at, "%s", what)
		return
	}
	a.report.step(Update, m.who.at, "%s (was %s)", what, now)
}

func (a *applier) team(wanted *team, org identity.Account) error {
	name := string(org.Handle) + "/" + wanted.handle
	now, err := a.tx.TeamByHandle(org.ID, identity.Handle(wanted.handle))
	switch {
	case missing(err):
		now, err = a.tx.CreateTeam(identity.Team{
			ID: identity.TeamID(value(wanted.id)), Organisation: org.ID, Handle: identity.Handle(wanted.handle), Name: value(wanted.name),
		})
		if err != nil {
			return refused(wanted.at, "create team "+name, err)
		}
		a.report.step(Create, wanted.at, "team %s", name)
	case err != nil:
		return refused(wanted.at, "team "+name, err)
	case wanted.name != nil && *wanted.name != now.Name:
		return problem(wanted.at, "team %s is named %q and a team's name does not change: write that, or leave the name out", name, now.Name)
	}
	if err := sameID(wanted.at, "team "+name, wanted.id, string(now.ID)); err != nil {
		return err
	}
	put := func(members []identity.Membership) error { return a.tx.PutTeamMembers(now.ID, members) }
	return a.members(wanted.members, now.Members, "team "+name, put)
}

// findTeam finds the team of a reference, written organisation/team.
func (a *applier) findTeam(who reference) (identity.Team, error) {
	if known, ok := a.teams[who.name]; ok {
		return known, nil
	}
	handle, name, _ := strings.Cut(who.name, "/")
	org, err := a.people.handle(handle)
	if err == nil && org.Kind != identity.Organisation {
		err = identity.ErrNotFound
	}
	if missing(err) {
		return identity.Team{}, problem(who.at, "no organisation has the handle %q: add it under organisations", handle)
	}
	if err != nil {
		return identity.Team{}, wrap(who, err)
	}
	team, err := a.tx.TeamByHandle(org.ID, identity.Handle(name))
	if missing(err) {
		return team, problem(who.at, "organisation %s has no team %q: add it under its teams", handle, name)
	}
	if err == nil {
		a.teams[who.name] = team
	}
	return team, wrap(who, err)
}
