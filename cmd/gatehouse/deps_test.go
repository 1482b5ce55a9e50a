package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatehouse-authz/gatehouse/"

// wall is one rule of who may know whom: packages under Room must not import
// anything that starts with one of Never. Reason is what a breach is told.
type wall struct {
	Room   string
	Never  []string
	Except []string
	Reason string
}

const (
	opa    = "github.com/open-policy-agent/opa"
	echo4  = "github.com/labstack/echo"
	gorm   = "gorm.io/"
	jwt    = "github.com/golang-jwt/jwt"
	notify = "github.com/fsnotify/fsnotify"
)

var walls = []wall{
	{Room: "policies", Never: []string{module}, Reason: "policies are files; they know nothing of Go"},
	{Room: "schemas", Never: []string{module}, Reason: "schemas are files; they know nothing of Go"},
	{Room: "engine", Never: []string{module, echo4, gorm, jwt, notify, "net/http"}, Reason: "the engine knows OPA and nothing of people, HTTP or storage, so that it can be measured and replaced alone"},
	{Room: "bundles", Never: []string{module, echo4, gorm, jwt}, Reason: "bundles take an fs.FS and an Activator; who activates and who edits is wired elsewhere"},
	{Room: "identity", Except: []string{"identity/token", "identity/authn", "identity/manifest"}, Never: []string{module, opa, echo4, jwt, notify}, Reason: "the directory is data; policies decide over it and surfaces show it, never the other way"},
	{Room: "identity/token", Never: []string{module + "engine", module + "bundles", module + "admin", opa, echo4, gorm}, Reason: "tokens are minted and verified without database or web framework"},
	{Room: "identity/authn", Never: []string{module + "engine", module + "bundles", module + "admin", opa, echo4, gorm, jwt}, Reason: "who you are is answered from memory, before any policy is asked"},
	{Room: "identity/manifest", Never: []string{module + "engine", module + "bundles", module + "admin", module + "identity/", opa, echo4, gorm, jwt}, Reason: "manifests describe a directory and nothing else"},
	{Room: "admin", Except: []string{"admin/internal/admintest"}, Never: []string{opa, gorm, jwt}, Reason: "surfaces translate a wire protocol; they neither evaluate Rego nor query a database nor parse tokens"},
	{Room: "admin/internal/web", Never: []string{module + "admin/", module + "bundles", gorm}, Reason: "what surfaces share must not know the surfaces"},
}

// onlyIn lists packages that one room alone may import.
var onlyIn = map[string]string{
	jwt:   "identity/token",
	gorm:  "identity",
	echo4: "admin",
}

// surfaces are the packages under admin that speak one wire protocol each; none
// may import another.
var surfaces = []string{"admin/ingress", "admin/datalayer", "admin/ops", "admin/crud"}

func TestNoRoomKnowsWhatItMustNot(t *testing.T) {
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		for _, w := range walls {
			if !within(room, w.Room) || slices.ContainsFunc(w.Except, func(e string) bool { return within(room, e) }) {
				continue
			}
			for _, i := range p.Imports {
				if slices.ContainsFunc(w.Never, func(n string) bool { return strings.HasPrefix(i, n) }) && !within(strings.TrimPrefix(i, module), w.Room) {
					t.Errorf("%s imports %s: %s", room, i, w.Reason)
				}
			}
		}
		for _, i := range p.Imports {
			for pkg, home := range onlyIn {
				if strings.HasPrefix(i, pkg) && !within(room, home) {
					t.Errorf("%s imports %s, which only %s may", room, i, home)
				}
			}
			if slices.Contains(surfaces, room) && i != p.ImportPath && slices.Contains(surfaces, strings.TrimPrefix(i, module)) {
				t.Errorf("%s imports %s: one surface must not know another", room, i)
			}
			if i == module+"cmd/gatehouse" {
				t.Errorf("%s imports the command, which nobody may", room)
			}
			if i == module+"admin/internal/admintest" {
				t.Errorf("%s imports admintest outside a test", room)
			}
		}
	}
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// The sizes that readers can hold: a file over 500 lines or a function over 80 has
// more than one duty.
func TestFilesAndFunctionsKeepTheirSize(t *testing.T) {
	const fileLines, functionLines = 500, 80
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			if n := files.File(parsed.Pos()).LineCount(); n > fileLines {
				t.Errorf("%s/%s has %d lines, more than %d", p.ImportPath, name, n, fileLines)
			}
			for _, d := range parsed.Decls {
				checkSize(t, files, d, functionLines)
			}
		}
	}
}

func checkSize(t *testing.T, files *token.FileSet, d ast.Decl, functionLines int) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if n := files.Position(d.End()).Line - files.Position(d.Pos()).Line + 1; n > functionLines {
			t.Errorf("%s: %s has %d lines, more than %d", files.Position(d.Pos()), d.Name.Name, n, functionLines)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			spec, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > 3 {
				t.Errorf("%s: interface %s has %d methods, more than 3", files.Position(d.Pos()), spec.Name.Name, i.Methods.NumFields())
			}
		}
	}
}

type goPackage struct {
	Dir, ImportPath, Doc string
	GoFiles, Imports     []string
}

// listPackages asks the go command, so that the rules hold for what is built.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,Doc,GoFiles,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}
