package identity_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

const nobody = "01JQ3M7H4N8R2T5V9W1X3Y6Z0A"

func TestHeaders_are_the_whole_without_its_lists(t *testing.T) {
	d := fresh(t)
	ada, acme := person(t, d, "ada"), organisation(t, d, "acme")
	ml := team(t, d, acme.ID, "ml")
	owners := []identity.Principal{identity.AccountPrincipal(ada.ID), identity.TeamPrincipal(ml.ID)}
	write(t, d, func(tx *identity.Tx) error {
		return firstError([]error{
			tx.PutMember(acme.ID, ada.ID, identity.Member),
			tx.PutTeamMember(ml.ID, ada.ID, identity.Owner),
			tx.PutNamespace(identity.Namespace{
				Name: "lab", Owners: owners, Labels: map[string]string{"stage": "demo"}, Quota: json.RawMessage(`{"hard":{"pods":"4"}}`),
			}),
			tx.PutNamespace(identity.Namespace{Name: "other", Owners: owners[1:]}),
			tx.PutBinding(identity.Binding{Namespace: "lab", Principal: owners[0], Role: identity.View, Expires: start.Add(time.Hour)}),
			tx.PutBinding(identity.Binding{Namespace: "other", Principal: owners[0], Role: identity.Edit}),
		})
	})
	read(t, d, func(tx *identity.Tx) error {
		head, err := tx.TeamHeader(ml.ID)
		same(t, head, identity.Team{ID: ml.ID, Organisation: acme.ID, Handle: "ml", Members: map[identity.AccountID]identity.MemberRole{}})
		is(t, err, nil)
		_, err = tx.TeamHeader(nobody)
		is(t, err, identity.ErrNotFound)

		n, err := tx.NamespaceHeader("lab")
		same(t, n, identity.Namespace{
			Name: "lab", Owners: owners, Labels: map[string]string{"stage": "demo"}, Quota: json.RawMessage(`{"hard":{"pods":"4"}}`),
		})
		is(t, err, nil)
		_, err = tx.NamespaceHeader("no")
		is(t, err, identity.ErrNotFound)
		return nil
	})
	t.Run("and one binding is found by itself, expired or not", func(t *testing.T) {
		read(t, d, func(tx *identity.Tx) error {
			b, err := tx.Binding("lab", owners[0])
			same(t, b, identity.Binding{Namespace: "lab", Principal: owners[0], Role: identity.View, Expires: start.Add(time.Hour)})
			is(t, err, nil)
			b, err = tx.Binding("other", owners[0])
			same(t, b, identity.Binding{Namespace: "other", Principal: owners[0], Role: identity.Edit})
			is(t, err, nil)
			for _, none := range []identity.Binding{{Namespace: "lab", Principal: owners[1]}, {Namespace: "no", Principal: owners[0]}, {}} {
				_, err = tx.Binding(none.Namespace, none.Principal)
				is(t, err, identity.ErrNotFound)
			}
			return nil
		})
	})
}

func TestTeams_can_be_renamed(t *testing.T) {
	d := fresh(t)
	acme, other := organisation(t, d, "acme"), organisation(t, d, "other")
	ml := team(t, d, acme.ID, "ml")
	before := d.Revision()
	update := func(u identity.Team) error {
		return try(t, d, func(tx *identity.Tx) error { return tx.UpdateTeam(u) })
	}
	is(t, update(identity.Team{ID: ml.ID, Name: "Machine Learning"}), nil)
	is(t, update(identity.Team{ID: ml.ID, Name: "ML", Handle: "ml", Organisation: acme.ID}), nil)
	is(t, update(identity.Team{ID: ml.ID, Name: "ML"}), nil)
	is(t, update(identity.Team{ID: ml.ID}), nil)
	doc := func(name string) string {
		return fmt.Sprintf(`{"handle":"ml",%s"organisation":"%s"}`, name, acme.ID)
	}
	row := "teams/" + string(ml.ID) + ": "
	same(t, changes(t, d, before), []string{
		row + doc("") + " -> " + doc(`"name":"Machine Learning",`),
		row + doc(`"name":"Machine Learning",`) + " -> " + doc(`"name":"ML",`),
		row + doc(`"name":"ML",`) + " -> " + doc(""),
	})
	t.Run("and nothing else about them", func(t *testing.T) {
		before := d.Revision()
		isInvalid(t, update(identity.Team{ID: ml.ID, Handle: "ai"}), "handle")
		isInvalid(t, update(identity.Team{ID: ml.ID, Organisation: other.ID}), "organisation")
		isInvalid(t, update(identity.Team{ID: ml.ID, Name: "a\nb"}), "name")
		is(t, update(identity.Team{ID: nobody, Name: "ML"}), identity.ErrNotFound)
		same(t, d.Revision(), before)
	})
}

func TestMembers_are_listed_by_pages_with_who_they_are(t *testing.T) {
	d := fresh(t)
	acme, other := organisation(t, d, "acme"), organisation(t, d, "other")
	ml, ai := team(t, d, acme.ID, "ml"), team(t, d, acme.ID, "ai")
	var want []identity.MemberEntry
	all := map[identity.AccountID]identity.MemberRole{}
	write(t, d, func(tx *identity.Tx) error {
		for n := range 6 {
			a := identity.Account{Kind: identity.Person, State: identity.Active, Handle: identity.Handle(fmt.Sprint("p", n)), Name: fmt.Sprint("Person ", n)}
			role := identity.Member
			switch n {
			case 2:
				role = identity.Owner
			case 3:
				a = identity.Account{Kind: identity.Service, State: identity.Disabled, Handle: "robot"}
			case 4:
				a = identity.Account{Kind: identity.Person, State: identity.Invited, Email: "guest@corp.test"}
			}
			a, err := tx.CreateAccount(a)
			if err != nil {
				return err
			}
			if err := firstError([]error{tx.PutMember(acme.ID, a.ID, role), tx.PutTeamMember(ml.ID, a.ID, role)}); err != nil {
				return err
			}
			all[a.ID] = role
			want = append(want, identity.MemberEntry{Account: a.ID, Handle: a.Handle, Name: a.Name, Kind: a.Kind, State: a.State, Role: role})
		}
		last := want[5].Account // what else it is a member of is another matter
		return firstError([]error{tx.PutMember(other.ID, last, identity.Owner), tx.PutTeamMember(ai.ID, last, identity.Owner)})
	})
	slices.SortFunc(want, func(a, b identity.MemberEntry) int { return cmp.Compare(a.Account, b.Account) })
	read(t, d, func(tx *identity.Tx) error {
		lists := map[string]func(identity.Page) ([]identity.MemberEntry, string, error){
			"organisation": func(p identity.Page) ([]identity.MemberEntry, string, error) { return tx.ListMembers(acme.ID, p) },
			"team":         func(p identity.Page) ([]identity.MemberEntry, string, error) { return tx.ListTeamMembers(ml.ID, p) },
		}
		for name, list := range lists {
			entries, next, err := list(identity.Page{})
			same(t, []any{name, entries, next}, []any{name, want, ""})
			is(t, err, nil)
			for limit := 1; limit <= 7; limit++ {
				got := everything(t, limit, list, func(m identity.MemberEntry) string { return asJSON(t, m) })
				var each []string
				for _, m := range want {
					each = append(each, asJSON(t, m))
				}
				agree(t, name, got, each)
			}
		}
		members, err := tx.Members(acme.ID)
		same(t, members, all)
		is(t, err, nil)
		for _, none := range []identity.AccountID{nobody, want[0].Account, ""} {
			members, err := tx.Members(none)
			entries, next, listing := tx.ListMembers(none, identity.Page{})
			same(t, []any{members, entries, next}, []any{map[identity.AccountID]identity.MemberRole{}, nil, ""})
			is(t, firstError([]error{err, listing}), nil)
		}
		entries, next, err := tx.ListTeamMembers(nobody, identity.Page{})
		same(t, []any{entries, next}, []any{nil, ""})
		return err
	})
}
