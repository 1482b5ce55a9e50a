package engine_test

import (
	"testing"

	"github.com/gatehouse-authz/gatehouse/engine"
)

func Test_values_are_what_a_policy_reads(t *testing.T) {
	tests := map[string]struct {
		value engine.Value
		want  string
	}{
		"the zero value is null":      {engine.Value{}, `null`},
		"a string":                    {engine.String(`a"b`), `"a\"b"`},
		"an empty string":             {engine.String(""), `""`},
		"a bool":                      {engine.Bool(true), `true`},
		"a large number":              {engine.Int(1<<63 - 1), `9223372036854775807`},
		"a negative number":           {engine.Int(-1), `-1`},
		"an array in its order":       {engine.Array(engine.String("b"), engine.String("a"), engine.Value{}), `["b", "a", null]`},
		"an empty array":              {engine.Array(), `[]`},
		"a set of names":              {engine.TrueSet([]string{"b", "a", "b"}), `{"a": true, "b": true}`},
		"an empty set of names":       {engine.TrueSet(nil), `{}`},
		"an object":                   {engine.Object(engine.Field{Key: "x", Value: engine.Int(1)}, engine.Field{Key: "a"}), `{"a": null, "x": 1}`},
		"the last of two equal keys":  {engine.Object(engine.Field{Key: "x", Value: engine.Int(1)}, engine.Field{Key: "x", Value: engine.Int(2)}), `{"x": 2}`},
		"values inside one another":   {engine.Object(engine.Field{Key: "x", Value: engine.Array(engine.Object())}), `{"x": [{}]}`},
		"text that looks like a rule": {engine.String("data.identity"), `"data.identity"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.value.String(); got != test.want {
				t.Errorf("value: got %s, want %s", got, test.want)
			}
		})
	}
}

func Test_many_names_given_twice_are_one_each(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, string(rune('a'+i%25)))
	}
	want := engine.TrueSet(names[:25])
	if got := engine.TrueSet(names); got.String() != want.String() {
		t.Errorf("set: got %v, want %v", got, want)
	}
}
