package policies_test

import (
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/policies"
)

// Of two entries of one key the last one wins: a case of a table of tests would be lost.
func TestPolicies_have_no_object_with_the_same_key_twice(t *testing.T) {
	for name, source := range files(t, policies.FS, ".rego") {
		for _, found := range twice(parse(t, name, source)) {
			t.Error(found)
		}
	}
}

func TestKeys_that_stand_twice_are_found(t *testing.T) {
	for name, tc := range map[string]struct {
		object string
		want   int
	}{
		"none":               {`{"a": 1, "b": {"a": 2}}`, 0},
		"one beside another": {`{"a": 1, "a": 2, "b": 3}`, 1},
		"one between":        {`{"a": 1, "b": 3, "a": 2}`, 1},
		"the same entry":     {`{"a": 1, "a": 1}`, 1},
		"further in":         {`[{"x": {"a": 1, "a": 2}}]`, 1},
		"in a comprehension": {`{x | some x in [{"a": 1, "a": 2}]}`, 1},
		"three times":        {`{"a": 1, "a": 2, "a": 3}`, 2},
		"a number":           {`{1: 1, 2: 2, 1: 3}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := twice(parse(t, "t.rego", []byte("package t\n\np := "+tc.object+"\n"))); len(got) != tc.want {
				t.Errorf("got %v, want %d", got, tc.want)
			}
		})
	}
}

// twice finds the keys of object literals that stand there before. As parsed, an object
// still has all of its entries.
func twice(module *ast.Module) (found []string) {
	ast.WalkTerms(module, func(term *ast.Term) bool {
		object, ok := term.Value.(ast.Object)
		if !ok {
			return false
		}
		seen := ast.NewSet()
		object.Foreach(func(key, _ *ast.Term) {
			if seen.Contains(key) {
				found = append(found, fmt.Sprintf("%s: the key %v stands twice", key.Location, key))
			}
			seen.Add(key)
		})
		return false
	})
	return found
}
