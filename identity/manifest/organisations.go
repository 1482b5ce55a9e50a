package manifest

import (
	"fmt"
	"strings"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func (a *applier) organisations() error {
	for i := range a.state.organisations {
		wanted := &a.state.organisations[i]
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
	for _, m := range wanted.members {
		holder, err := a.account(m.who)
		if err != nil {
			return err
		}
		now := holder.Organisations[org.ID]
		if now == m.role() {
			continue
		}
		what := fmt.Sprintf("%s of organisation %s: %s", m.role(), org.Handle, label(holder))
		if err := a.tx.PutMember(org.ID, holder.ID, m.role()); err != nil {
			return refused(m.who.at, what, err)
		}
		holder.Organisations[org.ID] = m.role()
		a.member(m, string(now), what)
	}
	return nil
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
	for _, m := range wanted.members {
		holder, err := a.account(m.who)
		if err != nil {
			return err
		}
		was := now.Members[holder.ID]
		if was == m.role() {
			continue
		}
		what := fmt.Sprintf("%s of team %s: %s", m.role(), name, label(holder))
		if err := a.tx.PutTeamMember(now.ID, holder.ID, m.role()); err != nil {
			return refused(m.who.at, what, err)
		}
		now.Members[holder.ID] = m.role()
		a.member(m, string(was), what)
	}
	return nil
}

// findTeam finds the team of a reference, written organisation/team.
func (a *applier) findTeam(who reference) (identity.Team, error) {
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
	return team, wrap(who, err)
}
