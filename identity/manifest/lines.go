package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ReadLines adds what a stream of JSON objects, one on each line, holds to s; blank
// lines are passed over. It reads what [State.Read] reads in such a line and nothing
// else, so that a program which writes half an object is told so. It also finds the
// bindings that contradict each other, which Read leaves to the batch that has both. Of each
// problem it names the member that is wrong. Problems are gathered into one Problems
// error; s must then not be applied.
func (s *State) ReadLines(name string, from io.Reader) error {
	s.strict = true
	r := &reader{state: s, file: name, skipped: map[string]int{}, lines: true}
	if err := r.objects(from); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	r.noteSkipped()
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// Lines is how many lines ReadLines has read, blank ones not counted.
func (s *State) Lines() int { return s.read }

func (r *reader) objects(from io.Reader) error {
	in := bufio.NewReaderSize(from, 256<<10)
	for r.err == nil && len(r.problems) < maxProblems {
		text, err := r.line(in, r.offset)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if r.err == nil {
			r.takeLine(text)
		}
		r.offset++
	}
	return r.whole()
}

// takeLine takes one line.
func (r *reader) takeLine(text []byte) {
	rest := bytes.TrimSpace(text)
	if len(rest) == 0 {
		return
	}
	r.state.read++
	if rest[0] != '{' || !json.Valid(text) {
		column, why := notAnObject(text)
		r.failAt(Position{File: r.file, Line: r.offset + 1, Column: column}, "%s", why)
		return
	}
	r.root = r.json.object(text)
	r.take(r.root)
	for _, double := range r.state.doubles {
		r.failAt(double.At, "%s", double.Text)
	}
	r.state.doubles = nil
	if most := r.state.MaxNames; most > 0 && len(r.state.names)+len(r.state.spaces) > most {
		r.keep(&Problem{At: Position{File: r.file, Line: r.offset + 1}, Text: fmt.Sprintf("more than %d names up to this line: split the import", most)})
	}
}

// notAnObject says where and why a line is not one JSON object.
func notAnObject(text []byte) (column int, why string) {
	var syntax *json.SyntaxError
	var value any
	err := json.Unmarshal(text, &value)
	switch {
	case !errors.As(err, &syntax):
		return 1 + len(text) - len(bytes.TrimLeft(text, " \t\r")), "a line must be one JSON object, as in {\"accounts\": [{\"handle\": \"ada\"}]}"
	case syntax.Error() == "unexpected end of JSON input":
		return 0, "the JSON does not end on this line: write each object on one line, as jq -c does"
	}
	before := text[:max(0, int(syntax.Offset)-1)]
	return 1 + utf8.RuneCount(before), "is not one JSON object: " + syntax.Error()
}

// fieldAt names the member of the line that is at a position, as in
// accounts[0].handle; "" = the line as a whole.
func (r *reader) fieldAt(at Position) string {
	if r.root == nil || at.Line != r.offset+1 {
		return ""
	}
	field, _ := fieldOf(r.root, at.Column, "")
	return field
}

func fieldOf(n *yaml.Node, column int, path string) (field string, found bool) {
	if n.Column == column {
		return path, true
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			inner := key.Value
			if path != "" {
				inner = path + "." + inner
			}
			if key.Column == column {
				return inner, true
			}
			if field, found := fieldOf(n.Content[i+1], column, inner); found {
				return field, true
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if field, found := fieldOf(item, column, path+"["+strconv.Itoa(i)+"]"); found {
				return field, true
			}
		}
	}
	return "", false
}
