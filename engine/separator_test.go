package engine_test

import (
	"fmt"
	"testing"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// A name may hold any byte, that with which paths might be joined included: two
// paths must never be taken for one, neither when it is worked out what a policy
// reads nor when its plan looks something up once for both.
func Test_two_paths_of_which_the_names_joined_are_the_same_are_two(t *testing.T) {
	for name, policy := range map[string]struct{ rules, input, want string }{
		"of rules": {
			rules: `decision := {"effect": "deny", "reason": "blocked"} if {
	not data.gate["r%ss"]
	data.gate.r.s
} else := {"effect": "allow", "reason": "open"}

r.s if input.blocked`,
			input: "blocked", want: "blocked",
		},
		"of the input": {
			rules: `decision := {"effect": "deny", "reason": "blocked"} if {
	not input["a%sb"]
	input.a.b
} else := {"effect": "allow", "reason": "open"}`,
			input: "a", want: "blocked",
		},
	} {
		for _, separator := range []string{`\u0000`, `\n`, ` `, `\" \"`, `/`, `.`} {
			e := ready(t, fmt.Sprintf(policy.rules, separator), nil)
			input := engine.Object(engine.Field{Key: policy.input, Value: engine.Object(engine.Field{Key: "b", Value: engine.Bool(true)})})
			for range 2 { // and once from memory
				if d := e.Decide(t.Context(), question, input); d.Reason != policy.want {
					t.Errorf("%s, joined by %s: got %s (%v), want %s", name, separator, d.Reason, d.Err, policy.want)
				}
			}
		}
	}
}
