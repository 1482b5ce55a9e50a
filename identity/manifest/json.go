package manifest

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// jsonScanner reads what encoding/json has found to be valid, which is why nothing
// here can fail.
type jsonScanner struct {
	text   []byte
	at     int
	seen   int // up to where column has counted
	column int // of seen, in characters, from 1

	nodes []*yaml.Node // made for earlier lines, to be used again
	used  int
}

// most nodes that are kept for the next line, and how many are made at once.
const (
	maxSpareNodes = 4096
	nodesAtOnce   = 32
)

// object gives a line that is one valid JSON object the form that a YAML document
// has, with the place of each value. JSON is YAML, yet reading it as such would take
// ten times as long. The nodes are good until the next line.
func (s *jsonScanner) object(line []byte) *yaml.Node {
	spare := s.nodes
	if len(spare) > maxSpareNodes {
		spare = nil
	}
	*s = jsonScanner{text: line, column: 1, nodes: spare}
	return s.value()
}

func (s *jsonScanner) node(kind yaml.Kind, tag string) *yaml.Node {
	s.column += utf8.RuneCount(s.text[s.seen:s.at])
	s.seen = s.at
	if s.used == len(s.nodes) {
		made := make([]yaml.Node, nodesAtOnce)
		for i := range made {
			s.nodes = append(s.nodes, &made[i])
		}
	}
	n := s.nodes[s.used]
	s.used++
	*n = yaml.Node{Kind: kind, Tag: tag, Line: 1, Column: s.column, Content: n.Content[:0]}
	return n
}

// next skips to the next byte that means something.
func (s *jsonScanner) next() byte {
	for {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			s.at++
		default:
			return c
		}
	}
}

func (s *jsonScanner) value() *yaml.Node {
	switch s.next() {
	case '{':
		return s.collection(s.node(yaml.MappingNode, "!!map"), '}')
	case '[':
		return s.collection(s.node(yaml.SequenceNode, "!!seq"), ']')
	case '"':
		n := s.node(yaml.ScalarNode, "!!str")
		n.Style, n.Value = yaml.DoubleQuotedStyle, s.string()
		return n
	}
	n := s.node(yaml.ScalarNode, "!!int")
	start := s.at
	for s.at < len(s.text) && bytes.IndexByte([]byte(" \t\r\n,]}"), s.text[s.at]) < 0 {
		s.at++
	}
	n.Value = string(s.text[start:s.at])
	switch {
	case n.Value == "true", n.Value == "false":
		n.Tag = "!!bool"
	case n.Value == "null":
		n.Tag = "!!null"
	case bytes.ContainsAny(s.text[start:s.at], ".eE"):
		n.Tag = "!!float"
	}
	return n
}

// collection reads the values of an object, keys among them, or of an array.
func (s *jsonScanner) collection(n *yaml.Node, end byte) *yaml.Node {
	n.Style = yaml.FlowStyle
	s.at++
	for s.next() != end {
		n.Content = append(n.Content, s.value())
	}
	s.at++
	return n
}

func (s *jsonScanner) string() string {
	start := s.at
	escaped := false
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			escaped = true
			s.at++
		}
	}
	s.at++
	if !escaped {
		return string(s.text[start+1 : s.at-1])
	}
	var value string
	if json.Unmarshal(s.text[start:s.at], &value) != nil { // cannot be: the line is valid
		return string(s.text[start+1 : s.at-1])
	}
	return value
}
