package manifest_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

const manifests = "../../testdata/manifests/"

func profile(name, owner string) string {
	return "apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata:\n  name: " + name + "\nspec:\n  owner: " + owner + "\n"
}

// contributor is a RoleBinding as Kubeflow writes it.
func contributor(namespace, user, role string) string {
	return "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: " + role + "-of-" + user +
		"\n  namespace: " + namespace + "\n  annotations: {user: \"" + user + "\", role: " + role +
		"}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeflow-" + role +
		"}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: \"" + user + "\"}]\n"
}

func documents(parts ...string) string { return strings.Join(parts, "---\n") }

func TestManifests_of_a_platform_become_invited_people_namespaces_and_bindings(t *testing.T) {
	dir := newDirectory(t)
	state := readFiles(t, manifests+"profile-v1.yaml", manifests+"profile-v1beta1.yaml", manifests+"contributors.yaml")
	report := apply(t, dir, state, manifest.Options{})
	wantLines(t, "plan", lines(report),
		"create account ann@example.org, invited (profile-v1.yaml:18)",
		"create namespace ann: owner Ann@example.org, label app.kubernetes.io/managed-by=argocd, label cost-centre=4711 (profile-v1.yaml:1)",
		"create namespace data-science: owner group data-science, quota cpu=16 memory=64Gi persistentvolumeclaims=10 requests.nvidia.com/gpu=2 (profile-v1beta1.yaml:2)",
		"create account user_id batch-operator, invited (profile-v1beta1.yaml:30)",
		"create namespace batch: owner batch-operator (profile-v1beta1.yaml:23)",
		"create account bob@example.org, invited (contributors.yaml:23)",
		"create account vera@example.org, invited (contributors.yaml:58)",
		"create edit in namespace ann: bob@example.org (contributors.yaml:8)",
		"create view in namespace ann: vera@example.org (contributors.yaml:43)",
	)
	wantLines(t, "notes", notes(state.Notes()),
		"profile-v1.yaml:20:5: plugins of Profile ann are not kept: they give cloud identities to workloads, which stays with Kubeflow",
		"contributors.yaml: passed over 1 AuthorizationPolicy, 1 RoleBinding namespaceAdmin (the Profile says who owns), 1 RoleBinding without the annotations user and role: import reads Profile and annotated RoleBinding objects",
	)

	ann := accountByUserID(t, dir, "Ann@example.org")
	if got, want := ann.Email, identity.Email("ann@example.org"); got != want || ann.State != identity.Invited || ann.Handle != "" || ann.Kind != identity.Person {
		t.Errorf("got owner %+v, want an invited person without a handle and with e-mail %s", ann, want)
	}
	operator := accountByUserID(t, dir, "batch-operator")
	if operator.Email != "" || operator.State != identity.Invited {
		t.Errorf("got %+v, want an invited account with only a user id", operator)
	}
	if got, want := string(namespaceOf(t, dir, "data-science").Quota),
		`{"hard":{"cpu":"16","memory":"64Gi","persistentvolumeclaims":"10","requests.nvidia.com/gpu":"2"},"scopeSelector":{"matchExpressions":[{"operator":"In","scopeName":"PriorityClass","values":["notebooks"]}]}}`; got != want {
		t.Errorf("quota:\ngot  %s\nwant %s", got, want)
	}
	t.Run("and a second import changes nothing", func(t *testing.T) {
		before := dir.Revision()
		wantLines(t, "plan", lines(apply(t, dir, state, manifest.Options{Prune: true})))
		if got := dir.Revision(); got != before {
			t.Errorf("got revision %d, want still %d", got, before)
		}
	})
}

func TestProfile_of_both_versions_and_of_lists_is_read(t *testing.T) {
	body := "metadata: {name: a}\nspec: {owner: {kind: User, name: a@x.org}}\n"
	item := "{metadata: {name: a}, spec: {owner: {kind: User, name: a@x.org}}}"
	for name, text := range map[string]string{
		"v1":                       "apiVersion: kubeflow.org/v1\nkind: Profile\n" + body,
		"v1beta1":                  "apiVersion: kubeflow.org/v1beta1\nkind: Profile\n" + body,
		"JSON":                     `{"apiVersion": "kubeflow.org/v1", "kind": "Profile", "metadata": {"name": "a"}, "spec": {"owner": {"kind": "User", "name": "a@x.org"}}}`,
		"a ProfileList of the API": "apiVersion: kubeflow.org/v1\nkind: ProfileList\nitems: [" + item + "]\n",
		"nulls where nothing is":   "apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata: {name: a, labels: null}\nspec: {owner: {kind: User, name: a@x.org}, plugins: null, resourceQuotaSpec: null}\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDirectory(t)
			apply(t, dir, read(t, text), manifest.Options{})
			owner := accountByUserID(t, dir, "a@x.org")
			got := namespaceOf(t, dir, "a").Owners
			if len(got) != 1 || got[0] != identity.AccountPrincipal(owner.ID) {
				t.Errorf("got owners %v, want a@x.org alone", got)
			}
		})
	}
}

func TestKubernetes_objects_that_cannot_be_taken_are_refused_with_the_place(t *testing.T) {
	binding := contributor("lab", "eve@x.org", "edit")
	for name, test := range map[string]struct{ text, want string }{
		"an owner that is a ServiceAccount": {
			profile("lab", "{kind: ServiceAccount, name: default-editor, namespace: lab}"),
			`f.yaml:6:10: owner of a Profile is the ServiceAccount "default-editor": only a User or a Group can own or be bound here. For a program, write its name as kind User (system:serviceaccount:NAMESPACE:NAME) or bind an account of kind service`,
		},
		"an owner without a name": {profile("lab", "{kind: User}"), "f.yaml:6:10: owner of a Profile needs the key name"},
		"a Profile without an owner": {
			"apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata: {name: lab}\nspec: {}\n",
			"f.yaml:4:7: a Profile needs spec.owner with kind and name",
		},
		"a Profile without a spec":   {"apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata: {name: lab}\n", "f.yaml:1:1: a Profile needs metadata and spec"},
		"a version that is not made": {strings.Replace(profile("lab", "{kind: User, name: a}"), "/v1", "/v3", 1), "f.yaml:1:13: Profile of version kubeflow.org/v3 is not known: kubeflow.org/v1 and kubeflow.org/v1beta1 are"},
		"a misspelt quota": {
			profile("lab", "{kind: User, name: a}") + "  resourcequotaspec: {hard: {cpu: 1}}\n",
			`f.yaml:7:3: unknown key "resourcequotaspec" in spec of a Profile: the known ones are owner, plugins, resourceQuotaSpec`,
		},
		"an object without a kind":       {"apiVersion: v1\n", "f.yaml:1:1: a Kubernetes object needs a kind beside its apiVersion"},
		"an object without a version":    {"kind: Profile\n", "f.yaml:1:1: a Profile needs an apiVersion, such as kubeflow.org/v1"},
		"an alias as owner":              {"apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata: {name: &n lab}\nspec: {owner: {kind: User, name: *n}}\n", "f.yaml:3:18: the anchor &n is not allowed: leave it out and write each value out"},
		"a list in a list":               {"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n", "f.yaml:3:9: a List inside a List is not allowed: write its items beside the others"},
		"a list without items":           {"apiVersion: v1\nkind: List\n", "f.yaml:1:1: a List needs items: a list of objects"},
		"a RoleBinding of two roles":     {strings.Replace(binding, "kubeflow-edit", "kubeflow-admin", 1), `f.yaml:6:42: RoleBinding edit-of-eve@x.org says role "edit" in its annotation and "admin" in its roleRef: make both the same`},
		"a RoleBinding of two people":    {strings.Replace(binding, `name: "eve@x.org"`, `name: "mallory@x.org"`, 1), `f.yaml:6:23: RoleBinding edit-of-eve@x.org says user "eve@x.org" in its annotation, which is none of its subjects: make both the same`},
		"a RoleBinding without a place":  {strings.Replace(binding, "  namespace: lab\n", "", 1), "f.yaml:4:3: metadata of a RoleBinding needs the key namespace"},
		"a RoleBinding without roleRef":  {strings.Replace(binding, "roleRef:", "roleref:", 1), "f.yaml:1:1: RoleBinding edit-of-eve@x.org needs a roleRef"},
		"a subject that is a list entry": {strings.Replace(binding, "subjects: [{", "subjects: [[], {", 1), "f.yaml:8:12: a subject of RoleBinding edit-of-eve@x.org must be a mapping of keys to values, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(test.text)
			if len(got) == 0 || got[0] != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestRoleBindings(t *testing.T) {
	lab := profile("lab", "{kind: User, name: ada@x.org}")
	two := strings.Replace(contributor("lab", "eve@x.org", "edit"), "subjects: [", `subjects: [{kind: Group, name: staff}, {kind: ServiceAccount, name: bot, namespace: lab}, `, 1)
	for name, test := range map[string]struct {
		text  string
		want  []string // plan without the owner's lines
		notes []string
	}{
		"bind each of several subjects, and no ServiceAccount": {
			documents(lab, two),
			[]string{"create account eve@x.org, invited (f.yaml:15)", "create edit in namespace lab: group staff (f.yaml:8)", "create edit in namespace lab: eve@x.org (f.yaml:8)"},
			[]string{
				`f.yaml:15:40: a subject of RoleBinding edit-of-eve@x.org is the ServiceAccount "bot": only a User or a Group can own or be bound here. For a program, write its name as kind User (system:serviceaccount:NAMESPACE:NAME) or bind an account of kind service: not taken`,
				"f.yaml:8:1: RoleBinding edit-of-eve@x.org has 2 subjects: taken as one binding for each",
			},
		},
		"of one person add up to the strongest role": {
			documents(lab, contributor("lab", "eve@x.org", "view"), contributor("lab", "eve@x.org", "admin"), contributor("lab", "eve@x.org", "edit")),
			[]string{"create account eve@x.org, invited (f.yaml:15)", "create admin in namespace lab: eve@x.org (f.yaml:17)"},
			[]string{
				"f.yaml:17:1: eve@x.org has several RoleBindings in namespace lab: taken as admin, which includes view",
				"f.yaml:26:1: eve@x.org has several RoleBindings in namespace lab: taken as admin, which includes edit",
			},
		},
		"with a role that is not Kubeflow's are passed over": {
			documents(lab, strings.ReplaceAll(contributor("lab", "eve@x.org", "edit"), "kubeflow-edit", "cluster-admin")),
			nil,
			[]string{`f.yaml:14:10: RoleBinding edit-of-eve@x.org grants ClusterRole "cluster-admin", which is none of kubeflow-admin, kubeflow-edit, kubeflow-view: not taken`},
		},
		"without subjects grant nothing": {
			documents(lab, strings.Replace(contributor("lab", "eve@x.org", "edit"), "subjects:", "other:", 1)),
			nil,
			[]string{"f.yaml:8:1: RoleBinding edit-of-eve@x.org has no subjects: it grants nothing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDirectory(t)
			state := read(t, test.text)
			report := apply(t, dir, state, manifest.Options{})
			wantLines(t, "plan", lines(report)[2:], test.want...)
			wantLines(t, "notes", append(notes(state.Notes()), notes(report.Notes)...), test.notes...)
		})
	}
}

func TestSpellings_of_one_email_are_one_account_with_the_first_user_id(t *testing.T) {
	dir := newDirectory(t)
	report := apply(t, dir, read(t, documents(
		profile("a", "{kind: User, name: Ann@x.org}"), profile("b", "{kind: User, name: ann@X.org}"))), manifest.Options{})
	wantLines(t, "plan", lines(report),
		"create account ann@x.org, invited (f.yaml:6)",
		"create namespace a: owner Ann@x.org (f.yaml:1)",
		"create namespace b: owner ann@X.org (f.yaml:8)")
	wantLines(t, "notes", notes(report.Notes),
		"f.yaml:13:29: ann@X.org and Ann@x.org are one e-mail address: taken as one account, whose user_id stays Ann@x.org")
	owner := accountByUserID(t, dir, "Ann@x.org")
	if got, want := namespaceOf(t, dir, "b").Owners, identity.AccountPrincipal(owner.ID); len(got) != 1 || got[0] != want {
		t.Errorf("got owners %v, want %v", got, want)
	}
}

func TestProfile_finds_the_account_that_has_its_owners_email_and_keeps_the_exact_user_id(t *testing.T) {
	dir := newDirectory(t)
	apply(t, dir, read(t, "accounts:\n  - {handle: ada, email: ada@x.org}\n"), manifest.Options{})
	report := apply(t, dir, read(t, profile("lab", "{kind: User, name: Ada@X.org}")), manifest.Options{})
	wantLines(t, "plan", lines(report),
		"update account ada: user_id Ada@X.org (f.yaml:6)",
		"create namespace lab: owner Ada@X.org (f.yaml:1)")
	if got := accountByUserID(t, dir, "Ada@X.org"); got.Handle != "ada" || got.State != identity.Active {
		t.Errorf("got %+v, want ada, still active", got)
	}
}

func TestUser_named_like_a_handle_is_not_the_account_with_that_handle(t *testing.T) {
	dir := newDirectory(t)
	apply(t, dir, read(t, "accounts: [{handle: ada}]\n"), manifest.Options{})
	report := apply(t, dir, read(t, profile("lab", "{kind: User, name: ada}")), manifest.Options{})
	wantLines(t, "plan", lines(report),
		"create account user_id ada, invited (f.yaml:6)",
		"create namespace lab: owner ada (f.yaml:1)")
	if got := accountByUserID(t, dir, "ada"); got.Handle != "" {
		t.Errorf("got handle %q, want none: a platform's name is not a handle here", got.Handle)
	}
}
