package engine

import "encoding/binary"

// maxKey is the longest key in bytes that is worth remembering an answer for.
const maxKey = 8 << 10

// The tags that begin a part of a key. Each says how its part ends, so two
// different inputs never have the same key.
const (
	tagAbsent byte = iota
	tagNull
	tagFalse
	tagTrue
	tagInteger
	tagString
	tagArray
	tagObject
	tagNames
	tagMembers // of an object, those that a policy can read
)

// appendKey appends the key under which the answer about input is remembered:
// nothing where it may not be.
func (q *question) appendKey(key []byte, input Value) []byte {
	if !q.remembered {
		return key
	}
	start := len(key)
	key = q.input.appendKey(binary.AppendUvarint(key, q.number), input)
	if len(key)-start > maxKey {
		return key[:start]
	}
	return key
}

// appendKey appends what f can see of v. Members that a policy names stand in the
// policy's order; an object that it sees as a whole is written as it was built, so
// the same question put together in another order is another key. That costs a
// hit, never a wrong answer.
func (f *field) appendKey(key []byte, v Value) []byte {
	if f.whole || !v.isObject() {
		return v.appendKey(key)
	}
	key = append(key, tagMembers)
	for i := range f.members {
		m := &f.members[i]
		if member, ok := v.member(m.name); ok {
			key = m.appendKey(key, member)
		} else {
			key = append(key, tagAbsent)
		}
	}
	return key
}

// appendKey appends all of v, or enough of it to be longer than maxKey.
func (v Value) appendKey(key []byte) []byte {
	switch at := v.kind.(type) {
	case nil:
		return append(key, tagNull)
	case bool:
		if at {
			return append(key, tagTrue)
		}
		return append(key, tagFalse)
	case integer:
		return binary.LittleEndian.AppendUint64(append(key, tagInteger), uint64(v.num))
	case text:
		return appendString(append(key, tagString), v.text(at))
	case elements:
		key = binary.AppendUvarint(append(key, tagArray), uint64(v.num))
		for _, element := range v.elements(at) {
			if key = element.appendKey(key); len(key) > maxKey {
				break
			}
		}
	case members:
		key = binary.AppendUvarint(append(key, tagObject), uint64(v.num))
		for _, f := range v.members(at) {
			if key = f.Value.appendKey(appendString(key, f.Key)); len(key) > maxKey {
				break
			}
		}
	case names:
		key = binary.AppendUvarint(append(key, tagNames), uint64(v.num))
		for _, name := range v.names(at) {
			if key = appendString(key, name); len(key) > maxKey {
				break
			}
		}
	}
	return key
}

// appendString cuts a string that is too long for a key anyway; its length, which
// is written whole, makes the key too long.
func appendString(key []byte, s string) []byte {
	key = binary.AppendUvarint(key, uint64(len(s)))
	return append(key, s[:min(len(s), maxKey+1)]...)
}
