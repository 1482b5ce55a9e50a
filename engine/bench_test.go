package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// The shape of an ingress question: account, its teams, a binding of the
// namespace, the role's verbs.
const benchRules = `decision := {"effect": "allow", "reason": "binding", "labels": {"namespace": namespace, "verb": "read"}} if {
	account.state == "active"
	some principal in principals
	role := data.identity.namespaces[namespace].bindings[principal].role
	data.roles[role].read
} else := {"effect": "deny", "reason": "no_binding"}

account := data.identity.accounts[input.subject.id]

namespace := input.request.path[1]

principals contains concat(":", ["account", input.subject.id])

principals contains concat(":", ["team", team]) if some team, _ in account.teams
`

func BenchmarkDecide(b *testing.B) {
	for _, accounts := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			e := engine.New(engine.Options{Memo: engine.MemoOptions{Off: true}})
			fill(b, e, accounts)
			benchDecide(b, e, questions(accounts, 4096))
		})
	}
}

// The same questions again and again, of a few and of very many subjects.
func BenchmarkDecideRemembered(b *testing.B) {
	for _, asked := range []int{1, 1_000, 60_000} {
		b.Run(fmt.Sprintf("questions=%d", asked), func(b *testing.B) {
			e := engine.New(engine.Options{Observe: func(string, *engine.Decision) {}})
			fill(b, e, 100_000)
			inputs := questions(100_000, asked)
			for _, input := range inputs {
				e.Decide(b.Context(), question, input)
			}
			benchDecide(b, e, inputs)
			if s := e.Stats(); s.Hits < uint64(b.N)*9/10 {
				b.Errorf("memo: got %+v, want nearly only hits", s)
			}
		})
	}
}

func questions(accounts, n int) []engine.Value {
	inputs := make([]engine.Value, n)
	for i := range inputs {
		inputs[i] = benchInput(i * 7919 % accounts)
	}
	return inputs
}

func benchDecide(b *testing.B, e *engine.Engine, inputs []engine.Value) {
	b.Helper()
	if d := e.Decide(b.Context(), question, inputs[len(inputs)-1]); d.Effect != engine.Allow {
		b.Fatalf("decision: %+v", d)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e.Decide(b.Context(), question, inputs[i%len(inputs)])
		i++
	}
}

// One write beside readers: it must cost the same however large the directory is.
func BenchmarkApply(b *testing.B) {
	for _, accounts := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			e := engine.New(engine.Options{})
			fill(b, e, accounts)
			revision := uint64(1)
			b.ReportAllocs()
			for b.Loop() {
				revision++
				change := engine.Change{Collection: "accounts", Key: fmt.Sprintf("u%06d", revision%uint64(accounts)), Doc: benchAccount(int(revision))}
				if err := e.Apply(b.Context(), revision, []engine.Change{change}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fill(b *testing.B, e *engine.Engine, accounts int) {
	b.Helper()
	data := map[string]any{"roles": map[string]any{"view": map[string]any{"read": true}}}
	if err := e.Activate(b.Context(), "p1", compile(b, entry(benchRules)), data); err != nil {
		b.Fatal(err)
	}
	var docs []engine.Change
	for i := range accounts {
		docs = append(docs, engine.Change{Collection: "accounts", Key: fmt.Sprintf("u%06d", i), Doc: benchAccount(i)})
		if i%10 == 0 {
			doc := fmt.Sprintf(`{"owners":{"account:u%06d":true},"labels":{},"bindings":{"team:t%d":{"role":"view"}}}`, i, i/10)
			docs = append(docs, engine.Change{Collection: "namespaces", Key: fmt.Sprintf("ns%d", i/10), Doc: []byte(doc)})
		}
	}
	start := time.Now()
	if err := e.Replace(b.Context(), 1, sequence(docs, nil)); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d documents loaded in %v", len(docs), time.Since(start))
}

func benchAccount(i int) []byte {
	return []byte(fmt.Sprintf(`{"handle":"u%d","kind":"person","state":"active","email":"u%d@example.org","roles":{},"teams":{"t%d":"member","t%d":"owner","x":"member"},"organisations":{"o1":"member"}}`, i, i, i/10, i/10+1))
}

func benchInput(i int) engine.Value {
	f := func(key string, value engine.Value) engine.Field { return engine.Field{Key: key, Value: value} }
	return engine.Object(
		f("subject", engine.Object(f("id", engine.String(fmt.Sprintf("u%06d", i))), f("kind", engine.String("account")), f("groups", engine.TrueSet(nil)))),
		f("request", engine.Object(
			f("method", engine.String("GET")), f("host", engine.String("hub.example.org")), f("websocket", engine.Bool(false)),
			f("path", engine.Array(engine.String("notebook"), engine.String(fmt.Sprintf("ns%d", i/10)), engine.String("alpha"), engine.String("lab"))),
		)),
	)
}
