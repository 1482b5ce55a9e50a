package ingress

import (
	"net/http"
	"strings"
)

// guardedNames are the headers that only a proxy or Gatehouse may write, folded as
// servers fold them that take _ for -.
var guardedNames = func() map[string]bool {
	names := map[string]bool{}
	for _, headers := range presets {
		for _, h := range headers {
			names[foldName(h.name)] = true
		}
	}
	for _, name := range []string{
		headerOriginalURL, headerOriginalURI, headerOriginalMethod, headerOriginalHost,
		headerForwardedURI, headerForwardedVerb, headerForwardedHost, headerForwardedProto,
		"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-Ip", "Forwarded",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
		"X-Forwarded-Access-Token", "X-Auth-Request-Access-Token", "X-Remote-User", "X-Remote-Group",
		"Authorization", headerAssertion, headerDecision, headerReason,
	} {
		names[foldName(name)] = true
	}
	for name := range names {
		if len(name) > maxGuarded {
			panic("maxGuarded is less than the length of " + name)
		}
	}
	return names
}()

// foldedByte makes bytes of names equal that some server takes for one: letters of
// both cases, and a dash for whatever is neither letter nor digit.
var foldedByte = func() (folded [256]byte) {
	for i := range folded {
		switch c := byte(i); {
		case 'A' <= c && c <= 'Z':
			folded[i] = c + 'a' - 'A'
		case isAlphanumeric(c):
			folded[i] = c
		default:
			folded[i] = '-'
		}
	}
	return folded
}()

func foldName(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(out []byte, name string) []byte {
	for i := range len(name) {
		out = append(out, foldedByte[name[i]])
	}
	return out
}

// isGuarded says whether some server takes the name for a guarded one.
func isGuarded(name string) bool {
	var room [maxGuarded]byte
	return len(name) <= maxGuarded && guardedNames[string(appendFolded(room[:0], name))]
}

// maxGuarded is how many bytes the names that are guarded have at most.
const maxGuarded = 40

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// twin finds a guarded header spelt with underscores or other marks: some upstreams
// and proxies take it for the one with dashes.
func twin(h http.Header) *refusal {
	for name := range h {
		if hasOddMark(name) && isGuarded(name) {
			return refuse(reasonSmuggled, "a header is a twin of "+foldName(name))
		}
	}
	return nil
}

// oddMark are the bytes for which servers differ in what they take them for.
var oddMark = func() (odd [256]bool) {
	for c := range odd {
		odd[c] = c != '-' && !isAlphanumeric(byte(c))
	}
	return odd
}()

func hasOddMark(name string) bool {
	for i := range len(name) {
		if oddMark[name[i]] {
			return true
		}
	}
	return false
}

// disowned finds a guarded name listed in Connection, which makes a proxy drop what we
// answer (RFC 9110, 7.6.1).
func disowned(h http.Header) *refusal {
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if name := strings.Trim(option, " \t"); isGuarded(name) {
				return refuse(reasonSmuggled, "Connection names "+foldName(name))
			}
		}
	}
	return nil
}
