package ingress

import (
	"testing"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
)

func TestQuery_keeps_every_value_of_every_key_in_its_order(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []pair
		want  string
	}{
		"nothing":        {nil, `{}`},
		"one":            {[]pair{{"a", "1"}}, `{"a": ["1"]}`},
		"several keys":   {[]pair{{"b", "2"}, {"a", "1"}}, `{"a": ["1"], "b": ["2"]}`},
		"several values": {[]pair{{"b", "2"}, {"a", "3"}, {"b", "1"}, {"a", ""}, {"b", "2"}}, `{"a": ["3", ""], "b": ["2", "1", "2"]}`},
		"an empty key":   {[]pair{{"a", "1"}, {"", "2"}}, `{"": ["2"], "a": ["1"]}`},
	} {
		if got := new(questionRoom).queryValue(c.pairs).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// A verdict's memory serves one request after another: nothing of one may reach the
// question of the next.
func TestQuestions_built_in_used_memory_hold_nothing_of_earlier_ones(t *testing.T) {
	long, short := &original{}, &original{}
	for o, target := range map[*original]string{long: "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t?x=1&y=2", short: "/z"} {
		if no := o.setTarget(target); no != nil {
			t.Fatal(no)
		}
	}
	subject := identity.Subject{ID: "A", Kind: identity.SubjectAccount, Groups: []string{"staff"}, Token: identity.TokenInfo{Scopes: []string{"read"}}}
	used, fresh := new(questionRoom), new(questionRoom)
	shown := []engine.Field{{Key: "x-tenant", Value: engine.String("blue")}}
	if got := used.question(&subject, long, shown).String(); got == "" {
		t.Fatal("no question")
	}
	subject.Groups, subject.Token.Scopes = nil, nil
	if got, want := used.question(&subject, short, nil).String(), fresh.question(&subject, short, nil).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
