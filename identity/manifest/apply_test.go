package manifest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

const demo = "../../testdata/demo.yaml"

func TestDemo_directory_is_what_it_says(t *testing.T) {
	dir := newDirectory(t)
	report := apply(t, dir, readFiles(t, demo), manifest.Options{})
	wantLines(t, "plan", lines(report),
		"create account ada (demo.yaml:6)",
		"create account eve (demo.yaml:9)",
		"create account vic (demo.yaml:12)",
		"create account sam (demo.yaml:15)",
		"create service account ci-bot (demo.yaml:18)",
		"create organisation acme (demo.yaml:23)",
		"create owner of organisation acme: ada (demo.yaml:26)",
		"create member of organisation acme: eve (demo.yaml:28)",
		"create member of organisation acme: vic (demo.yaml:29)",
		"create team acme/research (demo.yaml:31)",
		"create owner of team acme/research: ada (demo.yaml:34)",
		"create member of team acme/research: eve (demo.yaml:36)",
		"create namespace lab: owner ada, label stage=demo, quota cpu=8 memory=32Gi (demo.yaml:39)",
		"create edit in namespace lab: eve (demo.yaml:49)",
		"create view in namespace lab: vic (demo.yaml:51)",
	)
	ada := lookup(t, dir, func(tx *identity.Tx) (identity.Account, error) { return tx.AccountByHandle("ada") })
	if got, want := len(ada.Teams)+len(ada.Organisations), 2; got != want || ada.State != identity.Active {
		t.Errorf("got ada %+v, want an active owner of one team and one organisation", ada)
	}
	t.Run("and a second import changes nothing", func(t *testing.T) {
		wantLines(t, "plan", lines(apply(t, dir, readFiles(t, demo), manifest.Options{Prune: true})))
	})
}

// steps applies one text after another and gives the plan of the last.
func steps(t *testing.T, o manifest.Options, texts ...string) *manifest.Report {
	t.Helper()
	dir := newDirectory(t)
	var report *manifest.Report
	for _, text := range texts {
		report = apply(t, dir, read(t, text), o)
	}
	return report
}

func TestApply_changes_only_what_differs(t *testing.T) {
	people := "accounts: [{handle: ada, email: ada@x.org, name: Ada, roles: [admin], identities: [{issuer: \"https://a\", subject: \"1\"}, {issuer: \"https://c\", subject: \"1\"}]}, {handle: eve}, {handle: bot, kind: service}]\n"
	space := "namespaces: [{name: lab, owners: [{account: ada}], labels: {a: \"1\", b: \"2\"}, quota: {hard: {cpu: 8}}, bindings: [{account: eve, role: edit}]}]\n"
	org := "organisations: [{handle: acme, name: Acme, members: [{account: ada, role: owner}, {account: eve}], teams: [{handle: r, members: [{account: eve}]}]}]\n"
	base := people + org + space
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing, for the same file":            {base, nil},
		"nothing, for other spellings of names": {"accounts: [{handle: ADA, email: Ada@X.ORG}]\nbindings: [{namespace: lab, account: EVE, role: edit}]\n", nil},
		"nothing that the file leaves out":      {"accounts: [{handle: ada}]\nnamespaces: [{name: lab}]\norganisations: [{handle: acme}]\n", nil},
		"nothing, for a quota written otherwise": {
			"namespaces: [{name: lab, quota: {scopes: [], hard: {cpu: \"8\"}}}]\n", nil,
		},
		"the fields of an account": {
			"accounts: [{handle: ada, email: a@x.org, name: \"\", user_id: A, state: disabled}]\n",
			[]string{"update account ada: state disabled (was active), email a@x.org (was ada@x.org), user_id A, no name (was Ada) (f.yaml:1)"},
		},
		"platform roles, exactly those listed": {
			"accounts: [{handle: ada, roles: [auditor]}]\n",
			[]string{"create platform role auditor of ada (f.yaml:1)", "remove platform role admin of ada (f.yaml:1)"},
		},
		"identities, beside those that are there": {
			"accounts: [{handle: ada, identities: [{issuer: \"https://a\", subject: \"2\"}, {issuer: \"https://b\", subject: x}]}]\n",
			[]string{"update identity of ada: 2 of https://a (was 1) (f.yaml:1)", "create identity of ada: x of https://b (f.yaml:1)"},
		},
		"no identity that is listed and is there": {"accounts: [{email: ada@x.org, identities: [{issuer: \"https://a\", subject: \"1\"}]}]\n", nil},
		"no identity for an empty list":           {"accounts: [{handle: ada, identities: []}]\n", nil},
		"an identity of an account that was new": {
			"accounts: [{handle: zoe, identities: [{issuer: \"https://a\", subject: z}]}]\n",
			[]string{"create account zoe (f.yaml:1)", "create identity of zoe: z of https://a (f.yaml:1)"},
		},
		"the name and state of an organisation": {
			"organisations: [{handle: acme, name: ACME, state: disabled}]\n",
			[]string{"update organisation acme: state disabled (was active), name ACME (was Acme) (f.yaml:1)"},
		},
		"the role of a member": {
			"organisations: [{handle: acme, members: [{account: eve, role: owner}], teams: [{handle: r, members: [{account: eve, role: owner}]}]}]\n",
			[]string{"update owner of organisation acme: eve (was member) (f.yaml:1)", "update owner of team acme/r: eve (was member) (f.yaml:1)"},
		},
		"labels, exactly those given": {
			"namespaces: [{name: lab, labels: {a: \"9\", c: x}}]\n",
			[]string{"update namespace lab: label a=9, label c=x, no label b (f.yaml:1)"},
		},
		"no label at all when the file says so": {
			"namespaces: [{name: lab, labels: {}}]\n",
			[]string{"update namespace lab: no label a, no label b (f.yaml:1)"},
		},
		"the quota":               {"namespaces: [{name: lab, quota: {hard: {cpu: 4}}}]\n", []string{"update namespace lab: quota now cpu=4 (f.yaml:1)"}},
		"no quota, for an empty":  {"namespaces: [{name: lab, quota: {}}]\n", []string{"update namespace lab: no quota (f.yaml:1)"}},
		"another owner, in front": {"namespaces: [{name: lab, owners: [{team: acme/r}]}]\n", []string{"update namespace lab: owner team acme/r (f.yaml:1)"}},
		"the role of a binding":   {"bindings: [{namespace: lab, account: eve, role: view}]\n", []string{"update view in namespace lab: eve (was edit) (f.yaml:1)"}},
		"the end of a binding": {
			"bindings: [{namespace: lab, account: eve, role: edit, expires: 2031-01-31T12:00:00+02:00}]\n",
			[]string{"update edit in namespace lab: eve until 2031-01-31T10:00:00Z (was edit) (f.yaml:1)"},
		},
		"who is bound, by every kind of reference": {
			"bindings: [{namespace: lab, account: new@x.org, role: view}, {namespace: lab, user_id: \"system:sa\", role: view}, {namespace: lab, team: acme/r, role: trainer}, {namespace: lab, group: staff, role: view}]\n",
			[]string{
				"create account new@x.org, invited (f.yaml:1)",
				"create account user_id system:sa, invited (f.yaml:1)",
				"create view in namespace lab: new@x.org (f.yaml:1)",
				"create view in namespace lab: user_id system:sa (f.yaml:1)",
				"create trainer in namespace lab: team acme/r (f.yaml:1)",
				"create view in namespace lab: group staff (f.yaml:1)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantLines(t, "plan", lines(steps(t, manifest.Options{}, base, test.text)), test.want...)
		})
	}
}

func TestInvited_account_gets_its_handle_once_and_is_active_then(t *testing.T) {
	report := steps(t, manifest.Options{}, profile("lab", "{kind: User, name: Ann@x.org}"), "accounts: [{handle: ann, email: ann@x.org}]\n")
	wantLines(t, "plan", lines(report), "update account ann@x.org: handle ann, state active (was invited) (f.yaml:1)")
	t.Run("and a file that still says invited does not undo that", func(t *testing.T) {
		text := "accounts: [{email: ann@x.org, state: invited}]\n"
		wantLines(t, "plan", lines(steps(t, manifest.Options{}, text, "accounts: [{handle: ann, email: ann@x.org}]\n", text)))
	})
}

func TestPrune_takes_away_what_the_files_of_named_namespaces_no_longer_hold(t *testing.T) {
	lab := profile("lab", "{kind: User, name: ada@x.org}")
	both := documents(lab, contributor("lab", "eve@x.org", "edit"), contributor("lab", "vic@x.org", "view"))
	other := documents(profile("other", "{kind: User, name: ada@x.org}"), contributor("other", "eve@x.org", "edit"))
	less := documents(lab, contributor("lab", "vic@x.org", "view"))
	t.Run("a contributor", func(t *testing.T) {
		wantLines(t, "plan", lines(steps(t, manifest.Options{Prune: true}, both, other, less)),
			"remove edit in namespace lab: eve@x.org (f.yaml:1)")
	})
	t.Run("an owner who was replaced", func(t *testing.T) {
		wantLines(t, "plan", lines(steps(t, manifest.Options{Prune: true}, lab, profile("lab", "{kind: Group, name: staff}"))),
			"update namespace lab: owner group staff, no longer owner ada@x.org (f.yaml:1)")
	})
	t.Run("teams and groups, by their names", func(t *testing.T) {
		base := "accounts: [{handle: ada}]\norganisations: [{handle: acme, teams: [{handle: r}]}]\nnamespaces: [{name: lab, owners: [{account: ada}, {team: acme/r}], bindings: [{group: staff, role: view}]}]\n"
		wantLines(t, "plan", lines(steps(t, manifest.Options{Prune: true}, base, "namespaces: [{name: lab, owners: [{account: ada}]}]\n")),
			"update namespace lab: no longer owner team acme/r (f.yaml:1)",
			"remove view in namespace lab: group staff (f.yaml:1)")
	})
	t.Run("not those of a namespace that only RoleBindings name", func(t *testing.T) {
		wantLines(t, "plan", lines(steps(t, manifest.Options{Prune: true}, both, contributor("lab", "vic@x.org", "view"))))
	})
	t.Run("not without being asked, but they are counted", func(t *testing.T) {
		report := steps(t, manifest.Options{}, both, documents(profile("lab", "{kind: Group, name: staff}")))
		wantLines(t, "plan", lines(report), "update namespace lab: owner group staff (f.yaml:1)")
		if got, want := report.Kept, 3; got != want {
			t.Errorf("got %d kept, want %d (one owner, two bindings)", got, want)
		}
	})
	t.Run("not an owner when the file leaves owners out", func(t *testing.T) {
		report := steps(t, manifest.Options{Prune: true}, both, "namespaces: [{name: lab, bindings: [{account: vic@x.org, role: view}]}]\n")
		wantLines(t, "plan", lines(report), "remove edit in namespace lab: eve@x.org (f.yaml:1)")
	})
}

func TestApply_refuses_with_the_place_and_writes_nothing(t *testing.T) {
	before := "accounts: [{handle: ada, email: ada@x.org}, {handle: eve, email: eve@x.org}, {handle: bot, kind: service}]\norganisations: [{handle: acme, teams: [{handle: r, name: R}]}]\n"
	first := "accounts: [{handle: zoe}]\n---\n" // would be written if it were not all or nothing
	for name, test := range map[string]struct{ text, want string }{
		"a namespace that nobody has":        {"bindings:\n  - {namespace: nowhere, account: ada, role: edit}\n", `f.yaml:4:5: namespace "nowhere" is neither in the files nor in the directory: import its Profile (or an entry of namespaces) too`},
		"a handle that nobody has":           {"bindings:\n  - {namespace: lab, account: nobody, role: edit}\n", `f.yaml:4:31: no account has the handle "nobody": add it under accounts, or name the person by e-mail`},
		"a team that is not there":           {"bindings:\n  - {namespace: lab, team: acme/x, role: edit}\n", `f.yaml:4:28: organisation acme has no team "x": add it under its teams`},
		"a team of a person":                 {"bindings:\n  - {namespace: lab, team: ada/x, role: edit}\n", `f.yaml:4:28: no organisation has the handle "ada": add it under organisations`},
		"a namespace without an owner":       {"namespaces:\n  - name: lab\n", "f.yaml:4:5: namespace lab needs an owner: add owners with an account, a team or a group"},
		"a bad handle":                       {"accounts:\n  - handle: a b\n", "f.yaml:4:5: create account a b: handle must be 1 to 63 of a-z, 0-9, '.', '_' and '-', begin and end with a letter or digit, and not hold '..'"},
		"a bad namespace name":               {"namespaces:\n  - {name: Lab_1, owners: [{account: ada}]}\n", "f.yaml:4:5: namespace Lab_1: namespace must be a DNS label: 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit"},
		"an e-mail that is none":             {"namespaces:\n  - {name: lab, owners: [{account: \"a@b@c\"}]}\n", `f.yaml:4:36: account "a@b@c": email must have exactly one @ with something on both sides`},
		"two names of two accounts":          {"accounts:\n  - {handle: ada, email: eve@x.org}\n", "f.yaml:4:5: the handle is that of account ada and the email that of account eve: they are two accounts, give each its own entry"},
		"another handle for an account":      {"accounts:\n  - {handle: ada2, email: ada@x.org}\n", "f.yaml:4:5: account ada already has this e-mail or user_id, and a handle never changes: write handle: ada, or leave the handle out"},
		"another kind":                       {"accounts:\n  - {handle: bot, kind: person}\n", "f.yaml:4:5: account bot is a service and cannot become a person: create another account"},
		"an organisation among the accounts": {"accounts:\n  - {handle: acme}\n", "f.yaml:4:5: acme is an organisation: write it under organisations"},
		"a person among the organisations":   {"organisations:\n  - {handle: ada}\n", "f.yaml:4:5: ada is the handle of a person: choose another handle for the organisation"},
		"another name for a team":            {"organisations:\n  - {handle: acme, teams: [{handle: r, name: Q}]}\n", `f.yaml:4:28: team acme/r is named "R" and a team's name does not change: write that, or leave the name out`},
		"an organisation that is bound":      {"namespaces:\n  - {name: lab, owners: [{account: acme}], bindings: [{account: acme, role: edit}]}\n", "f.yaml:4:55: edit in namespace lab: acme: principal an organisation cannot be bound; bind one of its teams"},
		"a person bound twice":               {"namespaces:\n  - {name: lab, owners: [{account: ada}]}\nbindings:\n  - {namespace: lab, account: eve, role: edit}\n  - {namespace: lab, account: eve@x.org, role: view}\n", "f.yaml:7:5: eve@x.org is bound in namespace lab twice, first at f.yaml:6:5: keep one of the two"},
		"an owner twice":                     {"namespaces:\n  - {name: lab, owners: [{account: ada}, {account: ada@x.org}]}\n", "f.yaml:4:52: ada@x.org owns namespace lab twice: keep one of the two"},
		"an id of somebody else":             {"accounts:\n  - {handle: ada, id: 01HZZZZZZZZZZZZZZZZZZZZZZZ}\n", "f.yaml:4:5: account ada has the id "},
		"an issuer that is none":             {"accounts:\n  - {handle: ada, identities: [{issuer: \"a|b\", subject: x}]}\n", "f.yaml:4:32: identity of ada: issuer must have 1 to 512 bytes and no |"},
		"a role with blanks":                 {"namespaces:\n  - {name: lab, owners: [{account: ada}], bindings: [{account: eve, role: \"e d\"}]}\n", "f.yaml:4:54: e d in namespace lab: eve: role must be 1 to 63 of "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDirectory(t)
			apply(t, dir, read(t, before), manifest.Options{})
			revision, held := dir.Revision(), export(t, dir)
			_, err := tryApply(dir, read(t, first+test.text), manifest.Options{})
			var problem *manifest.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("got error %v, want a problem with a place", err)
			}
			var invalid *identity.InvalidError
			if problem.Err != nil && !errors.As(err, &invalid) {
				t.Errorf("got cause %v, want the directory's own error to be found", problem.Err)
			}
			if got := problem.Error(); len(got) < len(test.want) || got[:len(test.want)] != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if dir.Revision() != revision || export(t, dir) != held {
				t.Error("the refused import left something behind")
			}
		})
	}
}

func TestApply_refuses_an_identity_that_another_account_has(t *testing.T) {
	dir := newDirectory(t)
	apply(t, dir, read(t, "accounts: [{handle: ada, identities: [{issuer: \"https://a\", subject: x}]}, {handle: eve}]\n"), manifest.Options{})
	_, err := tryApply(dir, read(t, "accounts:\n  - {handle: eve, identities: [{issuer: \"https://a\", subject: x}]}\n"), manifest.Options{})
	want := `f.yaml:2:32: identity of eve: another account has the subject "x" of https://a: take it away there first`
	if err == nil || err.Error() != want || !errors.Is(err, identity.ErrExists) {
		t.Errorf("got  %v\nwant %s, which is ErrExists", err, want)
	}
}

func TestPlan_tells_the_steps_and_writes_nothing(t *testing.T) {
	dir := newDirectory(t)
	state := readFiles(t, demo)
	var planned *manifest.Report
	entries, err := dir.Plan(context.Background(), "test", func(tx *identity.Tx) (err error) {
		planned, err = state.Apply(tx, manifest.Options{})
		return err
	})
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if len(entries) == 0 || dir.Revision() != 0 {
		t.Errorf("got %d entries at revision %d, want some at revision 0", len(entries), dir.Revision())
	}
	wantLines(t, "steps of the write", lines(apply(t, dir, state, manifest.Options{})), lines(planned)...)
}

func TestProgress_counts_every_entry(t *testing.T) {
	var got [][2]int
	apply(t, newDirectory(t), readFiles(t, demo), manifest.Options{Progress: func(done, total int) { got = append(got, [2]int{done, total}) }})
	if len(got) != 9 || got[0] != [2]int{1, 9} || got[8] != [2]int{9, 9} {
		t.Errorf("got %v, want 1 to 9 of 9", got)
	}
}

func TestExpiry_of_a_binding_is_kept_to_the_second(t *testing.T) {
	dir := newDirectory(t)
	apply(t, dir, read(t, "accounts: [{handle: ada}]\nnamespaces: [{name: lab, owners: [{account: ada}], bindings: [{group: staff, role: view, expires: \"2031-01-31T12:00:00.75Z\"}]}]\n"), manifest.Options{})
	got := namespaceOf(t, dir, "lab").Bindings[0].Expires
	if want := time.Date(2031, 1, 31, 12, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDocumentation_shows_a_file_that_is_taken(t *testing.T) {
	page, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/import.md shows no YAML")
	}
	dir := newDirectory(t)
	if got, want := apply(t, dir, read(t, example), manifest.Options{}).Count(manifest.Create), 12; got != want {
		t.Errorf("got %d things created from the example, want %d", got, want)
	}
	roundTrip(t, dir)
}
