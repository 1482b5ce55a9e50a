package crud

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/policies"
	"github.com/gatehouse-authz/gatehouse/schemas"
)

// The schema of the question has exactly the attributes that can be sent: one that it
// lacks would be denied for no reason, and of one too many policies would wait in vain.
func TestThe_schema_of_the_question_has_the_attributes_that_are_sent(t *testing.T) {
	var full resource
	fields := reflect.ValueOf(&full).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Pointer:
			f.Set(reflect.ValueOf(new(int64)))
		default:
			f.Set(reflect.ValueOf([]string{"x"}))
		}
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte(full.value().String()), &sent); err != nil {
		t.Fatal(err)
	}
	type node[T any] struct{ Properties T }
	var schema node[struct{ Resource node[map[string]any] }]
	document(t, schemas.FS, "admin.input.json", &schema)
	described, attributes := slices.Sorted(maps.Keys(schema.Properties.Resource.Properties)), slices.Sorted(maps.Keys(sent))
	if !slices.Equal(described, attributes) || len(attributes) != fields.NumField() {
		t.Errorf("the schema has %v, sent are %v, of %d", described, attributes, fields.NumField())
	}
}

// What is never given a value is never sent, though the type has a place for it; and a
// kind that policy does not know is denied to everybody.
func TestEvery_attribute_is_sent_somewhere_and_every_kind_is_one_that_policy_knows(t *testing.T) {
	given, kinds := map[string]bool{}, map[string]bool{}
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				ofResource(n, given, kinds)
			case *ast.AssignStmt: // r.Fields = fields
				for _, left := range n.Lhs {
					if field, is := left.(*ast.SelectorExpr); is {
						given[field.Sel.Name] = true
					}
				}
			}
			return true
		})
	}
	for field := range reflect.TypeFor[resource]().Fields() {
		if !given[field.Name] {
			t.Errorf("nothing is ever asked with %s", field.Name)
		}
	}
	var actions map[string]any
	document(t, policies.FS, "gatehouse/actions/data.json", &actions)
	for kind := range kinds {
		if actions[kind] == nil {
			t.Errorf("policy knows no kind %s", kind)
		}
	}
	if len(kinds) < 15 {
		t.Errorf("only the kinds %v were found", slices.Sorted(maps.Keys(kinds)))
	}
}

// ofResource notes what a literal resource gives a value.
func ofResource(literal *ast.CompositeLit, given, kinds map[string]bool) {
	if name, is := literal.Type.(*ast.Ident); !is || name.Name != "resource" {
		return
	}
	for _, element := range literal.Elts {
		pair := element.(*ast.KeyValueExpr)
		name := pair.Key.(*ast.Ident).Name
		given[name] = true
		if kind, is := pair.Value.(*ast.BasicLit); is && name == "Kind" {
			kinds[strings.Trim(kind.Value, `"`)] = true
		}
	}
}

func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, _ := filepath.Glob("*.go") // the pattern is a good one
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func document(t *testing.T, from fs.FS, name string, into any) {
	t.Helper()
	text, err := fs.ReadFile(from, name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
