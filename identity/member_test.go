package identity_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestMemberships_live_on_the_account(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	umbrella := organisation(t, d, "umbrella")
	research, other := team(t, d, acme.ID, "research"), team(t, d, umbrella.ID, "other")
	write(t, d, func(tx *identity.Tx) error {
		return firstError([]error{
			tx.PutMember(acme.ID, ada.ID, identity.Member), tx.PutMember(acme.ID, ada.ID, identity.Owner),
			tx.PutTeamMember(research.ID, ada.ID, identity.Owner), tx.PutTeamMember(research.ID, ada.ID, identity.Member),
			tx.PutTeamMember(other.ID, ada.ID, identity.Member),
			tx.GrantPlatformRole(ada.ID, "auditor"), tx.GrantPlatformRole(ada.ID, "admin"), tx.GrantPlatformRole(ada.ID, "admin"),
		})
	})
	want := ada
	want.Organisations = map[identity.AccountID]identity.MemberRole{acme.ID: identity.Owner}
	want.Teams = map[identity.TeamID]identity.MemberRole{research.ID: identity.Member, other.ID: identity.Member}
	want.Roles = []identity.PlatformRole{"admin", "auditor"}
	read(t, d, func(tx *identity.Tx) error {
		got, err := tx.Account(ada.ID)
		same(t, got, want)
		return err
	})
	t.Run("and are listed with the team", func(t *testing.T) {
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.TeamByHandle(acme.ID, "RESEARCH")
			research.Members[ada.ID] = identity.Member
			same(t, got, research)
			return err
		})
	})
	t.Run("leaving an organisation is leaving its teams, and no others", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RemoveMember(acme.ID, ada.ID) })
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.Account(ada.ID)
			want.Organisations = map[identity.AccountID]identity.MemberRole{}
			want.Teams = map[identity.TeamID]identity.MemberRole{other.ID: identity.Member}
			same(t, got, want)
			return err
		})
	})
	t.Run("a role taken away is gone", func(t *testing.T) {
		write(t, d, func(tx *identity.Tx) error { return tx.RevokePlatformRole(ada.ID, "admin") })
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.Account(ada.ID)
			same(t, got.Roles, []identity.PlatformRole{"auditor"})
			return err
		})
	})
}

func TestMemberships_that_make_no_sense_are_refused(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	umbrella, research := organisation(t, d, "umbrella"), team(t, d, acme.ID, "research")
	const nobody = identity.AccountID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	const noTeam = identity.TeamID(nobody)
	refused := map[string]struct {
		field string
		write func(*identity.Tx) error
	}{
		"a person has no members":                   {"organisation", func(tx *identity.Tx) error { return tx.PutMember(ada.ID, ada.ID, identity.Member) }},
		"an organisation is no member":              {"member", func(tx *identity.Tx) error { return tx.PutMember(acme.ID, umbrella.ID, identity.Member) }},
		"an organisation is in no team":             {"member", func(tx *identity.Tx) error { return tx.PutTeamMember(research.ID, acme.ID, identity.Member) }},
		"an organisation has no platform role":      {"account", func(tx *identity.Tx) error { return tx.GrantPlatformRole(acme.ID, "admin") }},
		"a member role that is none":                {"role", func(tx *identity.Tx) error { return tx.PutMember(acme.ID, ada.ID, "boss") }},
		"a team role that is none":                  {"role", func(tx *identity.Tx) error { return tx.PutTeamMember(research.ID, ada.ID, "") }},
		"a platform role with a blank":              {"role", func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "a b") }},
		"a team of a person":                        {"organisation", func(tx *identity.Tx) error { return createTeam(tx, ada.ID, "x") }},
		"a team with a reserved handle":             {"handle", func(tx *identity.Tx) error { return createTeam(tx, acme.ID, "all") }},
		"more than 64 platform roles of an account": {"role", func(tx *identity.Tx) error { return grantMany(tx, ada.ID, 65) }},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) { isInvalid(t, try(t, d, c.write), c.field) })
	}
	missing := map[string]func(*identity.Tx) error{
		"organisation of a member":    func(tx *identity.Tx) error { return tx.PutMember(nobody, ada.ID, identity.Member) },
		"member of an organisation":   func(tx *identity.Tx) error { return tx.PutMember(acme.ID, nobody, identity.Member) },
		"team of a member":            func(tx *identity.Tx) error { return tx.PutTeamMember(noTeam, ada.ID, identity.Member) },
		"member of a team":            func(tx *identity.Tx) error { return tx.PutTeamMember(research.ID, nobody, identity.Member) },
		"membership to end":           func(tx *identity.Tx) error { return tx.RemoveMember(acme.ID, ada.ID) },
		"team membership to end":      func(tx *identity.Tx) error { return tx.RemoveTeamMember(research.ID, ada.ID) },
		"platform role to take":       func(tx *identity.Tx) error { return tx.RevokePlatformRole(ada.ID, "admin") },
		"account to give a role to":   func(tx *identity.Tx) error { return tx.GrantPlatformRole(nobody, "admin") },
		"organisation of a new team":  func(tx *identity.Tx) error { return createTeam(tx, nobody, "x") },
		"team to remove":              func(tx *identity.Tx) error { return tx.RemoveTeam(noTeam) },
		"account to remove":           func(tx *identity.Tx) error { return tx.RemoveAccount(nobody) },
		"team by a malformed handle":  func(tx *identity.Tx) error { _, err := tx.TeamByHandle(acme.ID, "/"); return err },
		"team of another organsation": func(tx *identity.Tx) error { _, err := tx.TeamByHandle(umbrella.ID, "research"); return err },
	}
	for name, fn := range missing {
		t.Run("not found: "+name, func(t *testing.T) { is(t, try(t, d, fn), identity.ErrNotFound) })
	}
}

func createTeam(tx *identity.Tx, org identity.AccountID, handle identity.Handle) error {
	_, err := tx.CreateTeam(identity.Team{Organisation: org, Handle: handle})
	return err
}

func grantMany(tx *identity.Tx, id identity.AccountID, n int) error {
	for i := range n {
		if err := tx.GrantPlatformRole(id, identity.PlatformRole(fmt.Sprintf("role%d", i))); err != nil {
			return err
		}
	}
	return nil
}

func TestRemoved_teams_leave_nothing_that_grants(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	research, other := team(t, d, acme.ID, "research"), team(t, d, acme.ID, "other")
	namespace(t, d, "lab", identity.AccountPrincipal(ada.ID), identity.TeamPrincipal(research.ID))
	namespace(t, d, "bound", identity.AccountPrincipal(ada.ID))
	write(t, d, func(tx *identity.Tx) error {
		return firstError([]error{
			tx.PutTeamMember(research.ID, ada.ID, identity.Owner), tx.PutTeamMember(other.ID, ada.ID, identity.Member),
			tx.PutBinding(identity.Binding{Namespace: "bound", Principal: identity.TeamPrincipal(research.ID), Role: identity.Edit}),
			tx.PutBinding(identity.Binding{Namespace: "bound", Principal: identity.TeamPrincipal(other.ID), Role: identity.View}),
		})
	})
	m := attach(t, d)
	write(t, d, func(tx *identity.Tx) error { return tx.RemoveTeam(research.ID) })
	owner := `"owners":{"account:` + string(ada.ID) + `":true}`
	want := documents{
		"accounts/" + string(ada.ID): `{"handle":"ada","kind":"person","organisations":{},"roles":{},"state":"active","teams":{"` +
			string(other.ID) + `":"member"}}`,
		"accounts/" + string(acme.ID):    `{"handle":"acme","kind":"organisation","organisations":{},"roles":{},"state":"active","teams":{}}`,
		"generations/" + string(ada.ID):  `{"n":1}`,
		"generations/" + string(acme.ID): `{"n":1}`,
		"teams/" + string(other.ID):      `{"handle":"other","organisation":"` + string(acme.ID) + `"}`,
		"namespaces/lab":                 `{"bindings":{},"labels":{},` + owner + `}`,
		"namespaces/bound":               `{"bindings":{"team:` + string(other.ID) + `":{"role":"view"}},"labels":{},` + owner + `}`,
	}
	_, got := exported(t, d)
	same(t, got, want)
	_, fed := m.state()
	same(t, fed, want)
	t.Run("and taking a member out of one changes only that", func(t *testing.T) {
		revision := write(t, d, func(tx *identity.Tx) error { return tx.RemoveTeamMember(other.ID, ada.ID) })
		entries, err := d.Journal(t.Context(), revision-1, 0)
		is(t, err, nil)
		same(t, len(entries), 1)
		same(t, string(entries[0].After), `{"handle":"ada","kind":"person","organisations":{},"roles":{},"state":"active","teams":{}}`)
	})
}

func TestHoldsPlatformRole_looks_for_any_holder(t *testing.T) {
	d := fresh(t)
	ada := person(t, d, "ada")
	holds := func(want bool) {
		t.Helper()
		read(t, d, func(tx *identity.Tx) error {
			got, err := tx.HoldsPlatformRole("admin")
			same(t, got, want)
			return err
		})
	}
	holds(false)
	write(t, d, func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "auditor") })
	holds(false)
	write(t, d, func(tx *identity.Tx) error { return tx.GrantPlatformRole(ada.ID, "admin") })
	holds(true)
	write(t, d, func(tx *identity.Tx) error { return tx.RevokePlatformRole(ada.ID, "admin") })
	holds(false)
}
