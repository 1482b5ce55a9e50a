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

// question is the input of the ingress decision.
func question(s *identity.Subject, o *original, headers []engine.Field) engine.Value {
	return engine.Object(
		engine.Field{Key: "subject", Value: subjectValue(s)},
		engine.Field{Key: "request", Value: requestValue(o, headers)},
	)
}

func subjectValue(s *identity.Subject) engine.Value {
	return engine.Object(
		engine.Field{Key: "id", Value: engine.String(s.ID)},
		engine.Field{Key: "kind", Value: engine.String(string(s.Kind))},
		engine.Field{Key: "groups", Value: engine.TrueSet(s.Groups)},
		engine.Field{Key: "token", Value: engine.Object(
			engine.Field{Key: "kind", Value: engine.String(s.Token.Kind)},
			engine.Field{Key: "jti", Value: engine.String(s.Token.JTI)},
			engine.Field{Key: "issuer", Value: engine.String(s.Token.Issuer)},
			engine.Field{Key: "scopes", Value: engine.TrueSet(s.Token.Scopes)},
		)},
	)
}

func requestValue(o *original, headers []engine.Field) engine.Value {
	path := make([]engine.Value, len(o.path))
	for i, segment := range o.path {
		path[i] = engine.String(segment)
	}
	fields := make([]engine.Field, 0, 8)
	fields = append(fields,
		engine.Field{Key: "method", Value: engine.String(o.method)},
		engine.Field{Key: "scheme", Value: engine.String(o.scheme)},
		engine.Field{Key: "host", Value: engine.String(o.host)},
		engine.Field{Key: "path", Value: engine.Array(path...)},
		engine.Field{Key: "query", Value: queryValue(o.query)},
		engine.Field{Key: "websocket", Value: engine.Bool(o.websocket)},
		engine.Field{Key: "headers", Value: engine.Object(headers...)},
	)
	if o.client.IsValid() {
		fields = append(fields, engine.Field{Key: "client_ip", Value: engine.String(o.client.String())})
	}
	return engine.Object(fields...)
}

// queryValue keeps every value of every key in the order in which they were sent.
func queryValue(pairs []pair) engine.Value {
	if len(pairs) == 0 {
		return engine.Object()
	}
	var keys []string
	values := make(map[string][]engine.Value, len(pairs))
	for _, p := range pairs {
		if _, seen := values[p.key]; !seen {
			keys = append(keys, p.key)
		}
		values[p.key] = append(values[p.key], engine.String(p.value))
	}
	fields := make([]engine.Field, len(keys))
	for i, key := range keys {
		fields[i] = engine.Field{Key: key, Value: engine.Array(values[key]...)}
	}
	return engine.Object(fields...)
}
