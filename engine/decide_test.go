package engine_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

func Test_a_decision_carries_what_the_policy_answers(t *testing.T) {
	tests := map[string]struct {
		rules string
		want  answer
	}{
		"an allow with labels": {
			`decision := {"effect": "allow", "reason": "owner", "labels": {"namespace": "lab", "why": "a \"word\" ü"}}`,
			answer{engine.Allow, "owner", map[string]string{"namespace": "lab", "why": `a "word" ü`}},
		},
		"a deny":                {`decision := {"effect": "deny", "reason": "no_binding", "labels": {}}`, answer{engine.Deny, "no_binding", nil}},
		"a login":               {`decision := {"effect": "login", "reason": "not_signed_in"}`, answer{engine.Login, "not_signed_in", nil}},
		"the policy's own data": {`decision := {"effect": "allow", "reason": "public"} if data.table.open`, answer{engine.Allow, "public", nil}},
		"the clock of the engine": {
			`decision := {"effect": "allow", "reason": "public", "labels": {"at": time.format(time.now_ns())}}`,
			answer{engine.Allow, "public", map[string]string{"at": "2026-03-01T12:00:00Z"}},
		},
		"the data revision": {
			`decision := {"effect": "allow", "reason": "public", "labels": {"at": sprintf("%d", [data.identity.meta.revision])}}`,
			answer{engine.Allow, "public", map[string]string{"at": "1"}},
		},
		"a document": {
			`decision := {"effect": "allow", "reason": "account", "labels": {"handle": data.identity.accounts[input.id].handle}}`,
			answer{engine.Allow, "account", map[string]string{"handle": "ada"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := ready(t, test.rules, map[string]string{"accounts/u1": `{"handle":"ada"}`})
			wantAnswer(t, ask(t, e, engine.Object(engine.Field{Key: "id", Value: engine.String("u1")})), test.want)
		})
	}
}

// O01: entry points are names to look up, never pieces of a query.
func Test_names_of_entry_points_are_never_evaluated(t *testing.T) {
	t.Run("O01", func(t *testing.T) {
		e := ready(t, allowAll, nil)
		for _, name := range []string{
			`a"];x := http.send({"method": "GET", "url": "http://127.0.0.1/"})`,
			`gate"]["decision`, "gate/decision?x", "gate/decision#x", "gate/decision/", "/gate/decision", "gate//decision",
			"gate.decision", "data.gate.decision", "gate/decision\x00", "gate/décision", "gate/ｄecision", "GATE/DECISION",
			"gate/decision == true; true", "gate", "", "identity", "..", "gate/decision\n", strings.Repeat("gate/", 1<<16),
		} {
			d := e.Decide(t.Context(), name, engine.Value{})
			wantAnswer(t, answerOf(d), answer{engine.Deny, "unknown_entrypoint", nil})
		}
		wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Allow, "public", nil})
	})
	t.Run("O01 rules that are no entry points cannot be asked", func(t *testing.T) {
		e := ready(t, allowAll+"\nother := "+strings.TrimPrefix(allowAll, "decision := "), nil)
		wantAnswer(t, answerOf(e.Decide(t.Context(), "gate/other", engine.Value{})), answer{engine.Deny, "unknown_entrypoint", nil})
	})
	t.Run("O01 input is data, whatever it looks like", func(t *testing.T) {
		e := ready(t, `decision := {"effect": "allow", "reason": "self"} if input.name == "ada"`, nil)
		for _, name := range []string{`ada" ; true`, `ada"} { true }`, `{{ada}}`, "data.identity"} {
			got := ask(t, e, engine.Object(engine.Field{Key: "name", Value: engine.String(name)}))
			wantAnswer(t, got, answer{engine.Deny, "undefined", nil})
		}
	})
}

// O04: everything but one well-formed allow is a denial.
func Test_evaluation_fails_closed(t *testing.T) {
	const allowed = `{"effect": "allow", "reason": "public"}`
	tests := map[string]struct{ rules, reason string }{
		"undefined":                              {`decision := ` + allowed + ` if false`, "undefined"},
		"undefined because a document is absent": {`decision := ` + allowed + ` if data.identity.accounts.ghost`, "undefined"},
		"an error":                               {`decision := ` + allowed + ` if data.identity`, "eval_error"},
		"an error below a not":                   {`decision := ` + allowed + ` if not data.identity`, "eval_error"},
		"all of identity, counted":               {`decision := ` + allowed + ` if count(data.identity) > 0`, "eval_error"},
		"two results": {
			"decision := " + allowed + "\ndecision := {\"effect\": \"deny\", \"reason\": \"no\"}", "multiple_results",
		},
		"two results of a function": {
			"decision := " + allowed + " if f(1) == 1\nf(x) := x\nf(x) := x + 1", "multiple_results",
		},
		"a bool":                 {`decision := true`, "wrong_shape"},
		"a string":               {`decision := "allow"`, "wrong_shape"},
		"a number":               {`decision := 1`, "wrong_shape"},
		"null":                   {`decision := null`, "wrong_shape"},
		"an array":               {`decision := [` + allowed + `]`, "wrong_shape"},
		"a set":                  {`decision := {` + allowed + `}`, "wrong_shape"},
		"a partial set":          {`decision contains ` + allowed, "wrong_shape"},
		"a partial object":       {`decision[key] := value if some key, value in {"effect": "allow", "reason": "public", "extra": "x"}`, "wrong_shape"},
		"an empty object":        {`decision := {}`, "wrong_shape"},
		"allow as a bool":        {`decision := {"effect": true, "reason": "public"}`, "wrong_shape"},
		"allow as a number":      {`decision := {"effect": 1, "reason": "public"}`, "wrong_shape"},
		"allow as an object":     {`decision := {"effect": {}, "reason": "public"}`, "wrong_shape"},
		"allow as a set":         {`decision := {"effect": {"allow"}, "reason": "public"}`, "wrong_shape"},
		"allow in other letters": {`decision := {"effect": "ALLOW", "reason": "public"}`, "wrong_shape"},
		"allow with a space":     {`decision := {"effect": "allow ", "reason": "public"}`, "wrong_shape"},
		"an unknown effect":      {`decision := {"effect": "permit", "reason": "public"}`, "wrong_shape"},
		"no effect":              {`decision := {"reason": "public"}`, "wrong_shape"},
		"no reason":              {`decision := {"effect": "allow"}`, "wrong_shape"},
		"an empty reason":        {`decision := {"effect": "allow", "reason": ""}`, "wrong_shape"},
		"a reason of two lines":  {`decision := {"effect": "allow", "reason": "public\nx"}`, "wrong_shape"},
		"a reason that is a set": {`decision := {"effect": "allow", "reason": {"a", "b"}}`, "wrong_shape"},
		"an unknown member":      {`decision := {"effect": "allow", "reason": "public", "lables": {}}`, "wrong_shape"},
		"a key that is no name":  {`decision := {"effect": "allow", "reason": "public", 1: 2}`, "wrong_shape"},
		"labels as an array":     {`decision := {"effect": "allow", "reason": "public", "labels": []}`, "wrong_shape"},
		"a label of a number":    {`decision := {"effect": "allow", "reason": "public", "labels": {"verb": 1}}`, "wrong_shape"},
		"a label without a word": {`decision := {"effect": "allow", "reason": "public", "labels": {"x y": "z"}}`, "wrong_shape"},
		"a label without end": {
			`decision := {"effect": "allow", "reason": "public", "labels": {"x": concat("", ["x" | some _ in numbers.range(1, 1025)])}}`, "wrong_shape",
		},
		"labels without end": {
			`decision := {"effect": "allow", "reason": "public", "labels": {sprintf("l%d", [i]): "x" | some i in numbers.range(1, 33)}}`, "wrong_shape",
		},
		"a builtin error that makes a deny vanish": {
			"decision := {\"effect\": \"deny\", \"reason\": \"custom_deny\"} if denied else := " + allowed +
				"\ndenied if to_number(input.nothing) > 3\ndenied if to_number(\"x\") > 3", "builtin_error",
		},
		"a builtin error in a set of denies": {
			"decision := " + allowed + " if count(deny) == 0\ndeny contains \"no\" if net.cidr_contains(\"not a range\", \"10.0.0.1\")", "builtin_error",
		},
	}
	for name, test := range tests {
		t.Run("O04 "+name, func(t *testing.T) {
			wantAnswer(t, ask(t, ready(t, test.rules, nil), engine.Value{}), answer{engine.Deny, test.reason, nil})
		})
	}
}

func Test_a_deny_or_login_stays_what_it_is_beside_a_builtin_error(t *testing.T) {
	for _, effect := range []engine.Effect{engine.Deny, engine.Login} {
		e := ready(t, "decision := {\"effect\": \""+string(effect)+"\", \"reason\": \"why\"} if not broken\nbroken if to_number(\"x\") > 1", nil)
		wantAnswer(t, ask(t, e, engine.Value{}), answer{effect, "why", nil})
	}
}

func Test_why_the_engine_denied_is_told_to_the_log(t *testing.T) {
	e := ready(t, "decision := {\"effect\": \"allow\", \"reason\": \"public\"} if not broken\nbroken if to_number(\"x\") > 1", nil)
	d := e.Decide(t.Context(), question, engine.Value{})
	if d.Err == nil || !strings.Contains(d.Err.Error(), "to_number") {
		t.Errorf("error of the decision: got %v, want one about to_number", d.Err)
	}
}

// A panic of a builtin must not reach the server, where it would end the
// request without an answer. No builtin of OPA is known to panic, so the test
// adds one.
func Test_a_panic_during_evaluation_is_a_denial(t *testing.T) {
	t.Run("O04", func(t *testing.T) {
		rego.RegisterBuiltin1(&rego.Function{
			Name: "test.panic",
			Decl: types.NewFunction(types.Args(types.S), types.B),
		}, func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) { panic("out of order") })
		e := ready(t, `decision := {"effect": "allow", "reason": "public"} if not test.panic("x")`, nil)
		wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "eval_error", nil})
	})
}

// O03: what would run for ever ends at its deadline, denied, in bounded memory.
func Test_evaluation_ends_at_its_deadline(t *testing.T) {
	bombs := map[string]string{
		"a long range":             `count(numbers.range(1, 1000000000)) > 0`,
		"a long range in steps":    `count(numbers.range_step(1, 1000000000, 1)) > 0`,
		"a comprehension":          `count([1 | some a in r; some b in r; some c in r]) > 0`,
		"a set comprehension":      `count({[a, b, c] | some a in r; some b in r; some c in r}) > 0`,
		"an object comprehension":  `count({[a, b, c]: 1 | some a in r; some b in r; some c in r}) > 0`,
		"an every":                 "every a in r {\n\t\tevery b in r {\n\t\t\tevery c in r {\n\t\t\t\ta + b + c > 0\n\t\t\t}\n\t\t}\n\t}",
		"many regular expressions": `some a in r; some b in r; regex.match(sprintf("^(a|b%d)*c{1,900}%d$", [a, b]), "aaaaaaaa"); false`,
		"a walk":                   `x := [[r | some _ in r] | some _ in r]; count([p | walk(x, [p, _])]) > 0`,
		"growing strings":          `count([y | some a in r; some b in r; y := concat("", [sprintf("%d", [c]) | some c in r])]) > 0`,
		"all addresses":            `count(net.cidr_expand("10.0.0.0/8")) > 0`,
		"nested functions":         `f(1) > 0`,
	}
	for name, body := range bombs {
		t.Run("O03 "+name, func(t *testing.T) {
			rules := "decision := {\"effect\": \"allow\", \"reason\": \"public\"} if {\n\t" + body + "\n}\n\n" +
				"r := numbers.range(1, 2000)\n\nf(x) := sum([g(x, a) | some a in r])\n\ng(x, a) := sum([y | some b in r; some c in r; y := x * a * b * c])"
			e := readyWith(t, engine.Options{Deadline: 20 * time.Millisecond}, rules, nil)
			allocated := allocation(func() {
				wantAnswer(t, ask(t, e, engine.Value{}), answer{engine.Deny, "timeout", nil})
			})
			if limit := uint64(512 << 20); allocated > limit {
				t.Errorf("allocated: got %d bytes, want at most %d", allocated, limit)
			}
		})
	}
}

func allocation(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func Test_a_decision_ends_with_its_context(t *testing.T) {
	const endless = `decision := {"effect": "allow", "reason": "public"} if count(numbers.range(1, 1000000000)) > 0`
	t.Run("O03 whose end comes while it is made", func(t *testing.T) {
		e := readyWith(t, engine.Options{Deadline: time.Hour}, endless, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		wantAnswer(t, answerOf(e.Decide(ctx, question, engine.Value{})), answer{engine.Deny, "timeout", nil})
	})
	t.Run("O03 that has ended before", func(t *testing.T) {
		e := ready(t, allowAll, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantAnswer(t, answerOf(e.Decide(ctx, question, engine.Value{})), answer{engine.Deny, "timeout", nil})
	})
}

func Test_O03_neighbours_of_a_bomb_are_decided(t *testing.T) {
	const rules = `decision := {"effect": "allow", "reason": "public"} if count(numbers.range(1, input)) > 0`
	e := readyWith(t, engine.Options{Deadline: 50 * time.Millisecond}, rules, nil)
	bombs := make(chan answer, 4)
	for range cap(bombs) {
		go func() { bombs <- answerOf(e.Decide(context.Background(), question, engine.Int(1_000_000_000))) }()
	}
	for range 100 {
		wantAnswer(t, ask(t, e, engine.Int(1)), answer{engine.Allow, "public", nil})
	}
	for range cap(bombs) {
		wantAnswer(t, <-bombs, answer{engine.Deny, "timeout", nil})
	}
}
