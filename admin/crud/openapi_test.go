package crud_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// document is the OpenAPI document as a client gets it, as far as tests look into it.
type document struct {
	OpenAPI string
	Tags    []struct{ Name, Description string }
	Paths   map[string]map[string]operation
}

type operation struct {
	OperationID string
	Summary     string
	Tags        []string
	Parameters  []struct{ Name, Description, Ref string }
	Responses   map[string]any
}

func (d *desk) document() ([]byte, document) {
	d.tb.Helper()
	reply := d.wants(200, "bob", "GET", "/admin/v1/openapi.json", "")
	var doc document
	if err := json.Unmarshal([]byte(reply.Text), &doc); err != nil {
		d.tb.Fatalf("%d %s: %v", reply.Status, reply.Text, err)
	}
	return []byte(reply.Text), doc
}

func TestThe_OpenAPI_document_describes_every_route_and_says_what_each_is(t *testing.T) {
	d := newDesk(t)
	_, doc := d.document()
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("it is of version %q", doc.OpenAPI)
	}
	var described []string
	ids, tags := map[string]bool{}, map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			described = append(described, strings.ToUpper(method)+" /admin/v1"+path)
			switch {
			case op.OperationID == "" || ids[op.OperationID]:
				t.Errorf("%s %s has the id %q, which is none or another's", method, path, op.OperationID)
			case op.Summary == "" || len(op.Tags) != 1:
				t.Errorf("%s %s has the summary %q and the tags %v", method, path, op.Summary, op.Tags)
			default:
				tags[op.Tags[0]] = true
			}
			ids[op.OperationID] = true
			for _, parameter := range op.Parameters {
				if parameter.Name != "" && parameter.Description == "" {
					t.Errorf("%s %s does not say what %s is", method, path, parameter.Name)
				}
			}
		}
	}
	var served []string
	for _, route := range d.routes {
		if strings.HasPrefix(route.Path, "/admin/v1/") && route.Path != "/admin/v1/openapi.json" && !strings.HasSuffix(route.Path, "*") {
			served = append(served, route.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(route.Path, "{$1}"))
		}
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described is\n%v, served is\n%v", described, served)
	}
	named := map[string]bool{}
	for _, tag := range doc.Tags {
		if named[tag.Name] = true; tag.Description == "" {
			t.Errorf("the tag %s is not described", tag.Name)
		}
	}
	if !maps.Equal(named, tags) {
		t.Errorf("described are the tags %v, used are %v", named, tags)
	}
}

func TestThe_OpenAPI_document_and_its_page_are_for_those_who_have_an_account(t *testing.T) {
	d := newDesk(t)
	for path, kind := range map[string]string{"/admin/v1/openapi.json": "application/json", "/docs": "text/html; charset=utf-8"} {
		if got := d.wants(401, "", "GET", path, ""); got.code() != "not_signed_in" {
			t.Errorf("%s without a credential: %s", path, got.Text)
		}
		d.wants(401, "", "GET", path, "", "Authorization", "Bearer "+d.Token(d.people["bob"])+"x")
		got := d.wants(200, "bob", "GET", path, "")
		if got.Header.Get("Content-Type") != kind {
			t.Errorf("%s is sent as %s", path, got.Header.Get("Content-Type"))
		}
		d.wants(304, "bob", "GET", path, "", "If-None-Match", got.Header.Get("ETag"))
		d.wants(401, "", "GET", path, "", "If-None-Match", got.Header.Get("ETag"))
	}
}

func TestThe_OpenAPI_document_passes_a_linter(t *testing.T) {
	d := newDesk(t)
	text, _ := d.document()
	modules, dir := testtools.Modules(t, openAPITools), t.TempDir()
	writeFiles(t, dir, map[string][]byte{"openapi.json": text, "redocly.yaml": readTool(t, "redocly.yaml")})
	output := node(t, modules, dir, nil, filepath.Join(modules, "@redocly/cli/bin/cli.js"), "lint", "--config", "redocly.yaml", "openapi.json")
	if !strings.Contains(output, "Your API description is valid") || strings.Contains(output, "warning") && !strings.Contains(output, "Deprecation warning") {
		t.Errorf("redocly says:\n%s", output)
	}
}

func TestA_client_that_is_generated_from_the_OpenAPI_document_manages_the_directory(t *testing.T) {
	d := newDesk(t)
	text, doc := d.document()
	if doc.Paths["/organisations"] == nil {
		t.Skip("organisations have no routes yet, and this client makes one")
	}
	modules, dir := testtools.Modules(t, openAPITools), t.TempDir()
	writeFiles(t, dir, map[string][]byte{
		"openapi.json": text, "client.ts": readTool(t, "client.ts"), "package.json": readTool(t, "package.json"),
	})
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	node(t, modules, dir, nil, filepath.Join(modules, "openapi-typescript/bin/cli.js"), "openapi.json", "-o", "schema.d.ts")
	node(t, modules, dir, nil, filepath.Join(modules, "typescript/bin/tsc"),
		"--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable", "client.ts")
	printed := node(t, modules, dir, []string{"GATEHOUSE=" + d.url, "TOKEN=" + d.Token(d.people["root"])}, "client.js")
	var got any
	if err := json.Unmarshal([]byte(printed), &got); err != nil {
		t.Fatalf("the client says %s", printed)
	}
	const principal = "group:/umbrella/guests & co"
	want := map[string]any{
		"organisation": "umbrella",
		"team":         map[string]any{"organisation": true, "handle": "vaults", "name": "Vaults"},
		"namespace":    map[string]any{"name": "vault", "owners": []any{true}},
		"made":         map[string]any{"namespace": "vault", "principal": principal, "role": "view", "expires": "2037-01-31T18:00:00Z"},
		"patched":      map[string]any{"namespace": "vault", "principal": principal, "role": "edit"},
		"listed":       []any{principal},
		"gone":         404.0,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the client says\n%v, want\n%v", got, want)
	}
}

func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
