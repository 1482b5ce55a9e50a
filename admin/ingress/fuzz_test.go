package ingress

import (
	"net/http"
	"net/url"
	"path"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostileTargets seed the fuzz targets: each once opened a gate somewhere.
var hostileTargets = []string{
	"/", "/a", "/public/x", "/public/../admin/x", "/public/./x", "/public/..%2fadmin", "/public/%2e%2e/admin", "/public/..%5cadmin",
	"/public%2f..%2fadmin", "//admin/x", "///admin", "/public//../admin", "/admin#/public/", "/admin%23/public/", "/admin?x=/public/",
	"/admin?/public/a", "/admin/?%2fpublic", "/public%2f", "/public/%2e", "/pub%6cic/x", "/admin;a=1/x", "/public/..;/admin",
	`/public\..\admin`, "/%2561dmin", "/%25%36%31dmin", "/public/%252e%252e/admin", "/%zz", "/%00", "/\x80", "/%c0%ae", "/a%2Fb", "/a/",
	"*", "", " ", "http://app.test/", "/a?b#c", "/%E2%82%AC?q=%E2%82%AC+x",
}

func FuzzNginx(f *testing.F) {
	for _, target := range hostileTargets {
		f.Add("GET", "https://app.test"+target, "")
	}
	for _, u := range []string{
		"https://pub.test@app.test/admin", `https://app.test\@pub.test/`, "https://app.test%2f.pub.test/", "https:///admin", "//app.test/admin",
		"app.test/admin", "https://app.test:99999/", "https://APP.test./admin", "https://[::1]:80/x", "https://b\u00fccher.test/", "https://app.test?/x",
	} {
		f.Add("GET", u, "host=app.test")
	}
	f.Fuzz(func(t *testing.T, method, raw, query string) {
		h := http.Header{headerOriginalURL: {raw}, headerOriginalMethod: {method}}
		o, no := fromNginx(h, query, sourceURL)
		if no != nil {
			return
		}
		holds(t, o, method)
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("%q was taken and net/url refuses it: %v", raw, err)
		}
		if got := u.EscapedPath() + suffix("?", u.RawQuery, u.ForceQuery); len(u.Fragment) > 0 || u.User != nil || got != o.target && !strings.HasSuffix(raw, o.target) {
			t.Fatalf("%q: target %q, another reader sees %q", raw, o.target, got)
		}
		sameHost(t, o, u.Hostname())
	})
}

func suffix(mark, rest string, always bool) string {
	if rest == "" && !always {
		return ""
	}
	return mark + rest
}

func FuzzForward(f *testing.F) {
	for _, target := range hostileTargets {
		f.Add("GET", "https", "app.test", target)
		f.Add("GET", "wss", "app.test:8443", "https://app.test"+target)
	}
	f.Add("get", "http", "a, b", "/a, b")
	f.Fuzz(func(t *testing.T, method, proto, host, uri string) {
		h := http.Header{headerForwardedVerb: {method}, headerForwardedProto: {proto}, headerForwardedHost: {host}, headerForwardedURI: {uri}}
		o, no := fromForward(h)
		if no != nil {
			return
		}
		holds(t, o, method)
		if !strings.HasSuffix(uri, o.target) {
			t.Fatalf("uri %q became target %q", uri, o.target)
		}
		beside, err := url.Parse("//" + host)
		if err != nil {
			t.Fatalf("host %q was taken and net/url refuses it: %v", host, err)
		}
		sameHost(t, o, beside.Hostname())
	})
}

func FuzzEnvoy(f *testing.F) {
	for _, target := range hostileTargets {
		f.Add("GET", "app.test", target)
	}
	f.Add("CONNECT", "[::1]:443", "/x")
	f.Fuzz(func(t *testing.T, method, host, target string) {
		o, no := fromEnvoy(method, host, target, http.Header{})
		if no != nil {
			return
		}
		holds(t, o, method)
		if o.target != target {
			t.Fatalf("target %q became %q", target, o.target)
		}
	})
}

// holds checks what policy sees against how servers of several kinds read the very
// same target: whatever one of them would serve is what was judged.
func holds(t *testing.T, o *original, method string) {
	t.Helper()
	if o.method != method {
		t.Fatalf("method %q became %q", method, o.method)
	}
	seen := "/" + strings.Join(o.path, "/")
	raw, _, _ := strings.Cut(o.target, "?")
	if strings.ContainsAny(seen, "\\;#") || !utf8.ValidString(seen) {
		t.Fatalf("%q: policy sees %q", raw, seen)
	}
	// Splits, then decodes (Go, Java). url.Parse also fails on what it cannot read.
	u, err := url.ParseRequestURI(o.target)
	if err != nil {
		t.Fatalf("%q was taken and net/url refuses it: %v", o.target, err)
	}
	if u.Path != seen || u.Host != "" || u.Opaque != "" {
		t.Fatalf("%q: policy sees %q, net/url %q on host %q", raw, seen, u.Path, u.Host)
	}
	// Decodes, then merges slashes and resolves dots (nginx with a URI in proxy_pass,
	// Python, file servers).
	cleaned := path.Clean(u.Path)
	if cleaned != "/" && strings.HasSuffix(u.Path, "/") {
		cleaned += "/"
	}
	if cleaned != seen {
		t.Fatalf("%q: policy sees %q, a cleaning server %q", raw, seen, cleaned)
	}
	// Cleans without decoding (a proxy that normalises the raw path).
	if kept := path.Clean(raw); kept != strings.TrimSuffix(raw, "/") && raw != "/" {
		t.Fatalf("%q is cleaned to %q by a server that does not decode", raw, kept)
	}
	// Decodes twice: dots and separators may not appear.
	if twice, err := url.PathUnescape(u.Path); err == nil && twice != u.Path {
		again := path.Clean(twice)
		if strings.Count(again, "/") != strings.Count(strings.TrimSuffix(seen, "/"), "/") && seen != "/" {
			t.Fatalf("%q: policy sees %q, decoded twice it is %q", raw, seen, again)
		}
	}
	// What policy saw, written canonically, is judged alike.
	canonical := original{}
	if no := canonical.setTarget(canonicalPath(o.path)); no != nil || !reflect.DeepEqual(canonical.path, o.path) {
		t.Fatalf("%q: policy sees %q, of its canonical form %q (%v)", raw, o.path, canonical.path, no)
	}
}

func canonicalPath(segments []string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	if len(segments) == 0 {
		return "/"
	}
	return b.String()
}

// sameHost compares with another reader; it only lower-cases and drops one dot.
func sameHost(t *testing.T, o *original, host string) {
	t.Helper()
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for i := range len(host) {
		if host[i] >= 0x80 {
			return // U-labels have their own table
		}
	}
	if strings.Contains(host, ":") {
		return // IPv6 addresses have one canonical form here
	}
	if o.host != host {
		t.Fatalf("policy sees host %q, another reader %q", o.host, host)
	}
}
