// Package terms makes OPA's values without the detours over Go values that OPA's
// own conversions take: from pairs, and from JSON by way of a compact form that
// documents can be held in. It owns that form and holds no data. Its neighbours
// are engine, which makes inputs, and engine/internal/snapshot, which keeps the
// directory's documents.
package terms

import (
	"encoding/binary"
	"errors"

	"github.com/oklog/ulid/v2"
)

// The compact form is what documents are held as: a JSON value in a third of the
// bytes of its text, whose members can be found without parsing the rest. A
// value is a tag and what the tag asks for. It exists in memory only.
//
//	0x00..0x7f       a string of words
//	0x80..0xbf       a string of 0 to 63 bytes, which follow
//	tagString        a string: uvarint length, bytes
//	tagULID          a string that is a ULID in its canonical spelling: 16 bytes
//	tagPrefixed+i    prefixes[i] and a ULID: 16 bytes
//	tagNull, tagFalse, tagTrue
//	tagInteger       a number that is spelt as an int64 is: zigzag varint
//	tagNumber        another number: uvarint length, its spelling
//	tagArray         uvarint size of the rest, uvarint count, elements
//	tagIndexed       an object of many members: uvarint size of the rest, uint32
//	                 count, uint32 offset of each member, members
//	tagObject+n      an object of n members: if n > 0 uvarint size of the rest,
//	                 members
//
// A member is a string and a value. Members are sorted by their key and keys
// are unique. Each string and each number has one spelling, so equal documents
// of equal text are equal bytes.
const (
	tagShort    = 0x80
	shortest    = 0x40 // strings below are tagShort
	tagString   = 0xc0
	tagULID     = 0xc1
	tagPrefixed = 0xc2
	tagNull     = 0xc8
	tagFalse    = 0xc9
	tagTrue     = 0xca
	tagInteger  = 0xcb
	tagNumber   = 0xcc
	tagArray    = 0xcd
	tagIndexed  = 0xce
	tagObject   = 0xd0
	fewMembers  = 0x20 // objects below are tagObject
)

// maxDepth is how deep values may nest, as for encoding/json.
const maxDepth = 10_000

var errSyntax = errors.New("not JSON")

// AppendString appends the compact form of a string.
func AppendString(dst []byte, s string) []byte {
	var buf [64]byte
	return appendString(dst, append(buf[:0], s...))
}

func appendString(dst, s []byte) []byte {
	n := len(s)
	if n <= wordLength {
		if code, ok := wordCodes[string(s)]; ok {
			return append(dst, code)
		}
	} else if n >= ulid.EncodedSize {
		if out, ok := appendULID(dst, s); ok {
			return out
		}
	}
	if n < shortest {
		dst = append(dst, tagShort|byte(n))
	} else {
		dst = binary.AppendUvarint(append(dst, tagString), uint64(n))
	}
	return append(dst, s...)
}

// appendULID appends a ULID, or a prefix and a ULID, in 16 bytes. Only the
// canonical spelling is taken: it must come back letter for letter.
func appendULID(dst, s []byte) ([]byte, bool) {
	at := len(s) - ulid.EncodedSize
	tag := byte(tagULID)
	if at > 0 {
		prefix := -1
		for i := range prefixes {
			if string(s[:at]) == prefixes[i] {
				prefix = i
			}
		}
		if prefix < 0 {
			return dst, false
		}
		tag = tagPrefixed + byte(prefix)
	}
	var text, back [ulid.EncodedSize]byte
	copy(text[:], s[at:])
	var id ulid.ULID
	if id.UnmarshalText(text[:]) != nil || id.MarshalTextTo(back[:]) != nil || text != back {
		return dst, false
	}
	return append(append(dst, tag), id[:]...), true
}

// skip returns the bytes after the value at the start of b.
func skip(b []byte) []byte {
	switch tag := b[0]; {
	case tag < tagShort, tag == tagNull, tag == tagFalse, tag == tagTrue, tag == tagObject:
		return b[1:]
	case tag < tagString:
		return b[1+int(tag&^tagShort):]
	case tag == tagULID, tag >= tagPrefixed && tag < tagPrefixed+byte(len(prefixes)):
		return b[1+len(ulid.ULID{}):]
	case tag == tagInteger:
		_, n := binary.Uvarint(b[1:])
		return b[1+n:]
	default: // tagString, tagNumber, tagArray, tagIndexed, tagObject+n
		size, n := binary.Uvarint(b[1:])
		return b[1+n+int(size):]
	}
}

// Split parts a sequence of compact values after the first.
func Split(b []byte) (first, rest []byte) {
	rest = skip(b)
	return b[:len(b)-len(rest)], rest
}

// IsObject says whether a compact value is an object.
func IsObject(b []byte) bool { return b[0] >= tagObject || b[0] == tagIndexed }
