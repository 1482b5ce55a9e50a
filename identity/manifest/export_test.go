package manifest_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// ids stand for every ULID of an export, in the order of appearance.
func withoutIDs(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if before, _, found := strings.Cut(line, "id: 01"); found && strings.HasSuffix(before, "- ") {
			line = before + "id: ID\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestExport_is_sorted_and_as_short_as_a_person_would_write_it(t *testing.T) {
	dir := newDirectory(t)
	apply(t, dir, readFiles(t, demo, manifests+"profile-v1.yaml", manifests+"profile-v1beta1.yaml"), manifest.Options{})
	apply(t, dir, read(t, "accounts: [{handle: zoe, state: disabled, roles: [b, a], identities: [{subject: z, issuer: \"https://b\"}, {issuer: \"https://a\", subject: \"1\"}]}]\nbindings: [{namespace: ann, group: staff, role: view, expires: 2031-01-31T00:00:00Z}]\n"), manifest.Options{})
	got, want := withoutIDs(export(t, dir)), `# A Gatehouse directory. "gatehouse import FILE" reads it back.
# Passwords, tokens and keys are not part of it.
accounts:
  - id: ID
    handle: ada
    email: ada@example.org
    name: Ada Lovelace
  - id: ID
    handle: ci-bot
    kind: service
    name: Builds and tests
  - id: ID
    handle: eve
    email: eve@example.org
    name: Eve Moreau
  - id: ID
    handle: sam
    email: sam@example.org
    name: Sam Rivera
  - id: ID
    handle: vic
    email: vic@example.org
    name: Vic Okafor
  - id: ID
    handle: zoe
    state: disabled
    roles: [a, b]
    identities:
      - issuer: https://a
        subject: "1"
      - issuer: https://b
        subject: z
  - id: ID
    user_id: batch-operator
  - id: ID
    email: ann@example.org
    user_id: Ann@example.org
organisations:
  - id: ID
    handle: acme
    name: Acme Laboratories
    members:
      - account: ada
        role: owner
      - account: eve
      - account: vic
    teams:
      - id: ID
        handle: research
        name: Research
        members:
          - account: ada
            role: owner
          - account: eve
namespaces:
  - name: ann
    owners:
      - account: ann@example.org
    labels:
      app.kubernetes.io/managed-by: argocd
      cost-centre: "4711"
    bindings:
      - group: staff
        role: view
        expires: "2031-01-31T00:00:00Z"
  - name: batch
    owners:
      - user_id: batch-operator
  - name: data-science
    owners:
      - group: data-science
    quota:
      hard:
        cpu: "16"
        memory: 64Gi
        persistentvolumeclaims: "10"
        requests.nvidia.com/gpu: "2"
      scopeSelector:
        matchExpressions:
          - operator: In
            scopeName: PriorityClass
            values:
              - notebooks
  - name: lab
    owners:
      - account: ada
    labels:
      stage: demo
    quota:
      hard:
        cpu: "8"
        memory: 32Gi
    bindings:
      - account: eve
        role: edit
      - account: vic
        role: view
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestExport_of_an_empty_directory_is_a_file_that_wants_nothing(t *testing.T) {
	if state := read(t, export(t, newDirectory(t))); !state.Empty() {
		t.Error("got a state that wants something, want an empty one")
	}
}

// roundTrip imports what was exported into an empty directory and compares.
func roundTrip(t *testing.T, dir *identity.Directory) {
	t.Helper()
	text := export(t, dir)
	again := newDirectory(t)
	apply(t, again, read(t, text), manifest.Options{})
	if got := export(t, again); got != text {
		t.Errorf("an export imported and exported again differs\ngot:\n%.2000s\nwant:\n%.2000s", got, text)
	}
	if got, want := everything(t, again), everything(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("the documents of an import of an export differ\ngot:  %v\nwant: %v", got, want)
	}
	wantLines(t, "plan of the export on its own directory", lines(apply(t, dir, read(t, text), manifest.Options{Prune: true})))
}

// everything is all that an export is about, as policies and authn are given it: with ids,
// quotas and identities. Generations and passwords are about credentials, which stay.
func everything(t *testing.T, dir *identity.Directory) map[string]string {
	t.Helper()
	_, all, err := dir.Export(t.Context(), identity.CollectionAccounts, identity.CollectionTeams, identity.CollectionNamespaces,
		identity.CollectionQuotas, identity.CollectionIdentities)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for d, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		found[d.Collection+" "+d.Key] = string(d.Doc)
	}
	return found
}

func TestExport_imports_back_to_the_same_directory_with_the_same_ids(t *testing.T) {
	t.Run("the demo with Kubeflow's manifests", func(t *testing.T) {
		dir := newDirectory(t)
		apply(t, dir, readFiles(t, demo, manifests+"profile-v1.yaml", manifests+"profile-v1beta1.yaml", manifests+"contributors.yaml"), manifest.Options{})
		roundTrip(t, dir)
	})
	t.Run("names that YAML would take for something else", func(t *testing.T) {
		dir := newDirectory(t)
		apply(t, dir, read(t, `
accounts:
  - {handle: "no", name: "yes"}
  - {handle: "1e3", name: "0x1f: #1"}
  - {handle: "2027-01-31", name: "- a", user_id: "[x"}
  - handle: "off"
    name: "日本 & co"
    user_id: "*a"
    identities: [{issuer: "https://id.example.org/realms/x", subject: "- 0x1f: #1|yes"}, {issuer: "no", subject: "~"}]
organisations: [{handle: "12", teams: [{handle: "34"}]}]
namespaces:
  - name: "1"
    owners: [{account: "no"}, {team: "12/34"}, {account: "12"}, {group: "!x"}]
    labels: {"on": "off", "3": "1.0"}
    bindings: [{group: "~", role: "007"}, {account: "1e3", role: view}]
`), manifest.Options{})
		roundTrip(t, dir)
	})
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("a random directory (seed %d)", seed), func(t *testing.T) {
			dir := newDirectory(t)
			apply(t, dir, read(t, randomDirectory(rand.New(rand.NewPCG(seed, 1)))), manifest.Options{})
			roundTrip(t, dir)
		})
	}
}

// randomDirectory is a file of people, teams and namespaces that hang together by chance.
func randomDirectory(r *rand.Rand) string {
	var b strings.Builder
	someone := func() string { return fmt.Sprintf("p%d", r.IntN(20)) }
	b.WriteString("accounts:\n")
	for i := range 20 {
		fmt.Fprintf(&b, "  - {handle: p%d, kind: %s, state: %s", i, []string{"person", "service"}[i%2], []string{"active", "disabled", "invited"}[r.IntN(3)])
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, ", email: p%d@x.org, user_id: \"P%d@x.org\", roles: [auditor, r%d]", i, i, i)
		}
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, ", identities: [{issuer: https://a.example.org, subject: s%d}, {issuer: https://b.example.org, subject: \"%d\"}]", i, i)
		}
		b.WriteString("}\n")
	}
	b.WriteString("organisations:\n")
	for i := range 3 {
		first := r.IntN(20)
		fmt.Fprintf(&b, "  - {handle: o%d, members: [{account: p%d, role: owner}, {account: p%d}], teams: [{handle: t, members: [{account: p%d}]}]}\n", i, first, (first+1)%20, (first+2)%20)
	}
	b.WriteString("namespaces:\n")
	for i := range 15 {
		fmt.Fprintf(&b, "  - {name: n%d, owners: [{account: %s}, {team: o%d/t}], labels: {l: \"%d\"}, bindings: [{group: g%d, role: view, expires: %s}, {account: %s, role: edit}, {account: i%d@x.org, role: view}]}\n",
			i, someone(), r.IntN(3), r.IntN(9), r.IntN(5), time.Unix(r.Int64N(4e9), 0).UTC().Format(time.RFC3339), someone(), r.IntN(4))
	}
	return b.String()
}

func TestExport_of_many_splits_into_documents_that_import_takes(t *testing.T) {
	var b strings.Builder
	b.WriteString("accounts: [{handle: ada}]\n---\nnamespaces:\n  - name: big\n    owners: [{account: ada}]\n    bindings:\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "      - {group: \"%s-%d\", role: view}\n", strings.Repeat("g", 120), i)
	}
	dir := newDirectory(t)
	apply(t, dir, read(t, b.String()), manifest.Options{})
	text := export(t, dir)
	if got := strings.Count(text, "\n---\n"); got < 1 {
		t.Errorf("got %d document markers in %d bytes, want at least one", got, len(text))
	}
	for i, document := range strings.Split(text, "\n---\n") {
		if len(document) > manifest.MaxDocument {
			t.Errorf("document %d has %d bytes, want at most %d", i, len(document), manifest.MaxDocument)
		}
	}
	roundTrip(t, dir)
}
