package strict

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestFold_joins_the_names_that_encoding_json_takes_for_one(t *testing.T) {
	for _, twin := range []string{"SUB", "Sub", "ſub"} {
		if got := Fold(twin); got != "sub" {
			t.Errorf("%q: got %q, want sub", twin, got)
		}
	}
	if got := Fold("\u212aid"); got != "kid" {
		t.Errorf("Kelvin sign: got %q, want kid", got)
	}
}

func TestObject_reads_one_form_only(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		part   string
		folded bool
		want   string
	}{
		"an object":                      {encode([]byte(`{"a":{"b":[1,{"c":null}]}}`)), true, ""},
		"names in two cases":             {encode([]byte(`{"a":{"B":1,"b":2}}`)), false, ""},
		"names in two cases, folded":     {encode([]byte(`{"a":{"B":1,"b":2}}`)), true, "a member twice"},
		"a member twice":                 {encode([]byte(`{"a":1,"a":1}`)), false, "a member twice"},
		"a member twice, escaped":        {encode([]byte(`{"a":1,"\u0061":1}`)), false, "a member twice"},
		"a member twice, deep in a list": {encode([]byte(`{"a":[{"b":1,"b":1}]}`)), false, "a member twice"},
		"nested too deeply":              {encode([]byte(`{"a":[[[[1]]]]}`)), false, "nested too deeply"},
		"something behind it":            {encode([]byte(`{} {}`)), false, "not a JSON object"},
		"null":                           {encode([]byte(`null`)), false, "not a JSON object"},
		"a list":                         {encode([]byte(`[]`)), false, "not a JSON object"},
		"not UTF-8":                      {encode([]byte("{\"\xff\":1}")), false, "not UTF-8"},
		"padding":                        {base64.URLEncoding.EncodeToString([]byte(`{"a":1}`)), false, "not base64url"},
		"trailing bits":                  {"e30B"[:3] + "1", false, "not a JSON object"},
		"trailing bits that are ignored": {"e31", false, "not base64url"},
		"a line break":                   {encode([]byte(`{}`)) + "\n", false, "not base64url"},
	} {
		_, err := Form{Depth: 4, Folded: c.folded}.Object(c.part)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestEachString_finds_what_any_reader_might(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for name, c := range map[string]struct {
		part string
		want []string
	}{
		"once":               {encode([]byte(`{"iss":"a"}`)), []string{"a"}},
		"twice":              {encode([]byte(`{"iss":"a","iss":"b"}`)), []string{"a", "b"}},
		"in another case":    {encode([]byte(`{"ISS":"a"}`)), []string{"a"}},
		"in a list":          {encode([]byte(`{"iss":["a",1,"b"]}`)), []string{"a", "b"}},
		"before the end":     {encode([]byte(`{"iss":"a",`)), []string{"a"}},
		"in padded base64":   {base64.URLEncoding.EncodeToString([]byte(`{"iss":"a?"}`)), []string{"a?"}},
		"with line breaks":   {strings.Join(strings.Split(encode([]byte(`{"iss":"a"}`)), ""), "\n"), []string{"a"}},
		"deeper":             {encode([]byte(`{"x":{"iss":"a"}}`)), nil},
		"no object":          {encode([]byte(`"iss"`)), nil},
		"nothing":            {"", nil},
		"no base64 whatever": {"\x00\x01", nil},
	} {
		var got []string
		EachString(c.part, "iss", func(s string) { got = append(got, s) })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
