package terms

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Append appends the compact form of a JSON value. It accepts what json.Valid
// accepts, and checks in the same pass. On an error dst is as it was.
func Append(dst, text []byte) ([]byte, error) {
	e := encoder{text: text, out: dst}
	if !e.space() || !e.value(0) {
		return dst, errSyntax
	}
	if e.space() {
		return dst, errSyntax // something follows
	}
	return e.out, nil
}

type encoder struct {
	text []byte
	pos  int
	out  []byte
}

// space goes to the next byte that is no white space; false at the end.
func (e *encoder) space() bool {
	for ; e.pos < len(e.text); e.pos++ {
		switch e.text[e.pos] {
		case ' ', '\t', '\r', '\n':
		default:
			return true
		}
	}
	return false
}

// value encodes the value that starts at pos and reports whether it is one.
func (e *encoder) value(depth int) bool {
	switch e.text[e.pos] {
	case '{':
		return depth < maxDepth && e.object(depth+1)
	case '[':
		return depth < maxDepth && e.array(depth+1)
	case '"':
		_, ok := e.string()
		return ok
	case 't':
		return e.word("true", tagTrue)
	case 'f':
		return e.word("false", tagFalse)
	case 'n':
		return e.word("null", tagNull)
	}
	return e.number()
}

func (e *encoder) word(word string, tag byte) bool {
	if !bytes.HasPrefix(e.text[e.pos:], []byte(word)) {
		return false
	}
	e.pos += len(word)
	e.out = append(e.out, tag)
	return true
}

// string encodes a string and gives its content.
func (e *encoder) string() (content []byte, ok bool) {
	start := e.pos + 1
	plain, ascii := true, byte(0)
	i := start
	for ; ; i++ {
		if i >= len(e.text) {
			return nil, false
		}
		c := e.text[i]
		if c == '"' {
			break
		}
		if c < ' ' {
			return nil, false
		}
		if c == '\\' {
			plain = false
			i++ // whatever is escaped does not end the string
		}
		ascii |= c
	}
	e.pos = i + 1
	content = e.text[start:i]
	if !plain || ascii >= utf8.RuneSelf && !utf8.Valid(content) {
		// Escapes and bytes that are replaced: the standard library's way.
		var s string
		if json.Unmarshal(e.text[start-1:e.pos], &s) != nil {
			return nil, false
		}
		content = []byte(s)
	}
	e.out = appendString(e.out, content)
	return content, true
}

func (e *encoder) number() bool {
	start := e.pos
	for ; e.pos < len(e.text); e.pos++ {
		switch c := e.text[e.pos]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			continue
		}
		break
	}
	text := e.text[start:e.pos]
	var spelt [20]byte
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && bytes.Equal(strconv.AppendInt(spelt[:0], n, 10), text) {
		e.out = binary.AppendVarint(append(e.out, tagInteger), n)
		return true
	}
	if len(text) == 0 || !json.Valid(text) {
		return false
	}
	e.out = binary.AppendUvarint(append(e.out, tagNumber), uint64(len(text)))
	e.out = append(e.out, text...)
	return true
}

func (e *encoder) array(depth int) bool {
	e.pos++ // [
	start := len(e.out)
	count := uint64(0)
	for {
		if !e.space() {
			return false
		}
		if e.text[e.pos] == ']' && count == 0 {
			break
		}
		if !e.value(depth) {
			return false
		}
		count++
		more, ok := e.more(']')
		if !ok {
			return false
		}
		if !more {
			break
		}
	}
	e.pos++ // ]
	e.head(start, tagArray, binary.AppendUvarint(nil, count))
	return true
}

// more reads what follows an element: a comma, or the end of the container,
// which it does not consume.
func (e *encoder) more(end byte) (more, ok bool) {
	if !e.space() {
		return false, false
	}
	switch e.text[e.pos] {
	case end:
		return false, true
	case ',':
		e.pos++
		return true, true
	}
	return false, false
}

// head puts a tag, the size and what belongs to it before what was encoded from
// start on.
func (e *encoder) head(start int, tag byte, rest []byte) {
	var buf [1 + binary.MaxVarintLen64]byte
	buf[0] = tag
	n := 1 + binary.PutUvarint(buf[1:], uint64(len(e.out)-start+len(rest)))
	e.out = slices.Insert(e.out, start, append(buf[:n:n], rest...)...)
}

func (e *encoder) object(depth int) bool {
	e.pos++ // {
	start := len(e.out)
	var last []byte
	count, sorted := 0, true
	for {
		if !e.space() {
			return false
		}
		if e.text[e.pos] == '}' && count == 0 {
			break
		}
		if e.text[e.pos] != '"' {
			return false
		}
		key, ok := e.string()
		if !ok || !e.space() || e.text[e.pos] != ':' {
			return false
		}
		e.pos++
		if !e.space() || !e.value(depth) {
			return false
		}
		sorted = sorted && (count == 0 || bytes.Compare(last, key) < 0)
		last = key
		count++
		more, ok := e.more('}')
		if !ok {
			return false
		}
		if !more {
			break
		}
	}
	e.pos++ // }
	if !sorted {
		count = e.sort(start)
	}
	e.members(start, count)
	return true
}

// members puts the head of an object before its members.
func (e *encoder) members(start, count int) {
	switch {
	case count == 0:
		e.out = append(e.out, tagObject)
	case count < fewMembers:
		e.head(start, tagObject+byte(count), nil)
	default:
		index := make([]byte, 4, 4+4*count)
		binary.LittleEndian.PutUint32(index, uint32(count))
		for at := start; at < len(e.out); {
			index = binary.LittleEndian.AppendUint32(index, uint32(at-start))
			at = len(e.out) - len(skip(skip(e.out[at:])))
		}
		e.head(start, tagIndexed, index)
	}
}

// sort brings the members encoded from start on into order. The last of equal
// keys counts. It returns how many are left.
func (e *encoder) sort(start int) int {
	type member struct {
		key  string
		text []byte
	}
	var all []member
	for rest := bytes.Clone(e.out[start:]); len(rest) > 0; {
		key, after := Split(rest)
		after = skip(after)
		all = append(all, member{stringOf(key), rest[:len(rest)-len(after)]})
		rest = after
	}
	slices.SortStableFunc(all, func(a, b member) int { return strings.Compare(a.key, b.key) })
	e.out = e.out[:start]
	count := 0
	for i, m := range all {
		if i+1 < len(all) && all[i+1].key == m.key {
			continue
		}
		e.out = append(e.out, m.text...)
		count++
	}
	return count
}
