package ingress

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-authz/gatehouse/engine"
	"github.com/gatehouse-authz/gatehouse/identity"
)

// maxPolicyHeader bounds a request header that policy may see, in bytes.
const maxPolicyHeader = 4 << 10

// policyHeader is a request header that configuration shows to policy.
type policyHeader struct{ canonical, lower string }

// policyHeaders checks the configured names: credentials and what proxies write never
// become input.
func policyHeaders(names []string) ([]policyHeader, error) {
	var list []policyHeader
	for _, name := range names {
		p := policyHeader{canonical: http.CanonicalHeaderKey(name), lower: lowerASCII(name)}
		switch {
		case name == "" || strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 || !isTokenByte(byte(r)) }) >= 0:
			return nil, fmt.Errorf("policy header %q is not a header name", name)
		case strings.Contains(name, "_"):
			return nil, fmt.Errorf("policy header %q has an underscore, which proxies drop or take for a dash", name)
		case guardedNames[p.lower] || p.lower == "cookie" || p.lower == "proxy-authorization":
			return nil, fmt.Errorf("policy header %q holds a credential or is written by proxies, and is not shown to policies", name)
		case slices.Contains(list, p):
			return nil, fmt.Errorf("policy header %q is named twice", name)
		}
		list = append(list, p)
	}
	return list, nil
}

// visible picks the configured headers from a request. One that comes twice, or that
// policy could not compare, is refused.
func visible(configured []policyHeader, h http.Header) ([]engine.Field, *refusal) {
	if len(configured) == 0 {
		return nil, nil
	}
	fields := make([]engine.Field, 0, len(configured))
	for _, p := range configured {
		values := h[p.canonical]
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return nil, refuse(reasonDuplicate, p.canonical+" was sent more than once")
		case len(values[0]) > maxPolicyHeader || !utf8.ValidString(values[0]):
			return nil, refuse(reasonMalformed, p.canonical+" is too long or not UTF-8")
		}
		fields = append(fields, engine.Field{Key: p.lower, Value: engine.String(values[0])})
	}
	return fields, nil
}

// questionRoom is memory that a question is built in. The question refers to it.
type questionRoom struct {
	both     [2]engine.Field
	subject  [4]engine.Field
	token    [4]engine.Field
	request  [8]engine.Field
	segments [16]engine.Value
	query    [8]engine.Field
	values   [8]engine.Value
}

// question is the input of the ingress decision.
func (m *questionRoom) question(s *identity.Subject, o *original, headers []engine.Field) engine.Value {
	m.both = [...]engine.Field{
		{Key: "subject", Value: m.subjectValue(s)},
		{Key: "request", Value: m.requestValue(o, headers)},
	}
	return engine.Object(m.both[:]...)
}

func (m *questionRoom) subjectValue(s *identity.Subject) engine.Value {
	m.token = [...]engine.Field{
		{Key: "kind", Value: engine.String(s.Token.Kind)},
		{Key: "jti", Value: engine.String(s.Token.JTI)},
		{Key: "issuer", Value: engine.String(s.Token.Issuer)},
		{Key: "scopes", Value: engine.TrueSet(s.Token.Scopes)},
	}
	m.subject = [...]engine.Field{
		{Key: "id", Value: engine.String(s.ID)},
		{Key: "kind", Value: engine.String(string(s.Kind))},
		{Key: "groups", Value: engine.TrueSet(s.Groups)},
		{Key: "token", Value: engine.Object(m.token[:]...)},
	}
	return engine.Object(m.subject[:]...)
}

func (m *questionRoom) requestValue(o *original, headers []engine.Field) engine.Value {
	path := m.segments[:0]
	for _, segment := range o.path {
		path = append(path, engine.String(segment))
	}
	m.request = [...]engine.Field{
		{Key: "method", Value: engine.String(o.method)},
		{Key: "scheme", Value: engine.String(o.scheme)},
		{Key: "host", Value: engine.String(o.host)},
		{Key: "path", Value: engine.Array(path...)},
		{Key: "query", Value: m.queryValue(o.query)},
		{Key: "websocket", Value: engine.Bool(o.websocket)},
		{Key: "headers", Value: engine.Object(headers...)},
		{}, // only where it is known
	}
	fields := m.request[:7]
	if o.client.IsValid() {
		fields = append(fields, engine.Field{Key: "client_ip", Value: engine.String(o.client.String())})
	}
	return engine.Object(fields...)
}

// queryValue keeps every value of every key in the order in which they were sent. It
// orders the pairs by key, so that the same question is always put in the same way.
func (m *questionRoom) queryValue(pairs []pair) engine.Value {
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	values, fields := m.values[:0], m.query[:0]
	for _, p := range pairs {
		values = append(values, engine.String(p.value))
	}
	for start, next := 0, 1; start < len(pairs); next++ {
		if next < len(pairs) && pairs[next].key == pairs[start].key {
			continue
		}
		fields = append(fields, engine.Field{Key: pairs[start].key, Value: engine.Array(values[start:next]...)})
		start = next
	}
	return engine.Object(fields...)
}
