// Package terms makes OPA's values from JSON text and from pairs, without the
// detours over Go values that OPA's own conversions take. It owns no data and is
// used by engine and its snapshot.
package terms

import (
	"bytes"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Parse turns the JSON of a document into OPA's representation without going
// through Go values, which costs a third. text has passed json.Valid: Parse
// relies on it and checks no syntax.
func Parse(text []byte) ast.Value {
	p := parser{text: text}
	return p.value().Value
}

type parser struct {
	text []byte
	pos  int
}

func (p *parser) value() *ast.Term {
	switch p.peek() {
	case '{':
		return p.object()
	case '[':
		return p.array()
	case '"':
		return ast.InternedTerm(p.string())
	case 't':
		p.pos += len("true")
		return ast.InternedTerm(true)
	case 'f':
		p.pos += len("false")
		return ast.InternedTerm(false)
	case 'n':
		p.pos += len("null")
		return ast.NullTerm()
	default:
		return ast.NumberTerm(json.Number(p.number()))
	}
}

func (p *parser) object() *ast.Term {
	p.pos++ // {
	pairs := make([][2]*ast.Term, 0, 8)
	for p.peek() != '}' {
		if p.text[p.pos] == ',' {
			p.pos++
			p.peek()
		}
		key := ast.InternedTerm(p.string())
		p.peek()
		p.pos++ // :
		pairs = append(pairs, [2]*ast.Term{key, p.value()})
	}
	p.pos++
	return ast.NewTerm(Object(pairs))
}

func (p *parser) array() *ast.Term {
	p.pos++ // [
	var elements []*ast.Term
	for p.peek() != ']' {
		if p.text[p.pos] == ',' {
			p.pos++
		}
		elements = append(elements, p.value())
	}
	p.pos++
	return ast.ArrayTerm(elements...)
}

// string reads a string literal. Those with escapes, or with bytes that are not
// UTF-8 and that JSON decoding replaces, take the standard library's way.
func (p *parser) string() string {
	start := p.pos
	p.pos++
	plain := true
	for ; p.text[p.pos] != '"'; p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '\\':
			plain = false
			p.pos++
		case c >= 0x80:
			plain = false
		}
	}
	p.pos++
	if plain {
		return string(p.text[start+1 : p.pos-1])
	}
	var s string
	if json.Unmarshal(p.text[start:p.pos], &s) != nil {
		return "" // cannot be: the text is valid JSON
	}
	return s
}

func (p *parser) number() []byte {
	rest := p.text[p.pos:]
	end := bytes.IndexAny(rest, ",]} \t\r\n")
	if end < 0 {
		end = len(rest)
	}
	p.pos += end
	return rest[:end]
}

// peek skips white space and returns the byte it ends at.
func (p *parser) peek() byte {
	for {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return c
		}
	}
}
