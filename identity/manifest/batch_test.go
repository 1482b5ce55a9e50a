package manifest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

// inBatches writes state in transactions of a few entries each.
func inBatches(tb testing.TB, dir *identity.Directory, state *manifest.State, o manifest.Options, size int) (*manifest.Report, error) {
	tb.Helper()
	whole, entries := &manifest.Report{}, 0
	for batch, err := range state.Batches(o, func() int { return size }) {
		if err != nil {
			tb.Fatal(err)
		}
		_, err := dir.Write(tb.Context(), "test", func(tx *identity.Tx) error {
			report, err := batch.Apply(tx)
			if err == nil {
				whole.Steps, whole.Kept = append(whole.Steps, report.Steps...), whole.Kept+report.Kept
			}
			return err
		})
		if err != nil {
			return whole, err
		}
		entries += batch.Entries()
	}
	if entries != state.Entries() {
		tb.Errorf("the batches hold %d entries, want %d", entries, state.Entries())
	}
	return whole, nil
}

// Nobody may be able to tell in how many transactions a directory was written, nor
// whether what is there was written before or comes with the same files.
func TestBatches_make_the_directory_that_one_transaction_makes(t *testing.T) {
	one, many := newDirectory(t), newDirectory(t)
	for seed := range uint64(8) {
		text := randomDirectory(rand.New(rand.NewPCG(seed, 2)))
		if seed == 3 {
			text = "accounts: [{handle: late, email: i1@x.org}, {handle: p3, email: other@x.org}]\n---\n" + documents(
				profile("n3", "{kind: User, name: I1@x.org}"), profile("n4", "{kind: User, name: New@x.org}"),
				contributor("n3", "new@x.org", "view"), contributor("n5", "NEW@x.org", "edit"))
		}
		o := manifest.Options{Prune: seed%2 == 0}
		whole := apply(t, one, read(t, text), o)
		parts, err := inBatches(t, many, read(t, text), o, 1+int(seed)*3)
		if err != nil {
			t.Fatal(err)
		}
		want, got := lines(whole), lines(parts)
		slices.Sort(want)
		slices.Sort(got)
		if seed != 3 { // there the first to name the newcomer is another in each
			wantLines(t, fmt.Sprintf("plan %d", seed), got, want...)
		}
		if parts.Kept != whole.Kept {
			t.Errorf("plan %d: got %d kept, want %d", seed, parts.Kept, whole.Kept)
		}
		if a, b := withoutIDs(export(t, many)), withoutIDs(export(t, one)); a != b {
			t.Fatalf("step %d: the directories differ:\n%s\nwant\n%s", seed, a, b)
		}
	}
	if one.Revision() >= many.Revision() {
		t.Errorf("got revisions %d and %d, want more of them from many transactions", one.Revision(), many.Revision())
	}
}

func TestBatches_keep_what_the_files_say_of_one_namespace_together(t *testing.T) {
	var text strings.Builder
	text.WriteString("bindings: [{namespace: b, group: g0, role: view}, {namespace: a, group: g0, role: view}]\n---\n")
	text.WriteString("namespaces: [{name: a, owners: [{group: o}]}, {name: b, owners: [{group: o}]}]\n---\nbindings:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "  - {namespace: %s, group: g%d, role: view}\n", []string{"a", "b"}[i%2], 1+i)
	}
	var sizes []int
	for batch, err := range read(t, text.String()).Batches(manifest.Options{}, func() int { return 1 }) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, batch.Entries())
	}
	if !slices.Equal(sizes, []int{12, 12}) {
		t.Errorf("got batches of %v entries, want one of 12 for each namespace", sizes)
	}
	t.Run("yet the steps of one batch stand in the order of the files", func(t *testing.T) {
		report := apply(t, newDirectory(t), read(t, text.String()), manifest.Options{})
		want := []string{
			"create namespace a: owner group o (f.yaml:3)", "create namespace b: owner group o (f.yaml:3)",
			"create view in namespace b: group g0 (f.yaml:1)", "create view in namespace a: group g0 (f.yaml:1)",
			"create view in namespace a: group g1 (f.yaml:6)", "create view in namespace b: group g2 (f.yaml:7)",
		}
		wantLines(t, "beginning of the plan", lines(report)[:len(want)], want...)
	})
	t.Run("so that a second binding of somebody is found however far away", func(t *testing.T) {
		text.WriteString("  - {namespace: b, group: g0, role: edit}\n")
		_, err := inBatches(t, newDirectory(t), read(t, text.String()), manifest.Options{}, 1)
		want := "f.yaml:26:5: group g0 is bound in namespace b twice, first at f.yaml:1:12: keep one of the two"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func TestBatch_that_is_refused_leaves_those_before_it_and_the_next_run_does_the_rest(t *testing.T) {
	dir := newDirectory(t)
	good := "accounts: [{handle: ada}, {handle: eve}, {handle: vic}]\nnamespaces: [{name: lab, owners: [{account: ada}]}]\n"
	_, err := inBatches(t, dir, read(t, good+"bindings: [{namespace: elsewhere, account: eve, role: view}]\n"), manifest.Options{}, 2)
	var refused *manifest.Problem
	if !errors.As(err, &refused) || dir.Revision() != 2 {
		t.Fatalf("got %v at revision %d, want a problem at revision 2", err, dir.Revision())
	}
	report, err := inBatches(t, dir, read(t, good+"bindings: [{namespace: lab, account: eve, role: view}]\n"), manifest.Options{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, "second run", lines(report), "create view in namespace lab: eve (f.yaml:3)")
}

// asJSONLines writes the entries of a YAML text as one JSON document in each line.
func asJSONLines(tb testing.TB, text string) string {
	tb.Helper()
	var doc map[string][]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	for _, key := range []string{"accounts", "organisations", "namespaces", "bindings"} {
		for _, entry := range doc[key] {
			line, err := json.Marshal(map[string][]any{key: {entry}})
			if err != nil {
				tb.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", line)
		}
	}
	return b.String()
}

func TestJSON_lines_say_what_the_same_YAML_says(t *testing.T) {
	for seed := range uint64(4) {
		text := randomDirectory(rand.New(rand.NewPCG(seed, 3)))
		fromYAML, fromJSON := newDirectory(t), newDirectory(t)
		apply(t, fromYAML, read(t, text), manifest.Options{})
		apply(t, fromJSON, read(t, asJSONLines(t, text)), manifest.Options{})
		if got, want := withoutIDs(export(t, fromJSON)), withoutIDs(export(t, fromYAML)); got != want {
			t.Errorf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
	t.Run("Kubernetes objects and YAML among them", func(t *testing.T) {
		text := `{"apiVersion":"kubeflow.org/v1","kind":"Profile","metadata":{"name":"lab"},"spec":{"owner":{"kind":"User","name":"ada@x.org"}}}` +
			"\n\n# a remark\n" + `{"bindings":[{"namespace":"lab","group":"Caf\u00e9 \ud83d\ude00","role":"view"}]}` + "\n---\naccounts: [{handle: eve}]\n"
		wantLines(t, "plan", lines(apply(t, newDirectory(t), read(t, text), manifest.Options{})),
			"create account eve (f.yaml:6)",
			"create account ada@x.org, invited (f.yaml:1)",
			"create namespace lab: owner ada@x.org (f.yaml:1)",
			"create view in namespace lab: group Café 😀 (f.yaml:4)")
	})
	t.Run("with the place of what is wrong", func(t *testing.T) {
		err := new(manifest.State).Read("f.ndjson", strings.NewReader("{\"accounts\":[{\"handle\":\"a\"}]}\n{\"accounts\":[{\"handle\":\"é\",\"nick\":1}]}\n"))
		want := `f.ndjson:2:28: unknown key "nick" in an account: the known ones are id, handle, kind, state, email, user_id, name, roles, identities`
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("a line that is no JSON is read as the YAML that it may be", func(t *testing.T) {
		err := new(manifest.State).Read("f.ndjson", strings.NewReader("{\"accounts\":[]}\n{\"accounts\":[\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "f.ndjson:2:13: is not valid YAML: ") {
			t.Errorf("got %v, want the line and column of the open bracket", err)
		}
	})
}
