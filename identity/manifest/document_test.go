package manifest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/identity/manifest"
)

func TestDocuments_of_one_file_are_read_apart_with_the_lines_of_the_file(t *testing.T) {
	text := "\ufeff# people\n---\naccounts:\n  - handle: ada\n...\n--- # more\r\naccounts:\r\n  - handle: eve\r\n---\n---\naccounts: [{handle: 1}]\n"
	wantLines(t, "problems", problemsOf(text),
		`f.yaml:11:21: handle of an account must be a text, not the number 1: put it in quotes, as in "1"`,
		`f.yaml:11:12: an account needs a handle, an email or a user_id`)
}

func TestBroken_files_are_refused_with_the_line(t *testing.T) {
	deep := "a: " + strings.Repeat("[", 200_000)
	for name, test := range map[string]struct{ text, want string }{
		"a syntax error in a later document":   {"accounts: []\n---\naccounts:\n  - handle: ada\n   name: x\n", "f.yaml:5:4: is not valid YAML: value is not allowed in this context"},
		"a tab as indentation":                 {"accounts:\n\t- handle: ada\n", "f.yaml:2:1: is not valid YAML: found character '	' that cannot start any token"},
		"an unknown alias":                     {"accounts: *nobody\n", "f.yaml:1: is not valid YAML: unknown anchor 'nobody' referenced"},
		"binary":                               {"\x1f\x8b\x08\xff\xfe", "f.yaml: is not UTF-8 text: "},
		"a control character":                  {"accounts: \x01\n", "f.yaml:1: is not valid YAML: control characters are not allowed"},
		"a document after an end marker":       {"accounts: []\n...\naccounts: []\n", "f.yaml:2: is not valid YAML: did not find expected <document start>"},
		"a second document without any marker": {"{accounts: []}\n--- {accounts: []}\n...\n--- x", "f.yaml:4:5: a document must be"},
		"nesting without end":                  {deep, "f.yaml:1: is not valid YAML: exceeded max depth"},
		"an own document over 1 MiB":           {"accounts: []\n---\naccounts:\n" + strings.Repeat("  - handle: ada\n", 80_000), "f.yaml:2: this document is over 1 MiB: split it with lines of ---"},
		"a List over 1 MiB as JSON":            {bigJSONList(), "f.yaml:1: this JSON is over 1 MiB: print it as YAML (kubectl get with -o yaml)"},
		"a Profile over 1 MiB":                 {"apiVersion: kubeflow.org/v1\nkind: Profile\nx: |\n" + strings.Repeat("  yyyyyyyy\n", 1<<17), "f.yaml:1: this Profile is over 1 MiB"},
		"a line over 1 MiB":                    {"accounts:\n  - handle: " + strings.Repeat("y", 1<<20), "f.yaml:2: this line is over 1 MiB"},
		"items of what is no List, over 1 MiB": {"items:\n" + strings.Repeat("- {apiVersion: v1, kind: ConfigMap}\n", 40_000) + "kind: Basket\n", "f.yaml:1: this Basket is over 1 MiB and has items, which only a List may: split it"},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(test.text)
			if len(got) == 0 || !strings.HasPrefix(got[0], test.want) {
				t.Errorf("got %.300q, want something that begins with %q", got, test.want)
			}
		})
	}
}

func TestAlias_bombs_cost_nothing(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	bomb.WriteString("accounts: *a59\n")
	got := problemsOf(bomb.String())
	want := "f.yaml:61:11: the alias *a59 is not allowed: write the value out"
	if len(got) == 0 || got[0] != want {
		t.Errorf("got %.300q, want %q first", got, want)
	}
}

func TestEmpty_files_want_nothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# only words\n", "---\n---\n", "{}\n", "null\n"} {
		if state := read(t, text); !state.Empty() {
			t.Errorf("%q: got a state that wants something, want an empty one", text)
		}
	}
}

// bigJSONList is what kubectl prints with -o json.
func bigJSONList() string {
	item := "        {\n            \"apiVersion\": \"kubeflow.org/v1\",\n            \"kind\": \"Profile\"\n        }"
	return "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n" + strings.TrimSuffix(strings.Repeat(item+",\n", 20_000), ",\n") +
		"\n    ],\n    \"kind\": \"List\"\n}\n"
}

// bigList is what kubectl prints for a platform of n people.
func bigList(n int) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nitems:\n")
	for i := range n {
		fmt.Fprintf(&b, `- apiVersion: kubeflow.org/v1
  kind: Profile
  metadata:
    annotations:
      note: |

        - this line only looks like an item
        %[2]s
    name: user-%[1]d
  spec:
    owner:
      kind: User
      name: user-%[1]d@example.org
    resourceQuotaSpec: {}
`, i, strings.Repeat("pad", 300))
	}
	b.WriteString("kind: List\nmetadata:\n  resourceVersion: \"\"\n")
	return b.String()
}

func TestList_of_a_large_platform_is_read_item_by_item(t *testing.T) {
	text := bigList(1500)
	if len(text) <= manifest.MaxDocument {
		t.Fatalf("the list has %d bytes, want more than a document may have", len(text))
	}
	dir := newDirectory(t)
	report := apply(t, dir, read(t, text), manifest.Options{})
	if got, want := report.Count(manifest.Create), 3_000; got != want {
		t.Errorf("got %d steps, want %d", got, want)
	}
	last := lines(report)[2_998:]
	wantLines(t, "the last steps", last,
		"create account user-1499@example.org, invited (f.yaml:21001)",
		"create namespace user-1499: owner user-1499@example.org (f.yaml:20989)")
	t.Run("and a mistake in one item has its line", func(t *testing.T) {
		broken := strings.Replace(text, "kind: User\n      name: user-1499@", "kind: Robot\n      name: user-1499@", 1)
		wantLines(t, "problems", problemsOf(broken), `f.yaml:21000:7: owner of a Profile has kind "Robot": it must be User or Group`)
	})
}

func FuzzRead(f *testing.F) {
	f.Add("accounts:\n  - handle: ada\n")
	f.Add("apiVersion: kubeflow.org/v1\nkind: Profile\nmetadata: {name: a}\nspec: {owner: {kind: User, name: a@b}}\n")
	f.Add("apiVersion: v1\nkind: List\nitems:\n- kind: x\n")
	f.Add("--- *a\n--- &a {<<: *a}\n...\n")
	f.Fuzz(func(t *testing.T, text string) {
		state := &manifest.State{}
		err := state.Read("f.yaml", strings.NewReader(text))
		if problems := manifest.Problems(nil); errors.As(err, &problems) {
			for _, p := range problems {
				if p.At.File != "f.yaml" || p.Text == "" {
					t.Errorf("a problem without place or words: %#v", p)
				}
			}
		}
	})
}
