package bundles

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// base is the part of the sources that does not change while a process runs,
// parsed once.
type base struct {
	files     []file // of the default policies
	schemata  []file
	modules   map[string]*ast.Module
	data      map[string]any
	schemas   *ast.SchemaSet
	stubs     map[string]*ast.Module
	questions map[string]bool
}

// defaultsPrefix marks the files of the default policies in findings.
const defaultsPrefix = "defaults/"

func newBase(defaults, schemas fs.FS) (*base, error) {
	files, findings := readTree(defaults)
	if err := reject(StageSize, findings); err != nil {
		return nil, err
	}
	// The defaults' own tests have passed before they were built in.
	files = slices.DeleteFunc(files, func(f file) bool { return strings.HasSuffix(f.name, "_test.rego") })
	parsed, findings := parseTree(files, defaultsPrefix)
	if err := reject(StageParse, findings); err != nil {
		return nil, err
	}
	b := &base{
		files:     files,
		modules:   parsed.modules,
		data:      parsed.data,
		questions: questionsOf(parsed.modules),
	}
	if err := b.readSchemas(schemas); err != nil {
		return nil, err
	}
	return b, nil
}

// readSchemas takes every .json file as a schema, named after its path as
// `opa check --schema` does, and every .rego file as a stub.
func (b *base) readSchemas(fsys fs.FS) error {
	b.schemas = ast.NewSchemaSet()
	b.stubs = map[string]*ast.Module{}
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		ext := path.Ext(name)
		if ext != ".json" && ext != ".rego" {
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("read schemas: %w", err)
		}
		b.schemata = append(b.schemata, file{name: name, text: text})
		if ext == ".rego" {
			stub, err := ast.ParseModuleWithOpts("schemas/"+name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
			if err != nil {
				return reject(StageParse, findingsOf(name, err))
			}
			b.stubs["schemas/"+name] = stub
			return nil
		}
		var schema any
		if err := util.Unmarshal(text, &schema); err != nil {
			return reject(StageParse, []Finding{dataError("schemas/"+name, text, err)})
		}
		b.schemas.Put(schemaRef(name), schema)
		return nil
	})
}

// schemaRef names the schema of a file: a/b.json is schema.a.b.
func schemaRef(name string) ast.Ref {
	ref := ast.Ref{ast.SchemaRootDocument}
	for _, part := range strings.Split(strings.TrimSuffix(name, ".json"), "/") {
		ref = append(ref, ast.StringTerm(part))
	}
	return ref
}

// questionsOf finds what the server asks: data.gatehouse.<question>.decision is
// an entry point. Custom rules can be about these only.
func questionsOf(modules map[string]*ast.Module) map[string]bool {
	questions := map[string]bool{}
	for _, m := range modules {
		for _, a := range m.Annotations {
			if !a.Entrypoint {
				continue
			}
			if ref := a.GetTargetPath(); len(ref) == 4 {
				if q, ok := ref[2].Value.(ast.String); ok {
					questions[string(q)] = true
				}
			}
		}
	}
	return questions
}

// withSettings returns the default data with settings in their place.
func (b *base) withSettings(settings map[string]any) (map[string]any, error) {
	var value any = settings
	if err := util.RoundTrip(&value); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	data := copyObject(b.data)
	gatehouse, _ := data["gatehouse"].(map[string]any)
	if gatehouse == nil {
		gatehouse = map[string]any{}
		data["gatehouse"] = gatehouse
	}
	current, _ := gatehouse["settings"].(map[string]any)
	if current == nil {
		current = map[string]any{}
		gatehouse["settings"] = current
	}
	given, _ := value.(map[string]any)
	for key, v := range given {
		current[key] = v
	}
	return data, nil
}

// checkSettings refuses to open a question that nobody asks: whoever wrote the
// misspelt name believes that the right one is open.
func checkSettings(settings map[string]any, questions map[string]bool) []Finding {
	open, _ := settings["custom_allow"].(map[string]any)
	var findings []Finding
	for _, name := range util.KeysSorted(open) {
		if !questions[name] {
			text := fmt.Sprintf("policies.custom_allow names %q, which is no question; questions are %s", name, strings.Join(util.KeysSorted(questions), ", "))
			findings = append(findings, Finding{Text: text})
		}
	}
	return findings
}

// copyObject copies the objects of a document; what they hold is shared.
func copyObject(from map[string]any) map[string]any {
	to := make(map[string]any, len(from))
	for key, value := range from {
		if inner, ok := value.(map[string]any); ok {
			value = copyObject(inner)
		}
		to[key] = value
	}
	return to
}

// opens tells whether settings let custom rules and tables of a question widen
// what the defaults allow.
func opens(data map[string]any, question string) bool {
	value, ok := lookup(data, "gatehouse", "settings", "custom_allow", question)
	return ok && value == true
}

func lookup(data map[string]any, keys ...string) (any, bool) {
	var value any = data
	for _, key := range keys {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[key]; !ok {
			return nil, false
		}
	}
	return value, true
}
