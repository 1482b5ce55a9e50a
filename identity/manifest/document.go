package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	goccy "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v3"
)

// MaxDocument bounds one YAML document, one line of JSON, and one item of a Kubernetes
// List. A file may hold any number of them: no more than one is in memory at a time.
const MaxDocument = 1 << 20

// Read adds everything that one file holds to s. Problems of the whole file are
// gathered into one Problems error; s must then not be applied.
func (s *State) Read(name string, from io.Reader) error {
	r := &reader{state: s, file: name, skipped: map[string]int{}}
	if err := r.documents(from); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
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
	err      error          // why nothing can be kept any more
	json     jsonScanner
	lines    bool       // each line has to be a JSON object
	root     *yaml.Node // of the line that is being taken
}

func (r *reader) failAt(at Position, format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, &Problem{At: at, Field: r.fieldAt(at), Text: fmt.Sprintf(format, args...)})
	}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) { r.failAt(r.at(n), format, args...) }

func (r *reader) note(at Position, format string, args ...any) {
	r.state.notes.add(at, format, args...)
}

func (r *reader) at(n *yaml.Node) Position {
	return Position{File: r.file, Line: n.Line + r.offset, Column: n.Column}
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
