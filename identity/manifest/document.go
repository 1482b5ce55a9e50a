package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v3"
)

const (
	// MaxDocument bounds one YAML document, and one item of a Kubernetes List.
	MaxDocument = 1 << 20
	// MaxFile bounds one file: room for the Profiles and RoleBindings of a platform
	// with tens of thousands of namespaces, printed by kubectl as one List.
	MaxFile = 256 << 20
)

// Read adds everything that one file holds to s. Problems of the whole file are
// gathered into one Problems error; s must then not be applied.
func (s *State) Read(name string, from io.Reader) error { return s.read(name, from, MaxFile) }

func (s *State) read(name string, from io.Reader, limit int64) error {
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	r := &reader{state: s, file: name, skipped: map[string]int{}}
	switch {
	case int64(len(data)) > limit:
		r.failAt(Position{File: name}, "is over %d MiB: split it into several files", limit>>20)
	case !utf8.Valid(data):
		r.failAt(Position{File: name}, "is not UTF-8 text: save it as UTF-8 (a compressed or binary file cannot be read)")
	default:
		r.documents(bytes.TrimPrefix(data, []byte("\ufeff")))
	}
	r.noteSkipped()
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// reader reads one file.
type reader struct {
	state    *State
	file     string
	offset   int // lines before the document that is being read
	problems Problems
	skipped  map[string]int // kind -> how many of it were passed over
}

func (r *reader) failAt(at Position, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, &Problem{At: at, Text: fmt.Sprintf(format, args...)})
	}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) { r.failAt(r.at(n), format, args...) }

func (r *reader) note(at Position, format string, args ...any) {
	r.state.notes = append(r.state.notes, Note{At: at, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) at(n *yaml.Node) Position {
	return Position{File: r.file, Line: n.Line + r.offset, Column: n.Column}
}

// documents cuts the file at its document markers. YAML allows a line that begins
// with --- nowhere inside a document, so this needs no parser, and no more than one
// document is held as a tree at a time.
func (r *reader) documents(data []byte) {
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if at > start && isMarker(data[at:end]) {
			r.document(data[start:at], startLine)
			start, startLine = at, line
		}
		at = end
	}
	r.document(data[start:], startLine)
}

func isMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

func (r *reader) document(data []byte, offset int) {
	r.offset = offset
	if len(data) <= MaxDocument {
		if root := r.parse(data); root != nil {
			r.take(root)
		}
		return
	}
	kind := topLevelKind(data)
	switch {
	case kind == "" && bytes.HasPrefix(bytes.TrimLeft(data, "- \t\r\n"), []byte("{")):
		r.failAt(Position{File: r.file, Line: offset + 1}, "this JSON is over 1 MiB: print it as YAML (kubectl get with -o yaml), of which a List may be as large as it needs to be")
	case kind == "":
		r.failAt(Position{File: r.file, Line: offset + 1}, "this document is over 1 MiB: split it with lines of --- (keys may repeat in each document)")
	case isList(kind):
		r.bigList(data)
	case kind == kindProfile || kind == kindRoleBinding:
		r.failAt(Position{File: r.file, Line: offset + 1}, "this %s is over 1 MiB: no such object fits into a cluster", kind)
	default:
		r.skipped[kind]++
	}
}

// topLevel finds `kind: X` at the very left, as kubectl prints it.
var topLevel = regexp.MustCompile(`(?m)^kind:[ \t]*["']?([A-Za-z][A-Za-z0-9]*)["']?[ \t\r]*$`)

func topLevelKind(data []byte) string {
	if m := topLevel.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// bigList reads a List that is over the size of one document item by item, so that
// `kubectl get profiles,rolebindings -A -o yaml` of a large platform needs no
// splitting by hand. Each item has the limit of a document.
func (r *reader) bigList(data []byte) {
	var item []byte
	itemLine, line, base, inItems := 0, 0, r.offset, false
	flush := func() {
		if item == nil {
			return
		}
		r.offset = base + itemLine
		if len(item) > MaxDocument {
			r.failAt(Position{File: r.file, Line: r.offset + 1}, "this item is over 1 MiB: no such object fits into a cluster")
		} else if root := r.parse(item); root != nil {
			r.take(root)
		}
		item = nil
	}
	for text := range bytes.Lines(data) {
		switch {
		case inItems && bytes.HasPrefix(text, []byte("- ")):
			flush()
			item, itemLine = append(append([]byte{}, "  "...), text[2:]...), line
		case inItems && item != nil && (text[0] == ' ' || len(bytes.TrimSpace(text)) == 0 || text[0] == '#'):
			item = append(item, text...)
		case bytes.HasPrefix(text, []byte("items:")) && len(bytes.TrimSpace(text[6:])) == 0:
			inItems = true
		default:
			flush()
			inItems = false
		}
		line++
	}
	flush()
}

// parse gives the root of one document, nil when it is empty or broken.
func (r *reader) parse(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			r.syntax(data, err)
		}
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			r.syntax(data, err)
		} else {
			r.fail(second.Content[0], "a second document begins here without a line of ---: put one in front of it")
		}
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].ShortTag() == "!!null" {
		return nil
	}
	return doc.Content[0]
}

var syntaxError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports what the YAML parser said of data, with the line in the file. The
// parser names the line where the broken block begins; a second opinion often knows
// the place itself.
func (r *reader) syntax(data []byte, err error) {
	at, text := Position{File: r.file, Line: r.offset + 1}, err.Error()
	if m := syntaxError.FindStringSubmatch(text); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			at.Line = r.offset + line
		}
		text = m[2]
	}
	if place, found := secondOpinion(data); found != "" {
		at.Line, at.Column, text = r.offset+place.Line, place.Column, found
	}
	r.failAt(at, "is not valid YAML: %s", text)
}

// maxSecondOpinion and maxNesting keep what a hostile document can make the second
// parser do small: its time grows with the cube of the nesting. Beyond them the first
// parser's line has to do.
const (
	maxSecondOpinion = 64 << 10
	maxNesting       = 50
)

// shallow says that nothing in data can be nested deeply by brackets or within one line.
func shallow(data []byte) bool {
	brackets, inLine := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		case '-', '?':
			inLine++
		case '\n':
			inLine = 0
		}
		if brackets > maxNesting || inLine > maxNesting {
			return false
		}
	}
	return true
}

func secondOpinion(data []byte) (at Position, text string) {
	if len(data) > maxSecondOpinion || !shallow(data) {
		return at, ""
	}
	defer func() {
		if recover() != nil { // it only sees what was refused already
			at, text = Position{}, ""
		}
	}()
	_, err := parser.ParseBytes(data, 0)
	var broken *goccy.SyntaxError
	if !errors.As(err, &broken) || broken.Token == nil || broken.Token.Position == nil {
		return at, ""
	}
	at.Line, at.Column = broken.Token.Position.Line, broken.Token.Position.Column
	return at, broken.Message
}

// take hands one document to the reader of its form.
func (r *reader) take(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		r.fail(root, "a document must be a mapping of keys such as accounts, namespaces or kind, not %s", describe(root))
		return
	}
	apiVersion, kind := find(root, "apiVersion"), find(root, "kind")
	if apiVersion == nil && kind == nil {
		r.own(root)
		return
	}
	r.kubernetes(root, apiVersion, kind)
}

// find gives the value of one key of a mapping, nil when it has none.
func find(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
