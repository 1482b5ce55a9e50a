package ingress

import (
	"net/http"
	"strings"
)

// Names of the headers that carry the original request, in the spelling of net/http.
const (
	headerOriginalURL    = "X-Original-Url"
	headerOriginalURI    = "X-Original-Uri"
	headerOriginalMethod = "X-Original-Method"
	headerOriginalHost   = "X-Original-Host"
	headerForwardedURI   = "X-Forwarded-Uri"
	headerForwardedVerb  = "X-Forwarded-Method"
	headerForwardedHost  = "X-Forwarded-Host"
	headerForwardedProto = "X-Forwarded-Proto"
)

// Values of Config.NginxSource.
const (
	sourceURL = "url"
	sourceURI = "uri"
)

// single reads a header that must be there exactly once.
func single(h http.Header, name string) (string, *refusal) {
	values := h[name]
	switch {
	case len(values) > 1:
		return "", refuse(reasonDuplicate, name+" was sent more than once")
	case len(values) == 0 || values[0] == "":
		return "", refuse(reasonMalformed, name+" is missing: the proxy must set it")
	case isJoined(values[0]):
		return "", refuse(reasonDuplicate, name+" holds several values")
	}
	return values[0], nil
}

// isJoined finds values that a proxy joined from several lines. A lone comma is legal
// in a URL; a comma followed by white space or by another URL is not.
func isJoined(value string) bool {
	_, rest, found := strings.Cut(value, ",")
	for found {
		if strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") ||
			strings.HasPrefix(rest, "http://") || strings.HasPrefix(rest, "https://") {
			return true
		}
		_, rest, found = strings.Cut(rest, ",")
	}
	return false
}

// The three readers fill in an original that is new. Beside a refusal it holds what
// could be read before: each part is set only when it is sound, so that the log may
// repeat it.

// fromNginx reads what auth_request configurations send. source says which header
// carries the request: choosing by presence would let the client choose.
func (o *original) fromNginx(h http.Header, rawQuery, source string) *refusal {
	method, no := single(h, headerOriginalMethod)
	if no != nil {
		return no
	}
	if no := o.setMethod(method); no != nil {
		return no
	}
	if source == sourceURI {
		no = o.fromOriginalURI(h)
	} else {
		no = o.fromOriginalURL(h)
	}
	if no != nil {
		return no
	}
	o.websocket = wantsUpgrade(h)
	return o.checkPin(rawQuery)
}

func (o *original) fromOriginalURL(h http.Header) *refusal {
	if len(h[headerOriginalURI]) > 0 {
		return refuse(reasonFamilies, "X-Original-URI was sent beside X-Original-URL: the proxy must clear it")
	}
	raw, no := single(h, headerOriginalURL)
	if no != nil {
		return no
	}
	return o.setURL(raw)
}

func (o *original) fromOriginalURI(h http.Header) *refusal {
	if len(h[headerOriginalURL]) > 0 {
		return refuse(reasonFamilies, "X-Original-URL was sent beside X-Original-URI: the proxy must clear it")
	}
	target, no := single(h, headerOriginalURI)
	if no != nil {
		return no
	}
	host, no := single(h, headerOriginalHost)
	if no != nil {
		return no
	}
	if no := o.setAuthority(host); no != nil { // this form does not say which scheme
		return no
	}
	return o.setTarget(target)
}

func (o *original) setURL(raw string) *refusal {
	scheme, authority, target, no := splitURL(raw)
	if no != nil {
		return no
	}
	o.scheme = scheme
	if no := o.setAuthority(authority); no != nil {
		return no
	}
	return o.setTarget(target)
}

// checkPin compares the host that the operator's configuration pinned with the query
// key host (nginx: $host, which the client cannot set apart from the server that
// nginx chose) with the one in the URL. All other parts of the query are inert.
func (o *original) checkPin(rawQuery string) *refusal {
	if rawQuery == "" {
		return nil
	}
	pinned := 0
	for part := range strings.SplitSeq(rawQuery, "&") {
		rawKey, rawValue, _ := strings.Cut(part, "=")
		if key, ok := decode(rawKey, true); !ok || key != "host" {
			continue
		}
		pinned++
		value, ok := decode(rawValue, true)
		if !ok {
			return refuse(reasonHostMismatch, "the pinned host cannot be decoded")
		}
		host, _, no := parseAuthority(value)
		if no != nil || host != o.host {
			return refuse(reasonHostMismatch, "the pinned host is not the host of the original URL")
		}
	}
	if pinned > 1 {
		return refuse(reasonHostMismatch, "the host is pinned more than once")
	}
	return nil
}

// fromForward reads what Traefik, Caddy and HAProxy send: path and query in
// X-Forwarded-Uri, or the whole URL, which then speaks for scheme and host too.
func (o *original) fromForward(h http.Header) *refusal {
	method, no := single(h, headerForwardedVerb)
	if no != nil {
		return no
	}
	if no := o.setMethod(method); no != nil {
		return no
	}
	uri, no := single(h, headerForwardedURI)
	if no != nil {
		return no
	}
	o.websocket = wantsUpgrade(h)
	if !strings.HasPrefix(uri, "/") {
		return o.fromForwardedURL(h, uri)
	}
	host, no := single(h, headerForwardedHost)
	if no != nil {
		return no
	}
	if no := o.setAuthority(host); no != nil {
		return no
	}
	if no := o.setForwardedProto(h); no != nil {
		return no
	}
	return o.setTarget(uri)
}

func (o *original) fromForwardedURL(h http.Header, uri string) *refusal {
	if no := o.setURL(uri); no != nil {
		return no
	}
	if len(h[headerForwardedHost]) == 0 {
		return nil
	}
	beside, no := single(h, headerForwardedHost)
	if no != nil {
		return no
	}
	host, _, no := parseAuthority(beside)
	if no != nil {
		return no
	}
	if host != o.host {
		return refuse(reasonHostMismatch, "X-Forwarded-Host is not the host of the URL in X-Forwarded-Uri")
	}
	return nil
}

// setForwardedProto also takes ws and wss, which Traefik sends for a WebSocket.
func (o *original) setForwardedProto(h http.Header) *refusal {
	proto, no := single(h, headerForwardedProto)
	if no != nil {
		return no
	}
	switch proto {
	case "http", "https":
		o.scheme = proto
	case "ws", "wss":
		o.scheme = "http" + proto[2:]
		o.websocket = true
	default:
		return refuse(reasonMalformed, "X-Forwarded-Proto is neither http(s) nor ws(s)")
	}
	return nil
}

// fromEnvoy reads the request line itself: Envoy sends the client's method and host,
// and the client's path and query behind a prefix, which target no longer has.
// X-Forwarded-Proto is Envoy's own; it is passed on only where configured.
func (o *original) fromEnvoy(method, host, target string, h http.Header) *refusal {
	if no := o.setMethod(method); no != nil {
		return no
	}
	if no := o.setAuthority(host); no != nil {
		return no
	}
	o.websocket = wantsUpgrade(h)
	if len(h[headerForwardedProto]) > 0 {
		if no := o.setForwardedProto(h); no != nil {
			return no
		}
	}
	return o.setTarget(target)
}

// wantsUpgrade finds the handshake of a WebSocket. nginx does not pass Upgrade on to
// an authorizer, but the Sec-WebSocket headers. An upgrade to anything else is
// treated alike: it too opens a channel that is not asked about again.
func wantsUpgrade(h http.Header) bool {
	return len(h["Upgrade"]) > 0 || len(h["Sec-Websocket-Key"]) > 0 || len(h["Sec-Websocket-Version"]) > 0
}
