package policies_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

func TestTables_are_what_their_schemas_say(t *testing.T) {
	for table, name := range map[string]string{"routes": "routes", "roles": "roles", "scopes": "scopes", "settings": "settings"} {
		t.Run(table, func(t *testing.T) {
			source, err := policies.FS.ReadFile("gatehouse/" + table + "/data.json")
			if err != nil {
				t.Fatal(err)
			}
			validate(t, schema(t, name), source)
		})
	}
}

func TestSchemas_refuse_what_is_not_in_them(t *testing.T) {
	for name, document := range map[string]string{
		"settings":            `{"custom_allows": {}}`,
		"roles":               `{"view": {"read": false}}`,
		"scopes":              `{"look": {"egress": {"*": {"read": true}}}}`,
		"routes":              `{"a": [{"path": "/a", "application": "a", "access": "everybody"}]}`,
		"decision":            `{"effect": "allow", "reason": "public", "labels": {"role": "x"}}`,
		"identity.accounts":   `{"kind": "person", "state": "active", "roles": {}, "teams": {}, "organisations": {}, "password": "x"}`,
		"identity.teams":      `{"handle": "ml"}`,
		"identity.namespaces": `{"owners": {}, "labels": {}, "bindings": {}}`,
		"ingress.input":       `{"subject": {}, "request": {}}`,
		"admin.input":         `{"subject": {}, "action": "fly", "resource": {"kind": "account"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(document)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema(t, name).Validate(value); err == nil {
				t.Errorf("%s passes", document)
			}
		})
	}
}

// decisionCase is one entry of a file of testdata/decisions; the suites of the
// engine and of the ingress run them.
type decisionCase struct {
	Description string
	Directory   map[string]map[string]any
	Subject     string
	Request     map[string]any
	Want        map[string]any
}

func TestDecision_cases_hold_documents_and_decisions_of_the_schemas(t *testing.T) {
	names, err := filepath.Glob("../testdata/decisions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decision, seen := schema(t, "decision"), map[string]bool{}
	for _, name := range names {
		for _, c := range readCases(t, name) {
			if seen[name+c.Description] {
				t.Errorf("%s: %q stands there twice", name, c.Description)
			}
			seen[name+c.Description] = true
			validate(t, decision, encode(t, c.Want))
		}
	}
	for collection, documents := range readCases(t, names[0])[0].Directory {
		for _, document := range documents {
			validate(t, schema(t, "identity."+collection), encode(t, document))
		}
	}
	if len(seen) < 60 {
		t.Errorf("found %d cases, want at least 60", len(seen))
	}
}

func readCases(t *testing.T, name string) []decisionCase {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	var cases []decisionCase
	if err := decoder.Decode(&cases); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cases
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	source, err := schemas.FS.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name+".json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, source []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(value); err != nil {
		t.Errorf("%s: %v", source, err)
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	source, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return source
}
