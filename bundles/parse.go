package bundles

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// maxFindings is how many reasons are collected before a stage gives up.
const maxFindings = 50

// tree is a parsed policy folder.
type tree struct {
	modules map[string]*ast.Module // by file name
	tests   map[string]*ast.Module // those of them whose package ends in _test
	data    map[string]any
	origin  map[string]string // data path, joined by /, to the file that wrote it
}

// parseTree parses files, whose names get prefix in front.
func parseTree(files []file, prefix string) (*tree, []Finding) {
	t := &tree{
		modules: map[string]*ast.Module{},
		tests:   map[string]*ast.Module{},
		data:    map[string]any{},
		origin:  map[string]string{},
	}
	var findings []Finding
	for _, f := range files {
		if len(findings) >= maxFindings {
			break
		}
		if f.isModule() {
			findings = append(findings, t.module(prefix+f.name, f)...)
		} else {
			findings = append(findings, t.document(prefix+f.name, f)...)
		}
	}
	return t, findings
}

func (t *tree) module(name string, f file) []Finding {
	module, err := ast.ParseModuleWithOpts(name, string(f.text), ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV1,
		Capabilities:      Capabilities(),
	})
	if err != nil {
		return findingsOf(name, err)
	}
	if module == nil {
		return []Finding{{File: name, Text: "the file is empty"}}
	}
	if findings := tooDeep(name, module); findings != nil {
		return findings
	}
	if isTest(module) {
		t.tests[name] = module
	} else {
		t.modules[name] = module
	}
	return nil
}

// isTest goes by the package, as the package decides what a rule can be asked
// as.
func isTest(m *ast.Module) bool {
	last, ok := m.Package.Path[len(m.Package.Path)-1].Value.(ast.String)
	return ok && strings.HasSuffix(string(last), "_test")
}

// document puts a data file to the place that its folder names.
func (t *tree) document(name string, f file) []Finding {
	var content any
	unmarshal := util.Unmarshal
	if path.Ext(f.name) == ".json" {
		unmarshal = util.UnmarshalJSON // the other one takes what is no JSON for YAML
	}
	if findings := aliases(name, f); findings != nil {
		return findings
	}
	if err := unmarshal(f.text, &content); err != nil {
		return []Finding{dataError(name, f.text, err)}
	}
	object, ok := content.(map[string]any)
	if !ok {
		return []Finding{{File: name, Text: "a data file holds one object"}}
	}
	if dir := path.Dir(f.name); dir != "." {
		parts := strings.Split(dir, "/")
		for i := len(parts) - 1; i >= 0; i-- {
			object = map[string]any{parts[i]: object}
		}
	}
	return t.merge(t.data, object, "", name)
}

// merge adds what is in from to into. Two values for one place are refused,
// since which of them counts would depend on the order of files.
func (t *tree) merge(into, from map[string]any, at, name string) []Finding {
	var findings []Finding
	for _, key := range util.KeysSorted(from) {
		place := at + "/" + key
		value := from[key]
		existing, taken := into[key]
		if !taken {
			into[key] = value
			t.origin[place] = name
			continue
		}
		a, aOK := existing.(map[string]any)
		b, bOK := value.(map[string]any)
		if !aOK || !bOK {
			text := fmt.Sprintf("data%s is set a second time", strings.ReplaceAll(place, "/", "."))
			findings = append(findings, Finding{File: name, Text: text})
			continue
		}
		findings = append(findings, t.merge(a, b, place, name)...)
	}
	return findings
}

// file finds the data file that wrote the value at place.
func (t *tree) file(place ...string) string {
	for n := len(place); n > 0; n-- {
		if name, ok := t.origin["/"+strings.Join(place[:n], "/")]; ok {
			return name
		}
	}
	return ""
}

var lineOf = regexp.MustCompile(`line (\d+)`)

// dataError finds the row of a syntax error.
func dataError(name string, text []byte, err error) Finding {
	f := Finding{File: name, Text: err.Error()}
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
		f.Row, _ = strconv.Atoi(m[1])
		f.Col = 1
	}
	if path.Ext(name) != ".json" {
		return f
	}
	var syntax *json.SyntaxError
	var ignored any
	if e := json.Unmarshal(text, &ignored); e != nil {
		f.Text = e.Error()
		_ = errors.As(e, &syntax) // else it stays nil: the place is not known
	}
	if syntax != nil {
		before := text[:min(int(syntax.Offset), len(text))]
		f.Row = 1 + strings.Count(string(before), "\n")
		f.Col = len(before) - strings.LastIndex(string(before), "\n") - 1
	}
	return f
}

const (
	// customRoot is the only name under data that an operator's folder may use.
	customRoot = "custom"
	// identityRoot is the name under which the directory's documents appear.
	identityRoot = "identity"
)

// checkRoots refuses what lies outside data.custom, and data where rules are
// expected: a table that could pass for a rule would go round every check of
// rules.
func checkRoots(t *tree, questions map[string]bool) []Finding {
	var findings []Finding
	for _, modules := range []map[string]*ast.Module{t.modules, t.tests} {
		for _, name := range util.KeysSorted(modules) {
			p := modules[name].Package
			if root, ok := p.Path[1].Value.(ast.String); !ok || string(root) != customRoot {
				findings = append(findings, at(p.Loc(), "%v is outside the operator's own packages, which start with custom", p))
			}
		}
	}
	for _, root := range util.KeysSorted(t.data) {
		if root != customRoot {
			findings = append(findings, Finding{File: t.file(root), Text: "data." + root + " is outside the operator's own data, which is under data.custom"})
		}
	}
	custom, ok := t.data[customRoot].(map[string]any)
	if _, present := t.data[customRoot]; present && !ok {
		return append(findings, Finding{File: t.file(customRoot), Text: "data.custom must be an object"})
	}
	for _, name := range util.KeysSorted(custom) {
		if questions[name] || name == "lib" {
			text := fmt.Sprintf("data.custom.%s holds rules only; put data under another name", name)
			findings = append(findings, Finding{File: t.file(customRoot, name), Text: text})
		}
	}
	return findings
}
