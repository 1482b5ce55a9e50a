package policies_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const page = "../docs/policies.md"

// The relations in the order of a cell, from the nearest.
var relations = []string{"self", "account", "member", "team_owner", "organisation_owner", "holder", "manager", "owner"}

var actions = []string{"list", "read", "create", "update", "delete"}

func TestDocs_show_the_table_of_actions(t *testing.T) {
	_, data := load(t)
	var want, admins []string
	for kind, of := range data["gatehouse"].(map[string]any)["actions"].(map[string]any) {
		of := of.(map[string]any)
		if len(of) == 0 {
			admins = append(admins, "`"+kind+"`")
			continue
		}
		for relation := range of {
			if !slices.Contains(relations, relation) {
				t.Errorf("%s: the page does not say what %s is", kind, relation)
			}
		}
		want = append(want, "| `"+kind+"` |"+cellsOf(of))
	}
	slices.Sort(admins)
	want = append(want, "| "+strings.Join(admins, ", ")+" |"+cellsOf(nil))
	slices.Sort(want)
	got := rowsOf(t, "## Who may do what")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s shows\n%s\nwant\n%s", page, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// cellsOf writes what a kind gives, by action.
func cellsOf(kind map[string]any) string {
	var b strings.Builder
	for _, action := range actions {
		var cell []string
		for _, relation := range relations {
			of, _ := kind[relation].(map[string]any)
			switch entry := of[action].(type) {
			case bool:
				cell = append(cell, relation)
			case map[string]any:
				cell = append(cell, relation+": "+strings.Join(slices.Sorted(maps.Keys(entry)), " "))
			}
		}
		if len(cell) > 0 {
			fmt.Fprintf(&b, " %s", strings.Join(cell, ", "))
		}
		b.WriteString(" |")
	}
	return b.String()
}

func TestDocs_name_every_scope(t *testing.T) {
	_, data := load(t)
	want := append(slices.Collect(maps.Keys(data["gatehouse"].(map[string]any)["scopes"].(map[string]any))), "namespace:<name>")
	slices.Sort(want)
	var got []string
	for _, row := range rowsOf(t, "## Scopes") {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			got = append(got, name[1])
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s names the scopes\n%v\nwant\n%v", page, got, want)
	}
}

func TestDocs_name_every_reason(t *testing.T) {
	rows := strings.Join(rowsOf(t, "## The decision"), "\n")
	source := string(files(t, os.DirFS("gatehouse/lib/result"), ".rego")["result.rego"])
	for _, reason := range regexp.MustCompile(`"(\w+)": "(allow|deny|login)"`).FindAllStringSubmatch(source, -1) {
		if !strings.Contains(rows, "`"+reason[1]+"`") {
			t.Errorf("%s does not say what the reason %s means", page, reason[1])
		}
	}
}

// rowsOf are the rows of the first table under a heading, without its head.
func rowsOf(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	_, table, headed := strings.Cut(section, "|\n|---")
	if !found || !headed {
		t.Fatalf("%s has no table under %q", page, heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	return strings.Split(table, "\n")[1:]
}
