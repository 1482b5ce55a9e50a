package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// documents reads a file line by line and takes one document after another. YAML
// allows a line that begins with --- nowhere inside a document, so finding the
// documents needs no parser. Where a document may begin, a line that is a whole JSON
// object is a document of its own, so that a file may also hold one in each line.
func (r *reader) documents(from io.Reader) error {
	in := bufio.NewReaderSize(from, 256<<10)
	doc := &pending{}
	for line := 0; r.err == nil && len(r.problems) < maxProblems; line++ {
		text, err := r.line(in, line)
		if errors.Is(err, io.EOF) {
			r.finish(doc)
			break
		}
		if err != nil {
			return err
		}
		switch {
		case r.err != nil:
		case isMarker(text):
			r.finish(doc)
			doc = &pending{line: line}
			r.extend(doc, text)
		case !doc.content && isObject(text):
			r.offset = line
			r.take(r.json.object(text))
			doc = &pending{line: line + 1}
		default:
			r.extend(doc, text)
		}
	}
	return r.whole()
}

// whole tells a problem with the file as a whole from an error of keeping what it holds.
func (r *reader) whole() error {
	var whole *Problem
	if errors.As(r.err, &whole) {
		r.problems, r.err = append(r.problems, whole), nil
	}
	return r.err
}

// line gives the next line with its end. What makes the whole file unreadable is
// kept as the error; then the line is empty.
func (r *reader) line(in *bufio.Reader, number int) ([]byte, error) {
	text, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(text)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= MaxDocument {
			text, err = in.ReadSlice('\n')
			long = append(long, text...)
		}
		text = long
	}
	if number == 0 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	switch {
	case len(text) > MaxDocument+1 && r.lines:
		r.keep(&Problem{At: Position{File: r.file, Line: number + 1}, Text: "this line is over 1 MiB: write each entry on a line of its own"})
		return nil, nil
	case !utf8.Valid(text) && r.lines:
		r.failAt(Position{File: r.file, Line: number + 1}, "is not UTF-8 text")
		return nil, nil
	case len(text) > MaxDocument+1:
		r.keep(&Problem{At: Position{File: r.file, Line: number + 1}, Text: longLine(text)})
		return nil, nil
	case !utf8.Valid(text):
		r.keep(&Problem{At: Position{File: r.file}, Text: "is not UTF-8 text: save it as UTF-8 (a compressed or binary file cannot be read)"})
		return nil, nil
	case errors.Is(err, io.EOF) && len(text) > 0:
		return text, nil // the last line need not end
	}
	return text, err
}

func longLine(text []byte) string {
	if bytes.HasPrefix(bytes.TrimLeft(text, "- \t\r\n"), []byte("{")) {
		return jsonTooLong
	}
	return "this line is over 1 MiB: break it up, or split the file into documents"
}

const jsonTooLong = "this JSON is over 1 MiB: print it as YAML (kubectl get with -o yaml), of which a List may be as large as it needs to be"

func isMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// isObject says that a line is one whole JSON object.
func isObject(line []byte) bool { return line[0] == '{' && json.Valid(line) }

// pending is a document of which not all lines have been read.
type pending struct {
	line    int // lines before it
	data    []byte
	content bool // it holds more than a marker, blanks and comments
	large   *largeDocument
}

// extend adds a line to a document. One that grows over the limit goes on as a large
// one.
func (r *reader) extend(doc *pending, text []byte) {
	if doc.large != nil {
		r.largeLine(doc.large, text)
		return
	}
	doc.data = append(doc.data, text...)
	rest := bytes.TrimSpace(text)
	doc.content = doc.content || len(rest) > 0 && rest[0] != '#' && string(rest) != "---"
	if len(doc.data) <= MaxDocument {
		return
	}
	doc.large = &largeDocument{line: doc.line}
	for text := range bytes.Lines(doc.data) {
		r.largeLine(doc.large, text)
	}
	doc.data = nil
}

// finish takes a document whose last line has been read.
func (r *reader) finish(doc *pending) {
	if doc.large != nil {
		r.finishLarge(doc.large)
		return
	}
	r.offset = doc.line
	if root := r.parse(doc.data); root != nil {
		r.take(root)
	}
}

// largeDocument is one over the limit. Only a List may be: it is read item by item,
// each with the limit of a document, so that `kubectl get profiles,rolebindings -A
// -o yaml` of a large platform needs no splitting by hand. Whether it is a List may
// be known only at its end.
type largeDocument struct {
	line    int    // lines before it
	lines   int    // of it that have been read
	kind    string // what stands behind `kind:`
	json    bool
	begun   bool
	inItems bool
	items   int
	item    []byte // nil between items
	at      int    // lines before the item
	over    bool   // the item is over the limit
}

// topLevel finds `kind: X` at the very left, as kubectl prints it.
var topLevel = regexp.MustCompile(`^kind:[ \t]*["']?([A-Za-z][A-Za-z0-9]*)["']?[ \t\r\n]*$`)

func (r *reader) largeLine(doc *largeDocument, text []byte) {
	if rest := bytes.TrimLeft(text, "- \t\r\n"); !doc.begun && len(rest) > 0 {
		doc.begun, doc.json = true, rest[0] == '{'
	}
	if m := topLevel.FindSubmatch(text); m != nil && doc.kind == "" {
		doc.kind = string(m[1])
	}
	blank := len(bytes.TrimSpace(text)) == 0
	switch {
	case doc.inItems && bytes.HasPrefix(text, []byte("- ")):
		r.finishItem(doc)
		doc.item, doc.at = append([]byte("  "), text[2:]...), doc.line+doc.lines
	case doc.item != nil && (text[0] == ' ' || blank || text[0] == '#'):
		if doc.over = doc.over || len(doc.item)+len(text) > MaxDocument; !doc.over {
			doc.item = append(doc.item, text...)
		}
	case bytes.HasPrefix(text, []byte("items:")) && len(bytes.TrimSpace(text[6:])) == 0:
		doc.inItems = true
	case !doc.inItems || !blank && text[0] != '#':
		r.finishItem(doc)
		doc.inItems = false
	}
	doc.lines++
}

func (r *reader) finishItem(doc *largeDocument) {
	if doc.item == nil {
		return
	}
	r.offset = doc.at
	if doc.over {
		r.failAt(Position{File: r.file, Line: doc.at + 1}, "this item is over 1 MiB: no such object fits into a cluster")
	} else if root := r.parse(doc.item); root != nil {
		r.take(root)
	}
	doc.items++
	doc.item, doc.over = nil, false
}

func (r *reader) finishLarge(doc *largeDocument) {
	r.finishItem(doc)
	text := ""
	switch {
	case doc.kind == "" && doc.json:
		text = jsonTooLong
	case doc.kind == "":
		text = "this document is over 1 MiB: split it with lines of --- (keys may repeat in each document)"
	case isList(doc.kind):
	case doc.kind == kindProfile || doc.kind == kindRoleBinding:
		text = fmt.Sprintf("this %s is over 1 MiB: no such object fits into a cluster", doc.kind)
	case doc.items > 0:
		text = fmt.Sprintf("this %s is over 1 MiB and has items, which only a List may: split it", doc.kind)
	default:
		r.skipped[doc.kind]++
	}
	if text != "" {
		r.failAt(Position{File: r.file, Line: doc.line + 1}, "%s", text)
	}
}
