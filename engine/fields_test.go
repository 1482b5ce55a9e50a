package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-authz/gatehouse/engine/internal/plan"
)

func Test_what_a_policy_can_read_of_its_input_is_found_in_its_rules(t *testing.T) {
	tests := map[string]struct{ rules, want string }{
		"nothing":                        {`decision := 1`, ""},
		"a member":                       {`decision := input.a.b`, "a.b"},
		"two members":                    {`decision := [input.b, input.a.c]`, "a.c b"},
		"a member and one of its own":    {`decision := [input.a, input.a.c]`, "a"},
		"all of it":                      {`decision := [input.a, input]`, "*"},
		"up to a variable":               {`decision := input.a[x].c if x := input.b`, "a b"},
		"up to a number":                 {`decision := input.a[1].c`, "a"},
		"in a reference":                 {`decision := input.a[input.b.c]`, "a b.c"},
		"every member":                   {`decision := [x | x := input[_]]`, "*"},
		"under another name":             {`decision := x.a if x := input.b`, "b"},
		"by an import":                   {"import input.a.b as c\ndecision := c.d", "a.b.d"},
		"in a comprehension":             {`decision := {x: y | some x in input.a; y := [input.b | true]}`, "a b"},
		"in a set and an object":         {`decision := [{input.a}, {"x": input.b}]`, "a b"},
		"as a key":                       {`decision := {input.a: 1}`, "a"},
		"under not and every":            {"decision := 1 if {\nnot input.a\nevery x in input.b { x == input.c } }", "a b c"},
		"in a branch":                    {`decision := 1 if { input.a } else := 2 if { input.b } else := input.c`, "a b c"},
		"in a call within a call":        {`decision := concat(input.a, [upper(input.b)])`, "a b"},
		"in a template":                  {`decision := $"{input.a}"`, "a"},
		"in a rule that is asked for":    {"decision := x\nx := input.a\ny := input.b", "a"},
		"in a function":                  {"decision := f(1)\nf(x) := input.a[x]\nf(2) := input.b\ng(x) := input.c", "a b"},
		"in a default":                   {"decision := f(1)\ndefault f(_) := 1\nf(x) := input.a if x == 2", "a"},
		"in a key of a rule":             {"decision := x\nx[input.a] := 1\nx.y[input.b] := 1", "a b"},
		"in a part of a rule":            {"decision := x.y\nx.y := input.a\nx.z := input.b", "a"},
		"in another package":             {`decision := data.lib.one`, "one"},
		"in a package read as a whole":   {`decision := data.lib`, "one two"},
		"in whichever package":           {`decision := data.libs[input.x].two`, "deep x"},
		"of what replaces the input":     {"decision := y if { y := x with input as {\"a\": input.b} }\nx := input.a", "*"},
		"of what replaces a member":      {"decision := y if { y := x with input.c as input.b }\nx := input.a", "a b c"},
		"of what replaces a function":    {"decision := y if { y := x with f as g }\nx := f(1)\nf(_) := 1\ng(x) := input.a", "a"},
		"of what replaces a builtin":     {"decision := y if { y := x with time.now_ns as g }\nx := time.now_ns()\ng() := input.a", "a"},
		"through walk":                   {`decision := [x | walk(input.a, x)]`, "a"},
		"through a path":                 {`decision := object.get(input, ["a"], 1)`, "*"},
		"with a name that looks like it": {"decision := x.input\nx := data.lib.input.x", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := reachOf(compileGate(t, test.rules), ast.MustParseRef("data.gate.decision"))
			if got := describe(&r.input); got != test.want {
				t.Errorf("fields: got %q, want %q", got, test.want)
			}
		})
	}
}

func Test_what_else_an_answer_depends_on_is_found_in_the_rules(t *testing.T) {
	tests := map[string]struct {
		rules            string
		varies, rewrites bool
	}{
		"nothing":                     {`decision := count(data.a)`, false, false},
		"the clock, which tells":      {`decision := time.now_ns()`, false, false},
		"a token's end, which tells":  {`decision := io.jwt.decode_verify(input, {})`, false, false},
		"a clock that does not tell":  {`decision := crypto.x509.parse_and_verify_certificates(input)`, true, false},
		"another that does not":       {`decision := crypto.x509.parse_and_verify_certificates_with_options(input, {})`, true, false},
		"one in a function":           {"decision := f(input)\nf(x) := crypto.x509.parse_and_verify_certificates(x)", true, false},
		"one in a comprehension":      {`decision := [x | x := crypto.x509.parse_and_verify_certificates(input)[0]]`, true, false},
		"one that nobody asks":        {"decision := 1\nother := crypto.x509.parse_and_verify_certificates(input)", false, false},
		"other data":                  {"decision := y if { y := x with data.a as 1 }\nx := data.a", false, true},
		"other data under not":        {"decision := 1 if not x with data.a.b as 1\nx := data.a.b", false, true},
		"another function":            {"decision := y if { y := f(1) with f as g }\nf(x) := x\ng(x) := x", false, true},
		"another input":               {"decision := y if { y := x with input as 1 }\nx := input", false, false},
		"other data that nobody asks": {"decision := 1\nother := y if { y := x with data.a as 1 }\nx := data.a", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := reachOf(compileGate(t, test.rules), ast.MustParseRef("data.gate.decision"))
			if r.varies != test.varies || r.rewrites != test.rewrites {
				t.Errorf("varies and rewrites: got %v and %v, want %v and %v", r.varies, r.rewrites, test.varies, test.rewrites)
			}
		})
	}
}

// The evaluation tells of these builtins only what it was told by OPA.
func Test_every_builtin_that_varies_is_known_to_tell(t *testing.T) {
	for _, b := range ast.Builtins {
		if b.Nondeterministic && b.CanSkipBctx {
			t.Errorf("builtin %s varies and is called without the cache that tells", b.Name)
		}
	}
	for name := range plan.HiddenClocks {
		if b := ast.BuiltinMap[name]; b == nil || b.Nondeterministic {
			t.Errorf("builtin %s: got %v, want one that does not say it varies", name, b)
		}
	}
}

func compileGate(t *testing.T, rules string) *ast.Compiler {
	t.Helper()
	return ast.MustCompileModules(map[string]string{
		"gate.rego": "package gate\n\n" + rules,
		"lib.rego":  "package lib\n\none := input.one\n\ntwo := input.two",
		"deep.rego": "package libs.a\n\ntwo := input.deep",
	})
}

// describe lists the paths that are read, * being all of the input.
func describe(f *field) string {
	var paths []string
	var walk func(f *field, path []string)
	walk = func(f *field, path []string) {
		if f.whole {
			paths = append(paths, strings.Join(path, "."))
		}
		for i := range f.members {
			walk(&f.members[i], append(slices.Clone(path), f.members[i].name))
		}
	}
	if walk(f, nil); f.whole {
		return "*"
	}
	return strings.Join(paths, " ")
}

func Test_a_key_holds_what_the_policy_can_read_and_nothing_else(t *testing.T) {
	str, field := String, func(key string, v Value) Field { return Field{key, v} }
	of := func(subject, request Value) Value {
		return Object(field("subject", subject), field("request", request))
	}
	ada := Object(field("id", str("ada")), field("kind", str("account")))
	get := Object(field("path", Array(str("a"), str("b"))), field("method", str("GET")))
	base := of(ada, get)
	tests := map[string]struct {
		other Value
		same  bool
	}{
		"the same":                        {of(ada, get), true},
		"in another order":                {Object(field("request", get), field("subject", ada)), true},
		"with more that nobody reads":     {of(Object(field("id", str("ada")), field("kind", str("other"))), get), true},
		"another value":                   {of(Object(field("id", str("eve"))), get), false},
		"no value":                        {of(Object(), get), false},
		"null":                            {of(Object(field("id", Value{})), get), false},
		"true":                            {of(Object(field("id", Bool(true))), get), false},
		"a number":                        {of(Object(field("id", Int(1))), get), false},
		"an array of it":                  {of(Object(field("id", Array(str("ada")))), get), false},
		"an object of it":                 {of(Object(field("id", Object(field("ada", Bool(true))))), get), false},
		"a set of it":                     {of(Object(field("id", TrueSet([]string{"ada"}))), get), false},
		"no object to read it of":         {of(str("ada"), get), false},
		"null to read it of":              {of(Value{}, get), false},
		"nothing to read it of":           {Object(field("request", get)), false},
		"a path that joins to the same":   {of(ada, Object(field("path", Array(str("ab"))))), false},
		"a path with an empty segment":    {of(ada, Object(field("path", Array(str("a"), str("b"), str(""))))), false},
		"a path split at another point":   {of(ada, Object(field("path", Array(str(""), str("ab"))))), false},
		"a second subject, which counts":  {Object(field("subject", ada), field("request", get), field("subject", Object(field("id", str("bob"))))), false},
		"a first subject, which does not": {Object(field("subject", str("eve")), field("subject", ada), field("request", get)), true},
	}
	q := question{remembered: true}
	q.input.add([]string{"subject", "id"})
	q.input.add([]string{"request", "path"})
	want := string(q.appendKey(nil, base))
	others := map[string]string{}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(q.appendKey(nil, test.other))
			if (got == want) != test.same {
				t.Errorf("key: got %q, want it the same as %q: %v", got, want, test.same)
			}
			if other, taken := others[got]; taken && !test.same {
				t.Errorf("key: got %q, which %q has too", got, other)
			}
			others[got] = name
		})
	}
}

func Test_different_inputs_have_different_keys(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	whole := field{whole: true}
	values := map[string]string{}
	for range 200_000 {
		v := randomValue(random, 3)
		key, text := string(whole.appendKey(nil, v)), v.String()
		if before, ok := values[key]; ok && before != text {
			t.Fatalf("key %q: of %s and of %s", key, before, text)
		}
		values[key] = text
	}
	// No key is the beginning of another, or two of them in a row could be confused.
	keys := slices.Collect(func(yield func(string) bool) {
		for key := range values {
			if !yield(key) {
				return
			}
		}
	})
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if strings.HasPrefix(keys[i], keys[i-1]) {
			t.Fatalf("key %q of %s begins as %q of %s", keys[i], values[keys[i]], keys[i-1], values[keys[i-1]])
		}
	}
}

func randomValue(random *rand.Rand, depth int) Value {
	words := []string{"", "a", "b", "ab", "ba", "\x00", "\x01", "\x05\x01a"}
	word := func() string { return words[random.IntN(len(words))] }
	n := random.IntN(4)
	kind := random.IntN(8)
	if depth == 0 {
		kind = random.IntN(5)
	}
	switch kind {
	case 0:
		return Value{}
	case 1:
		return Bool(n < 2)
	case 2:
		return Int(int64(n) - 1)
	case 3, 4:
		return String(word())
	case 5:
		names := make([]string, n)
		for i := range names {
			names[i] = word()
		}
		return TrueSet(names)
	case 6:
		values := make([]Value, n)
		for i := range values {
			values[i] = randomValue(random, depth-1)
		}
		return Array(values...)
	default:
		fields := make([]Field, n)
		for i := range fields {
			fields[i] = Field{word(), randomValue(random, depth-1)}
		}
		return Object(fields...)
	}
}

func Test_an_input_too_large_to_compare_has_no_key(t *testing.T) {
	long := strings.Repeat("x", maxKey+1)
	many := make([]Value, maxKey)
	names := make([]string, maxKey)
	fields := make([]Field, maxKey)
	for i := range many {
		many[i], names[i], fields[i] = Int(int64(i)), fmt.Sprint(i), Field{Key: fmt.Sprint(i)}
	}
	q := question{remembered: true, input: field{whole: true}}
	for name, v := range map[string]Value{
		"a string": String(long), "an array": Array(many...), "a set": TrueSet(names), "an object": Object(fields...),
		"a string in an array": Array(Array(String(long))), "a key": Object(Field{Key: long}),
	} {
		t.Run(name, func(t *testing.T) {
			if key := q.appendKey(nil, v); len(key) > 0 {
				t.Errorf("key: got one of %d bytes, want none", len(key))
			}
		})
	}
	if key := q.appendKey(nil, String(long[:maxKey/2])); len(key) == 0 {
		t.Error("key of half the largest size: got none")
	}
}
