package ingress

import (
	"net/netip"
	"strings"
)

// original is the request that a client made at the proxy, in the one form in which
// policy sees it. Whatever could be read in two ways never becomes one.
type original struct {
	method    string
	scheme    string // http or https, "" = the proxy did not say
	host      string // lower-case A-label form or address, no port, no trailing dot
	port      string // as given, "" = none
	path      []string
	query     []pair
	websocket bool
	client    netip.Addr // the zero value = unknown
	target    string     // raw path and query, as the client sent them
}

// pair is one decoded query parameter.
type pair struct{ key, value string }

// Words that refusals before any policy carry as their reason. What authn refuses
// has its own words.
const (
	reasonMalformed    = "malformed_request"
	reasonAmbiguous    = "ambiguous_path"
	reasonUntrusted    = "untrusted_proxy"
	reasonFamilies     = "conflicting_families"
	reasonDuplicate    = "duplicate_header"
	reasonSmuggled     = "smuggled_header"
	reasonHostMismatch = "host_mismatch"
	reasonNoIdentity   = "no_identity_header"
	reasonInternal     = "internal_error"
	reasonNoSuchDoor   = "unknown_endpoint"
)

// refusal is why a request was turned away before it reached policy.
type refusal struct {
	reason string
	why    string // for the operator's log; holds nothing that the client sent
}

func (r *refusal) Error() string { return r.reason + ": " + r.why }

func refuse(reason, why string) *refusal { return &refusal{reason: reason, why: why} }

// Bounds on one original request. Real proxies stop well before them.
const (
	maxTarget   = 8 << 10 // bytes of path and query
	maxSegments = 256
	maxPairs    = 256
	maxMethod   = 32
)

// setTarget reads a raw request target (path and query) into path and query.
func (o *original) setTarget(raw string) *refusal {
	switch {
	case len(raw) > maxTarget:
		return refuse(reasonMalformed, "the target is too long")
	case raw == "" || raw[0] != '/':
		return refuse(reasonMalformed, "the target does not begin with a slash")
	}
	if no := checkTargetBytes(raw); no != nil {
		return no
	}
	path, query, _ := strings.Cut(raw, "?")
	var no *refusal
	if o.path, no = appendPath(o.path[:0], path); no != nil {
		return no
	}
	if o.query, no = appendQuery(o.query[:0], query); no != nil {
		return no
	}
	o.target = raw
	return nil
}

// plainTarget are the bytes that may stand in a target.
var plainTarget = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c > ' ' && c < 0x7f && c != '#'
	}
	return plain
}()

func checkTargetBytes(raw string) *refusal {
	for i := range len(raw) {
		c := raw[i]
		switch {
		case plainTarget[c]:
		case c >= 0x80:
			return refuse(reasonAmbiguous, "the target holds bytes that are not ASCII")
		case c == '#':
			return refuse(reasonAmbiguous, "the target holds a fragment")
		default:
			return refuse(reasonMalformed, "the target holds a space or a control character")
		}
	}
	return nil
}

// setMethod takes a method as it was sent: methods differ in case (RFC 9110, 9.1),
// so policy judges the very same bytes.
func (o *original) setMethod(method string) *refusal {
	if method == "" || len(method) > maxMethod {
		return refuse(reasonMalformed, "the method is missing or too long")
	}
	for i := range len(method) {
		if !isTokenByte(method[i]) {
			return refuse(reasonMalformed, "the method is no token")
		}
	}
	o.method = method
	return nil
}

// setAuthority takes a host with or without a port.
func (o *original) setAuthority(authority string) *refusal {
	host, port, no := parseAuthority(authority)
	if no != nil {
		return no
	}
	o.host, o.port = host, port
	return nil
}

// isTokenByte follows RFC 9110, 5.6.2.
func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
