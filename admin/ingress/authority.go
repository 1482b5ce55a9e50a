package ingress

import (
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

const (
	maxHost  = 253
	maxLabel = 63
)

// aLabels turns U-labels into A-labels without mapping anything: a host that only
// becomes equal to another one by case folding, width or compatibility mapping is
// refused instead of equated.
var aLabels = idna.New(idna.ValidateForRegistration())

// parseAuthority reads host and optional port. Userinfo, escapes and zones are
// refused, one trailing dot is dropped, ASCII is lower-cased.
func parseAuthority(raw string) (host, port string, no *refusal) {
	if strings.HasPrefix(raw, "[") {
		return parseBracketed(raw)
	}
	host, port, has := strings.Cut(raw, ":")
	if has && !validPort(port) {
		return "", "", refuse(reasonMalformed, "the port is not a number from 1 to 65535")
	}
	host, ok := normalHost(strings.TrimSuffix(host, "."))
	if !ok {
		return "", "", refuse(reasonMalformed, "the host is not a valid name or address")
	}
	return host, port, nil
}

func parseBracketed(raw string) (host, port string, no *refusal) {
	inside, after, closed := strings.Cut(raw[1:], "]")
	addr, err := netip.ParseAddr(inside)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", "", refuse(reasonMalformed, "the host is not a valid IPv6 address")
	}
	if after != "" {
		var has bool
		if port, has = strings.CutPrefix(after, ":"); !has || !validPort(port) {
			return "", "", refuse(reasonMalformed, "the port is not a number from 1 to 65535")
		}
	}
	return addr.String(), port, nil
}

func validPort(port string) bool {
	if len(port) == 0 || len(port) > 5 || port[0] == '+' || port[0] == '-' {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func normalHost(host string) (string, bool) {
	if host == "" || len(host) > maxHost {
		return "", false
	}
	lower, ascii := true, true
	for i := range len(host) {
		lower = lower && (host[i] < 'A' || host[i] > 'Z')
		ascii = ascii && host[i] < 0x80
	}
	if !lower {
		host = lowerASCII(host)
	}
	if !ascii {
		name, err := aLabels.ToASCII(host)
		if err != nil || strings.Count(name, ".") != strings.Count(host, ".") {
			return "", false
		}
		host = name
	}
	return host, validHost(host)
}

// lowerASCII leaves every other letter alone: strings.ToLower turns U+212A, the
// Kelvin sign, into k.
func lowerASCII(text string) string {
	out := []byte(text)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// validHost accepts letters, digits, hyphens and, as browsers and proxies do,
// underscores, in labels of 1 to 63 bytes.
func validHost(host string) bool {
	if len(host) > maxHost {
		return false
	}
	label := 0
	for i := range len(host) {
		c := host[i]
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
		case c == '-':
			if label == 0 || i+1 == len(host) || host[i+1] == '.' {
				return false
			}
		default:
			return false
		}
		if label++; label > maxLabel {
			return false
		}
	}
	return label > 0
}

// splitURL cuts an absolute http(s) URL into scheme, authority and raw target. It
// ends the authority at the first byte that any server takes for its end.
func splitURL(raw string) (scheme, authority, target string, no *refusal) {
	before, rest, found := strings.Cut(raw, "://")
	if !found {
		return "", "", "", refuse(reasonMalformed, "the URL is not absolute")
	}
	scheme = before
	if scheme != "http" && scheme != "https" {
		scheme = lowerASCII(before)
	}
	if scheme != "http" && scheme != "https" {
		return "", "", "", refuse(reasonMalformed, "the URL is neither http nor https")
	}
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' && rest[end] != '\\' {
		end++
	}
	if end == len(rest) || rest[end] != '/' {
		return "", "", "", refuse(reasonMalformed, "the URL has no path after its host")
	}
	return scheme, rest[:end], rest[end:], nil
}
