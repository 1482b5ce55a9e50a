package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The two kinds of document that there are millions of are encoded by hand, the
// others by encode: same bytes, at a tenth of the cost.

// encode is what the encoding of a document is defined by: compact, keys sorted,
// nothing escaped that JSON does not need escaped.
func encode(document any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// canonical re-encodes a JSON object that came from outside.
func canonical(field string, raw json.RawMessage, limit int) (json.RawMessage, error) {
	if len(raw) > limit {
		return nil, invalid(field, "is longer than %d bytes", limit)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil || decoder.More() {
		return nil, invalid(field, "must be one JSON object")
	}
	return encode(object)
}

// pair is a member of an object, and pairs an object whose members are sorted by
// name.
type (
	pair  struct{ name, value string }
	pairs []pair
)

// accountRecord is what an [AccountDocument] is encoded from.
type accountRecord struct {
	email, handle, kind, name, state, userID string

	organisations, teams pairs
	roles                []string // sorted
}

// namespaceRecord is what a [NamespaceDocument] is encoded from.
type namespaceRecord struct {
	bindings []bindingRecord // sorted by principal
	labels   pairs
	owners   []string // sorted
}

type bindingRecord struct {
	principal, role string
	expires         int64
}

// appendTo appends the encoding of the document.
func (a *accountRecord) appendTo(b []byte) []byte {
	b = append(b, '{')
	b = appendOptional(b, `"email":`, a.email)
	b = appendOptional(b, `"handle":`, a.handle)
	b = appendString(append(b, `"kind":`...), a.kind)
	b = append(b, ',')
	b = appendOptional(b, `"name":`, a.name)
	b = appendPairs(append(b, `"organisations":`...), a.organisations)
	b = appendNames(append(b, `,"roles":`...), a.roles)
	b = appendString(append(b, `,"state":`...), a.state)
	b = appendPairs(append(b, `,"teams":`...), a.teams)
	if a.userID != "" {
		b = appendString(append(b, `,"user_id":`...), a.userID)
	}
	return append(b, '}')
}

// appendTo appends the encoding of the document.
func (n *namespaceRecord) appendTo(b []byte) []byte {
	b = append(b, `{"bindings":{`...)
	for i, binding := range n.bindings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, binding.principal), ":{"...)
		if binding.expires != 0 {
			b = strconv.AppendInt(append(b, `"expires":`...), binding.expires, 10)
			b = append(b, ',')
		}
		b = append(appendString(append(b, `"role":`...), binding.role), '}')
	}
	b = appendPairs(append(b, `},"labels":`...), n.labels)
	b = appendNames(append(b, `,"owners":`...), n.owners)
	return append(b, '}')
}

// appendGeneration appends the encoding of a [GenerationDocument].
func appendGeneration(b []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(b, `{"n":`...), n, 10), '}')
}

// appendOptional appends a member, unless it is empty, and a comma.
func appendOptional(b []byte, label, value string) []byte {
	if value == "" {
		return b
	}
	return append(appendString(append(b, label...), value), ',')
}

func appendPairs(b []byte, members pairs) []byte {
	b = append(b, '{')
	for i, member := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(appendString(b, member.name), ':'), member.value)
	}
	return append(b, '}')
}

// appendNames appends a set, as the object of its members.
func appendNames(b []byte, names []string) []byte {
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ":true"...)
	}
	return append(b, '}')
}

// appendString appends a JSON string. What is rare goes through encoding/json.
func appendString(b []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == '"', c == '\\':
			return appendRareString(b, s)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	// encoding/json mends what is not UTF-8, and escapes what ends a line in JavaScript.
	if !ascii && (!utf8.ValidString(s) || strings.ContainsAny(s, "\u2028\u2029")) {
		return appendRareString(b, s)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendRareString(b []byte, s string) []byte {
	encoded, err := encode(s)
	if err != nil {
		panic("identity: a string cannot be encoded: " + err.Error()) // encoding/json encodes every string
	}
	return append(b, encoded...)
}
