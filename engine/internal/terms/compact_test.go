package terms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

const (
	accountText   = `{"email":"ada@example.org","handle":"ada","kind":"person","name":"Ada Lovelace","organisations":{"01J8ZQ4F7T6Y2K3M5N7P9R1S3V":"member"},"roles":{},"state":"active","teams":{"01J8ZQ4F7T6Y2K3M5N7P9R1S3W":"owner"},"user_id":"u-17"}`
	namespaceText = `{"bindings":{"account:01J8ZQ4F7T6Y2K3M5N7P9R1S3V":{"role":"view"},"group:staff":{"role":"edit","expires":1767225600},"team:01J8ZQ4F7T6Y2K3M5N7P9R1S3W":{"role":"admin"}},"labels":{"tier":"gold"},"owners":{"account:01J8ZQ4F7T6Y2K3M5N7P9R1S3V":true}}`
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

func compactTexts() []string {
	all := append([]string{
		accountText, namespaceText, manyMembers(31), manyMembers(32), manyMembers(300),
		`"01J8ZQ4F7T6Y2K3M5N7P9R1S3V"`, `"01j8zq4f7t6y2k3m5n7p9r1s3v"`, `"81J8ZQ4F7T6Y2K3M5N7P9R1S3V"`, `"01J8ZQ4F7T6Y2K3M5N7P9R1SIL"`,
		`"account:01J8ZQ4F7T6Y2K3M5N7P9R1S3V"`, `"other:01J8ZQ4F7T6Y2K3M5N7P9R1S3V"`, `"01J8ZQ4F7T6Y2K3M5N7P9R1S3V "`,
		`[0,-0,1,-1,1.0,1e0,007.5,9223372036854775807,-9223372036854775808,9223372036854775808]`, `[1,2,]`, `[,1]`, `{"a":1,}`, `{,}`,
		`{"b":1,"a":2,"b":3}`, `{"a":{"c":1,"b":2},"a":{"b":1}}`, `{"a" 1}`, `{1:2}`, `{"a":1 "b":2}`, `[1 2]`, `tru`, `nul`, `"\x"`, `"a`, "\"a\nb\"", `{}x`,
		`"` + strings.Repeat("x", 63) + `"`, `"` + strings.Repeat("y", 64) + `"`, `"` + strings.Repeat("é", 5000) + `"`,
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		"", " ", "-", "01", "1.", ".5", "1e", "+1", "\ufeff{}",
	}, texts...)
	return all
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":{"role":"view","n":%d}`, i*7919%n, i%5)
	}
	return "{" + b.String()[1:] + "}"
}

func Test_the_compact_form_gives_back_what_OPA_makes_of_the_text(t *testing.T) {
	for _, text := range compactTexts() {
		checkCompact(t, []byte(text))
	}
}

func FuzzCompact(f *testing.F) {
	for _, text := range compactTexts() {
		if len(text) < 2_000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(checkCompact)
}

func checkCompact(t *testing.T, text []byte) {
	t.Helper()
	before := []byte("before")
	got, err := Append(before, text)
	if (err == nil) != json.Valid(text) {
		t.Fatalf("encode %.200q: got %v, but valid is %v", text, err, json.Valid(text))
	}
	if !bytes.HasPrefix(got, before) || err != nil && len(got) != len(before) {
		t.Fatalf("encode %.200q: what stood before is now %q", text, got)
	}
	if err != nil {
		return
	}
	b := got[len(before):]
	if first, rest := Split(append(bytes.Clone(b), 0xff)); !bytes.Equal(first, b) || len(rest) != 1 {
		t.Fatalf("split %.200q: the value has %d bytes and %d follow, want %d and 1", text, len(first), len(rest), len(b))
	}
	var x any
	if util.UnmarshalJSON(text, &x) != nil {
		return // numbers that only OPA refuses
	}
	want, err := ast.InterfaceToValue(x)
	if err != nil {
		t.Fatal(err)
	}
	same(t, text, Decode(b), want)
	checkMembers(t, text, b, want)
}

// same compares also what Compare does not see: how numbers are spelt.
func same(t *testing.T, text []byte, got, want ast.Value) {
	t.Helper()
	if got.Compare(want) != 0 || got.Hash() != want.Hash() || got.String() != want.String() || got.IsGround() != want.IsGround() {
		t.Fatalf("%.200q:\ngot  %v\nwant %v", text, got, want)
	}
}

// checkMembers looks up every member, at any depth, by Find and by Lazy.
func checkMembers(t *testing.T, text, b []byte, want ast.Value) {
	t.Helper()
	object, ok := want.(ast.Object)
	if IsObject(b) != ok {
		t.Fatalf("%.200q: is it an object: got %v", text, IsObject(b))
	}
	if !ok {
		return
	}
	lazy, isLazy := Open(b).(*Lazy)
	if isLazy != (object.Len() > 0) {
		t.Fatalf("%.200q: opened lazily: got %v", text, isLazy)
	}
	object.Foreach(func(k, v *ast.Term) {
		key := string(k.Value.(ast.String))
		member, found := Find(b, key)
		if !found {
			t.Fatalf("%.200q: member %q was not found", text, key)
		}
		value, _ := Split(member)
		same(t, text, Decode(value), v.Value)
		checkMembers(t, text, value, v.Value)
		if got := lazy.Get(k); got == nil || force(got.Value).Compare(v.Value) != 0 {
			t.Fatalf("%.200q: lazy member %q: got %v", text, key, got)
		}
		if _, found := Find(b, key+"\x00"); found {
			t.Fatalf("%.200q: found a member that is not there", text)
		}
	})
}

func force(v ast.Value) ast.Value {
	if l, ok := v.(*Lazy); ok {
		return l.Force()
	}
	return v
}

func Test_what_is_no_member_is_not_found(t *testing.T) {
	for text, key := range map[string]string{
		`{}`: "a", `{"a":1}`: "", `[]`: "0", `"a"`: "a", `{"role":1}`: "rol", `{"accounts":1}`: "account", manyMembers(100): "k100",
	} {
		b, err := Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if v, found := Find(b, key); found {
			t.Errorf("%.50s: found %q: %v", text, key, Decode(v))
		}
		if lazy, ok := Open(b).(*Lazy); ok {
			if v := lazy.Get(ast.NumberTerm("1")); v != nil {
				t.Errorf("%.50s: found a number: %v", text, v)
			}
		}
	}
}

// The form is what the memory of a directory is made of.
func Test_the_documents_of_a_directory_take_less_than_half_of_their_text(t *testing.T) {
	for _, text := range []string{accountText, namespaceText} {
		b, err := Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > len(text)/2 {
			t.Errorf("%d bytes for a text of %d: %s", len(b), len(text), text)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, text := range []string{accountText, namespaceText} {
		b.Run(text[2:7], func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = Append(buf[:0], []byte(text))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, text := range []string{accountText, namespaceText, manyMembers(10_000)} {
		compact, err := Append(nil, []byte(text))
		if err != nil {
			b.Fatal(err)
		}
		key, _, _ := strings.Cut(text[2:], `"`)
		name := fmt.Sprintf("%.8s/%d", key, len(text))
		b.Run("whole/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decode(compact)
			}
		})
		b.Run("member/"+name, func(b *testing.B) {
			term := ast.StringTerm(key)
			b.ReportAllocs()
			for b.Loop() {
				if Open(compact).(*Lazy).Get(term) == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}
