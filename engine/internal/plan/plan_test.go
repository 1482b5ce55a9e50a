package plan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// What is evaluated is compared with OPA's interpreter in package engine, where the
// data is. These tests are about what is refused and what is left.

func programOf(t *testing.T, rules string) (*Program, error) {
	t.Helper()
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"t.rego": "package t\n\n" + rules}, ast.CompileOpts{})
	if err != nil {
		t.Fatal(err)
	}
	store := inmem.New()
	return Compile(t.Context(), Query{
		Compiler:    compiler,
		Body:        ast.MustParseBody("data.t.p"),
		Root:        "identity",
		Store:       store,
		Transaction: storage.NewTransactionOrDie(t.Context(), store),
	})
}

func must(t *testing.T, rules string) *Program {
	t.Helper()
	p, err := programOf(t, rules)
	if err != nil {
		t.Fatalf("%s\n%v", rules, err)
	}
	return p
}

func Test_plans_that_may_mean_something_else_than_the_policy_are_refused(t *testing.T) {
	for rules, want := range map[string]string{
		`p if input.x with input.x as 1`:                                                                        "with",
		`p if not data.u[input.x].y`:                                                                            "",
		`p if not q[input.x].y` + "\n" + `q.a.y := false` + "\n" + `q.b.z := 1`:                                 "",
		`p if http.send({"method": "get", "url": "x"}).body`:                                                    "builtin http.send",
		`p if rand.intn("x", 3) == 1`:                                                                           "builtin rand.intn",
		`p if {x | x := input.xs[_]; to_number(x)}`:                                                             "stands for itself",
		`p[x][y] := 1 if { some x, y in input.o }`:                                                              "objects within objects",
		`p[x] contains y if { some x, y in input.o }`:                                                           "objects within objects",
		strings.Repeat("p contains \"a\" if input.x == 1\n", manyRules):                                         "rules",
		`p := [y | some x in input.xs; ys := [y | some y in input.ys; y.k == x; to_number(y.n)]; some y in ys]`: "has an index",
	} {
		_, err := programOf(t, rules)
		switch {
		case want == "" && err != nil && !errors.Is(err, ErrUnsupported):
			t.Errorf("%s: got %v, want a program or ErrUnsupported", rules, err)
		case want != "" && (!errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want ErrUnsupported with %q", rules, err, want)
		}
	}
}

type documents map[string]ast.Value

func (d documents) Document(collection, key string) ast.Value { return d[collection+"/"+key] }

func ask(p *Program, input string, cancel topdown.Cancel) (Outcome, error) {
	return p.Eval(context.Background(), Question{
		Input:     ast.MustParseTerm(input).Value,
		Policy:    ast.MustParseTerm(`{"roles": {"1": "one"}, "list": ["zero"]}`).Value.(ast.Object),
		Directory: documents{"accounts/ada": ast.MustParseTerm(`{"state": "active"}`).Value},
		Now:       time.Unix(1, 0),
		Cancel:    cancel,
	})
}

func Test_documents_are_read_by_key_and_what_is_not_there_is_undefined(t *testing.T) {
	p := must(t, `p := data.identity.accounts[input.id].state`)
	for input, want := range map[string]string{`{"id": "ada"}`: `["active"]`, `{"id": "bob"}`: `[]`, `{}`: `[]`} {
		found, err := ask(p, input, nil)
		if got := ast.NewArray(found.Results...).String(); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", input, got, err, want)
		}
	}
}

func Test_what_is_out_of_the_ordinary_is_left_to_the_interpreter(t *testing.T) {
	for rules, why := range map[string]string{
		`p := data.identity`:          "as a whole",
		`p := data.identity.accounts`: "as a whole",
		`p := 1 if { some a in data.identity.accounts; a.state == "x" }`: "as a whole",
		`p := data.identity.accounts[input.n]`:                           "no string",
		`p := data.roles[input.n]`:                                       "number as key",
		`p := data.list[input.zero]`:                                     "string as index",
		`p := to_number(input.id)`:                                       "to_number",
		"p := 1 if input.n\np := 2 if input.id":                          "conflicting",
		`p := {x: y | some y, x in {"a": 1, "b": 1}}`:                    "conflicting",
		`p := count([1 | some i in numbers.range(1, 10000); i > 0])`:     "long",
	} {
		if _, err := ask(must(t, rules), `{"n": 1, "id": "ada", "zero": "0"}`, nil); !errors.Is(err, ErrLeft) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want ErrLeft with %q", rules, err, why)
		}
	}
}

func Test_a_cancelled_evaluation_ends_with_the_error_of_the_interpreter(t *testing.T) {
	p := must(t, `p := count([1 | some x in input.xs; x])`)
	input := `{"xs": [` + strings.Repeat("1, ", 100) + `1]}`
	cancel := topdown.NewCancel()
	if found, err := ask(p, input, cancel); err != nil || len(found.Results) != 1 {
		t.Fatalf("got %v, %v, want a value", found, err)
	}
	cancel.Cancel()
	if _, err := ask(p, input, cancel); !topdown.IsCancel(err) || errors.Is(err, ErrLeft) {
		t.Errorf("got %v, want a cancellation", err)
	}
}

func Test_constants_are_made_once_and_shared_by_evaluations(t *testing.T) {
	p := must(t, `p := {"a": [1, {"b"}], "c": null}`)
	first, err1 := ask(p, `{}`, nil)
	second, err2 := ask(p, `{}`, nil)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if got := first.Results[0].String(); got != `{"a": [1, {"b"}], "c": null}` || first.Results[0] != second.Results[0] {
		t.Errorf("got %s and %s, want one and the same constant", got, second.Results[0])
	}
}

// Rules may give what other rules have given; a frame or a builder that is used again
// must not change it.
func Test_results_stay_what_they_are_while_the_program_is_used_again(t *testing.T) {
	p := must(t, `p := {"list": [x | some x in input.xs], "set": {x | some x in input.xs}, "of": {x: x | some x in input.xs}}`)
	kept, err := ask(p, `{"xs": ["a", "b"]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := kept.Results[0].String()
	for range 100 {
		if _, err := ask(p, `{"xs": ["c", "d", "e", "f", "g"]}`, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := kept.Results[0].String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func Test_early_exit_and_the_clock(t *testing.T) {
	p := must(t, "p if input.x == 1\np if time.now_ns() > 0")
	for input, varies := range map[string]bool{`{"x": 1}`: false, `{"x": 2}`: true} {
		found, err := ask(p, input, nil)
		if err != nil || len(found.Results) != 1 || found.Varies != varies {
			t.Errorf("%s: got %+v, %v, want true and varies %v", input, found, err, varies)
		}
	}
}
