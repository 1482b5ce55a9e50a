package manifest_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// problemsOf reads one file and gives what is wrong with it, one line each.
func problemsOf(text string) []string {
	err := new(manifest.State).Read("f.yaml", strings.NewReader(text))
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestOwn_form_is_strict_and_says_where(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"an unknown key at the top": {
			"acounts: []\n",
			[]string{`f.yaml:1:1: unknown key "acounts" in a Gatehouse document: the known ones are accounts, organisations, namespaces, bindings`},
		},
		"an unknown key deep inside": {
			"namespaces:\n  - name: lab\n    owners: [{account: ada}]\n    bindings:\n      - {account: eve, role: edit, expiry: never}\n",
			[]string{`f.yaml:5:36: unknown key "expiry" in a binding: the known ones are account, user_id, team, group, role, expires`},
		},
		"a number where a text belongs": {
			"accounts:\n  - handle: 007\n",
			[]string{
				`f.yaml:2:13: handle of an account must be a text, not the number 007: put it in quotes, as in "007"`,
				`f.yaml:2:5: an account needs a handle, an email or a user_id`,
			},
		},
		"a key that stands twice": {
			"accounts:\n  - handle: ada\n    handle: eve\n",
			[]string{`f.yaml:3:5: key "handle" stands twice in an account, first at f.yaml:2:5: keep one`},
		},
		"an account that stands twice, in another spelling": {
			"accounts:\n  - handle: ada\n  - handle: ADA\n",
			[]string{`f.yaml:3:5: the account with handle "ada" was given before, at f.yaml:2:5: keep one of the two`},
		},
		"an organisation with the handle of a person": {
			"accounts:\n  - handle: acme\norganisations:\n  - handle: acme\n",
			[]string{`f.yaml:4:5: the account with handle "acme" was given before, at f.yaml:2:5: keep one of the two`},
		},
		"an identity of two accounts": {
			"accounts:\n  - {handle: ada, identities: [{issuer: \"https://a\", subject: x}]}\n  - {handle: eve, identities: [{issuer: \"https://a\", subject: x}]}\n",
			[]string{`f.yaml:3:32: the identity "https://a|x" was given before, at f.yaml:2:32: keep one of the two`},
		},
		"two identities of one issuer": {
			"accounts:\n  - {handle: ada, identities: [{issuer: \"https://a\", subject: x}, {issuer: \"https://a\", subject: y}]}\n",
			[]string{`f.yaml:2:67: the account has two identities of the issuer "https://a": keep one of the two`},
		},
		"identities without a half, with more, and as one": {
			"accounts:\n  - {handle: ada, identities: [{issuer: \"https://a\"}, {subject: x}, {issuer: b, subject: y, name: z}, {issuer: c, subject: 7}]}\n  - {handle: eve, identities: {issuer: b, subject: y}}\n",
			[]string{
				`f.yaml:2:32: an identity needs the key subject`,
				`f.yaml:2:55: an identity needs the key issuer`,
				`f.yaml:2:93: unknown key "name" in an identity: the known ones are issuer, subject`,
				`f.yaml:2:124: subject of an identity must be a text, not the number 7: put it in quotes, as in "7"`,
				`f.yaml:3:31: identities of an account must be a list (lines that begin with -), not a mapping`,
			},
		},
		"a namespace that stands twice": {
			"namespaces:\n  - {name: lab, owners: [{account: a}]}\n---\nnamespaces:\n  - {name: lab, owners: [{account: b}]}\n",
			[]string{`f.yaml:5:5: the namespace "lab" was given before, at f.yaml:2:5: keep one of the two`},
		},
		"an alias": {
			"accounts:\n  - &a {handle: ada}\n  - *a\n",
			[]string{
				`f.yaml:2:5: the anchor &a is not allowed: leave it out and write each value out`,
				`f.yaml:3:5: the alias *a is not allowed: write the value out`,
			},
		},
		"a merge key": {
			"accounts:\n  - {<<: {handle: ada}, name: Ada}\n",
			[]string{
				`f.yaml:2:6: the merge key << is not allowed: write the keys out`,
				`f.yaml:2:5: an account needs a handle, an email or a user_id`,
			},
		},
		"a tag": {
			"accounts:\n  - handle: !secret ada\n",
			[]string{`f.yaml:2:13: the tag !secret is not allowed: leave it out`, `f.yaml:2:5: an account needs a handle, an email or a user_id`},
		},
		"an empty value": {
			"accounts:\n  - handle: ada\n    name:\n",
			[]string{`f.yaml:3:10: name of an account is empty: leave the key out, or write ""`},
		},
		"a mapping where a list belongs": {
			"accounts:\n  ada: {}\n",
			[]string{`f.yaml:2:3: accounts of a Gatehouse document must be a list (lines that begin with -), not a mapping`},
		},
		"a role that members do not have": {
			"organisations:\n  - handle: acme\n    members: [{account: ada, role: boss}]\n",
			[]string{`f.yaml:3:36: role of a member is "boss": it must be one of member, owner`},
		},
		"somebody named twice over": {
			"bindings:\n  - {namespace: lab, account: ada, group: staff, role: edit}\n",
			[]string{`f.yaml:2:5: a binding must name exactly one of account, user_id, team, group`},
		},
		"a member twice": {
			"organisations:\n  - handle: acme\n    members: [{account: ada}, {account: ada, role: owner}]\n",
			[]string{`f.yaml:3:41: ada is a member twice, first at f.yaml:3:25: keep one of the two`},
		},
		"a team without its organisation": {
			"bindings:\n  - {namespace: lab, team: research, role: edit}\n",
			[]string{`f.yaml:2:28: team "research" must be written organisation/team, as in acme/research`},
		},
		"a time that is none": {
			"bindings:\n  - {namespace: lab, account: ada, role: edit, expires: tomorrow}\n",
			[]string{`f.yaml:2:57: expires of a binding must be a time as in 2027-01-31T18:00:00Z, not the text "tomorrow"`},
		},
		"a date without a time": {
			"bindings:\n  - {namespace: lab, account: ada, role: edit, expires: 2027-01-31}\n",
			[]string{`f.yaml:2:57: expires of a binding must be a time as in 2027-01-31T18:00:00Z, not the time 2027-01-31`},
		},
		"a binding without a role": {
			"bindings:\n  - {namespace: lab, account: ada}\n",
			[]string{`f.yaml:2:5: a binding needs the key role`},
		},
		"a list as document": {
			"- accounts\n",
			[]string{`f.yaml:1:1: a document must be a mapping of keys such as accounts, namespaces or kind, not a list`},
		},
		"a quota of truth values": {
			"namespaces:\n  - {name: lab, owners: [{account: a}], quota: {hard: {cpu: true}}}\n",
			[]string{`f.yaml:2:61: the amount of cpu must be a quantity such as 8, 500m or 16Gi, not the truth value true`},
		},
		"a quota below nothing": {
			"namespaces:\n  - name: lab\n    owners: [{account: a}]\n    quota: {hard: {cpu: -1, memory: \"-16Gi\", pods: 0}}\n",
			[]string{
				`f.yaml:4:25: the amount of cpu must not be negative: write 0 to allow none, or leave the key out for no limit`,
				`f.yaml:4:37: the amount of memory must not be negative: write 0 to allow none, or leave the key out for no limit`,
			},
		},
		"a quota of words": {
			"namespaces:\n  - {name: lab, owners: [{account: a}], quota: {hard: {cpu: lots, memory: 16 Gi, pods: .inf, a: 0x10, b: 1e, c: \"\"}}}\n",
			[]string{
				`f.yaml:2:61: the amount of cpu must be a quantity such as 8, 500m or 16Gi`,
				`f.yaml:2:75: the amount of memory must be a quantity such as 8, 500m or 16Gi`,
				`f.yaml:2:88: the amount of pods must be a quantity such as 8, 500m or 16Gi`,
				`f.yaml:2:97: the amount of a must be a quantity such as 8, 500m or 16Gi`,
				`f.yaml:2:106: the amount of b must be a quantity such as 8, 500m or 16Gi`,
				`f.yaml:2:113: the amount of c must be a quantity such as 8, 500m or 16Gi`,
			},
		},
		"no owners at all": {
			"namespaces:\n  - name: lab\n    owners: []\n",
			[]string{`f.yaml:3:13: owners of a namespace must not be empty: name one, or leave the key out to keep those there are`},
		},
		"a misspelt part of a quota": {
			"namespaces:\n  - {name: lab, owners: [{account: a}], quota: {hrad: {cpu: 1}}}\n",
			[]string{`f.yaml:2:49: unknown key "hrad" in a resource quota: the known ones are hard, scopes, scopeSelector`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantLines(t, "problems", problemsOf(test.text), test.want...)
		})
	}
}

func TestQuota_takes_every_way_to_write_an_amount(t *testing.T) {
	for _, amount := range []string{"0", "8", "+8", "1.", ".5", "0.5", "500m", "16Gi", "16Ki", "1k", "2E", "3u", "1e3", "1E-3", "12e+6"} {
		if got := problemsOf("namespaces: [{name: lab, owners: [{account: a}], quota: {hard: {cpu: " + amount + "}}}]\n"); got != nil {
			t.Errorf("%s: got %q, want no problem", amount, got)
		}
	}
}

func TestReading_tells_once_of_a_role_that_only_policies_know(t *testing.T) {
	const text = "namespaces:\n  - name: lab\n    bindings:\n      - {account: a@b, role: veiw}\n      - {account: c@d, role: edit}\nbindings:\n  - {namespace: lab, group: x, role: veiw}\n"
	state := read(t, text, "bindings:\n  - {namespace: lab, group: y, role: veiw}\n  - namespace: lab\n    group: z\n    role: reviewer\n")
	wantLines(t, "notes", notes(state.Notes()),
		`f.yaml:4:30: role "veiw" is none of view, edit and admin: it grants nothing unless a policy table names it`,
		`f2.yaml:5:11: role "reviewer" is none of view, edit and admin: it grants nothing unless a policy table names it`)
}

func TestReading_shows_every_problem_of_a_file_at_once(t *testing.T) {
	got := problemsOf("accounts:\n  - handel: ada\n  - handle: true\n---\nnamespaces: 3\n")
	wantLines(t, "problems", got,
		`f.yaml:2:5: unknown key "handel" in an account: the known ones are id, handle, kind, state, email, user_id, name, roles, identities`,
		`f.yaml:2:5: an account needs a handle, an email or a user_id`,
		`f.yaml:3:13: handle of an account must be a text, not the truth value true: put it in quotes, as in "true"`,
		`f.yaml:3:5: an account needs a handle, an email or a user_id`,
		`f.yaml:5:13: namespaces of a Gatehouse document must be a list (lines that begin with -), not the number 3`,
	)
}

func TestReading_a_hopeless_file_stops_at_a_bounded_number_of_problems(t *testing.T) {
	got := problemsOf("accounts:\n" + strings.Repeat("  - {}\n", 5000))
	if len(got) != 50 {
		t.Errorf("got %d problems, want 50", len(got))
	}
}
