package terms

import (
	"encoding/json"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

var texts = []string{
	`{}`, `[]`, `""`, `null`, `true`, `false`, `0`, `-1.5e+10`, `123456789012345678901234567890`,
	`{"a":1,"b":[true,false,null,"x"],"c":{"d":{}}}`,
	"  { \"a\" : [ 1 , 2 ,\t3 ] ,\r\n \"b\" : { } }  ",
	`{"é":"日本","\u00e9\n":"a\"b\\c\/","x":"\ud83d\ude00"}`,
	`{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
	`{"handle":"ada","kind":"person","roles":{},"teams":{"01J":"owner"}}`,
	`[[[[[[[[]]]]]]]]`, `[1,[2,[3]],{"x":[{}]}]`,
}

func Test_documents_are_parsed_to_what_OPA_makes_of_them(t *testing.T) {
	for _, text := range texts {
		compareParsers(t, []byte(text))
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if json.Valid(text) {
			compareParsers(t, text)
		}
	})
}

func compareParsers(t *testing.T, text []byte) {
	t.Helper()
	var x any
	if err := util.UnmarshalJSON(text, &x); err != nil {
		return // numbers that only OPA refuses
	}
	want, err := ast.InterfaceToValue(x)
	if err != nil {
		t.Fatal(err)
	}
	if got := Parse(text); got.Compare(want) != 0 || got.Hash() != want.Hash() {
		t.Errorf("parse %q:\ngot  %v\nwant %v", text, got, want)
	}
}
