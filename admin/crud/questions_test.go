package crud_test

import (
	"bytes"
	"context"
	"regexp"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// questions is the engine, and keeps what it was asked. One that the schema of the
// question does not take fails the test.
type questions struct {
	*engine.Engine
	tb     testing.TB
	schema *jsonschema.Schema
	mu     sync.Mutex
	asked  []map[string]any
}

func newQuestions(tb testing.TB, e *engine.Engine) *questions {
	tb.Helper()
	return &questions{Engine: e, tb: tb, schema: adminSchema(tb)}
}

// escapes are how Go writes control characters and JSON does not.
var escapes = regexp.MustCompile(`\\x([0-9a-f]{2})`)

func (q *questions) Decide(ctx context.Context, entrypoint string, input engine.Value) engine.Decision {
	text := escapes.ReplaceAll([]byte(input.String()), []byte(`\u00$1`))
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = q.schema.Validate(value)
	}
	if err != nil {
		q.tb.Errorf("%s was asked what its schema does not take: %s: %v", entrypoint, text, err)
	} else {
		q.mu.Lock()
		q.asked = append(q.asked, value.(map[string]any))
		q.mu.Unlock()
	}
	return q.Engine.Decide(ctx, entrypoint, input)
}

// since gives what was asked after it was called last, without who asked.
func (q *questions) since() []map[string]any {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.asked
	q.asked = nil
	for _, question := range all {
		delete(question, "subject")
	}
	return all
}

func adminSchema(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	text, err := schemas.FS.ReadFile("admin.input.json")
	if err != nil {
		tb.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("admin.input.json", document); err != nil {
		tb.Fatal(err)
	}
	schema, err := compiler.Compile("admin.input.json")
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}
