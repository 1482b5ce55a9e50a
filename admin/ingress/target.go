package ingress

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// appendPath splits a raw absolute path at its slashes and decodes every segment
// exactly once. "/" has no segments; a trailing slash is a last empty one. It refuses
// every path that some server is known to read in another way: dot segments, empty
// segments, backslashes, semicolons, fragments, control characters (each raw or
// encoded), what is not UTF-8, and what would turn into one of these when decoded a
// second time. An encoded slash stays inside its segment for policy to judge. The
// segments are appended to room; raw holds ASCII without spaces, controls and '#' only.
func appendPath(room []string, raw string) ([]string, *refusal) {
	rest := raw[1:]
	count := strings.Count(rest, "/") + 1
	if count > maxSegments {
		return nil, refuse(reasonMalformed, "the path has too many segments")
	}
	segments := slices.Grow(room, count)
	if rest == "" {
		return segments, nil
	}
	// Nearly all paths are of bytes that need no second look.
	simple := strings.IndexByte(rest, '%') < 0 && strings.IndexByte(rest, ';') < 0 && strings.IndexByte(rest, '\\') < 0
	for more := true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "" && more {
			return nil, refuse(reasonAmbiguous, "the path has an empty segment")
		}
		if !simple {
			var no *refusal
			if segment, no = parseSegment(segment); no != nil {
				return nil, no
			}
		} else if isDots(segment) {
			return nil, refuse(reasonAmbiguous, "the path has a dot or empty segment")
		}
		segments = append(segments, segment)
	}
	return segments, nil
}

func parseSegment(raw string) (string, *refusal) {
	segment, ok := decode(raw, false)
	if !ok {
		return "", refuse(reasonMalformed, "the path holds a broken percent escape")
	}
	if !utf8.ValidString(segment) {
		return "", refuse(reasonAmbiguous, "the path is not UTF-8 after decoding")
	}
	for _, r := range segment {
		if r == '\\' || r == ';' || r == '#' || r == '?' || unicode.IsControl(r) {
			return "", refuse(reasonAmbiguous, "the path holds a backslash, semicolon, question mark, fragment or control character")
		}
	}
	if len(segment) != len(raw) && looksLikeDots(segment) {
		return "", refuse(reasonAmbiguous, "the path has a segment that some servers read as dots or as two")
	}
	if isDots(segment) || strings.Contains(segment, "/") && hasOddPart(segment) {
		return "", refuse(reasonAmbiguous, "the path has a dot or empty segment")
	}
	if len(segment) != len(raw) && decodesFurther(segment) {
		return "", refuse(reasonAmbiguous, "the path changes its shape when decoded twice")
	}
	return segment, nil
}

func isDots(part string) bool { return part == "." || part == ".." }

// looksLikeDots finds segments that become dots, or get a separator, on a server that
// drops white space at their ends or folds compatible characters (NFKC), such as a
// full-width slash.
func looksLikeDots(segment string) bool {
	if isDots(strings.TrimSpace(segment)) {
		return true
	}
	if norm.NFKC.IsNormalString(segment) {
		return false
	}
	folded := norm.NFKC.String(segment)
	return isDots(strings.TrimSpace(folded)) || strings.Count(folded, "/") != strings.Count(segment, "/") ||
		strings.Contains(folded, `\`)
}

// hasOddPart looks at a segment that holds encoded slashes the way a server does
// that decodes before it splits.
func hasOddPart(segment string) bool {
	for part := range strings.SplitSeq(segment, "/") {
		if part == "" || isDots(part) {
			return true
		}
	}
	return false
}

// decodesFurther finds escapes that survived one decoding and that a second one
// would turn into a separator, a dot or a control character.
func decodesFurther(segment string) bool {
	for i := 0; i+2 < len(segment); i++ {
		if segment[i] != '%' {
			continue
		}
		c, ok := unhex(segment[i+1], segment[i+2])
		if ok && (c == '.' || c == '/' || c == '\\' || c == ';' || c == '#' || c < ' ' || c == 0x7f) {
			return true
		}
	}
	return false
}

// appendQuery decodes the parameters once. A semicolon separates nothing (WHATWG URL).
// What cannot be decoded is refused: policy and the upstream would see two things.
//
// The pairs are appended to room; raw holds ASCII only.
func appendQuery(room []pair, raw string) ([]pair, *refusal) {
	if strings.Count(raw, "&") >= maxPairs {
		return nil, refuse(reasonMalformed, "the query has too many parameters")
	}
	pairs := room
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(part, "=")
		key, okKey := decodeText(rawKey)
		value, okValue := decodeText(rawValue)
		if !okKey || !okValue {
			return nil, refuse(reasonMalformed, "the query cannot be decoded")
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, nil
}

// decodeText decodes a part of a query that is ASCII to what must be UTF-8.
func decodeText(raw string) (string, bool) {
	text, ok := decode(raw, true)
	return text, ok && (len(text) == len(raw) || utf8.ValidString(text))
}

// decode resolves percent escapes once. In a query a plus sign is a space.
func decode(raw string, query bool) (string, bool) {
	if strings.IndexByte(raw, '%') < 0 && (!query || strings.IndexByte(raw, '+') < 0) {
		return raw, true
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '%':
			if i+2 >= len(raw) {
				return "", false
			}
			b, ok := unhex(raw[i+1], raw[i+2])
			if !ok {
				return "", false
			}
			out = append(out, b)
			i += 2
		case c == '+' && query:
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out), true
}

func unhex(high, low byte) (byte, bool) {
	h, okHigh := nibble(high)
	l, okLow := nibble(low)
	return h<<4 | l, okHigh && okLow
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
