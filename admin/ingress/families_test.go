package ingress

import (
	"net/http"
	"reflect"
	"testing"
)

// lines makes headers of name and value pairs; a name may come more than once.
func lines(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// The readers into an original of their own.

func fromNginx(h http.Header, rawQuery, source string) (*original, *refusal) {
	o := &original{}
	return o, o.fromNginx(h, rawQuery, source)
}

func fromForward(h http.Header) (*original, *refusal) {
	o := &original{}
	return o, o.fromForward(h)
}

func fromEnvoy(method, host, target string, h http.Header) (*original, *refusal) {
	o := &original{}
	return o, o.fromEnvoy(method, host, target, h)
}

func reasonOf(no *refusal) string {
	if no == nil {
		return ""
	}
	return no.reason
}

func TestFromNginx_reads_the_url_form(t *testing.T) {
	h := lines("X-Original-URL", "https://App.test:8443/a/b?c=d", "X-Original-Method", "GET", "Sec-WebSocket-Key", "x",
		"X-Forwarded-Uri", "/public", "X-Forwarded-Host", "pub.test", "X-Forwarded-Method", "OPTIONS", "X-HTTP-Method-Override", "PUT")
	got, no := fromNginx(h, "", sourceURL)
	want := &original{
		method: "GET", scheme: "https", host: "app.test", port: "8443", path: []string{"a", "b"},
		query: []pair{{"c", "d"}}, websocket: true, target: "/a/b?c=d",
	}
	if no != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("fromNginx = %+v, %v, want %+v", got, no, want)
	}
}

func TestFromNginx_reads_the_uri_form(t *testing.T) {
	h := lines("X-Original-URI", "/a?b", "X-Original-Host", "app.test", "X-Original-Method", "POST")
	got, no := fromNginx(h, "host=app.test", sourceURI)
	want := &original{method: "POST", host: "app.test", path: []string{"a"}, query: []pair{{"b", ""}}, target: "/a?b"}
	if no != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("fromNginx = %+v, %v, want %+v", got, no, want)
	}
}

func TestFromNginx_refuses(t *testing.T) {
	const u, m = "X-Original-URL", "X-Original-Method"
	for name, c := range map[string]struct {
		headers http.Header
		query   string
		source  string
		want    string
	}{
		"no method":                 {lines(u, "https://app.test/"), "", sourceURL, reasonMalformed},
		"no url":                    {lines(m, "GET"), "", sourceURL, reasonMalformed},
		"an empty url":              {lines(u, "", m, "GET"), "", sourceURL, reasonMalformed},
		"two urls":                  {lines(u, "https://app.test/", u, "https://app.test/", m, "GET"), "", sourceURL, reasonDuplicate},
		"two methods":               {lines(u, "https://app.test/", m, "GET", m, "GET"), "", sourceURL, reasonDuplicate},
		"joined urls":               {lines(u, "https://app.test/,https://app.test/", m, "GET"), "", sourceURL, reasonDuplicate},
		"a url and a uri":           {lines(u, "https://app.test/", "X-Original-URI", "/", m, "GET"), "", sourceURL, reasonFamilies},
		"a uri and a url":           {lines(u, "https://app.test/", "X-Original-URI", "/", "X-Original-Host", "app.test", m, "GET"), "", sourceURI, reasonFamilies},
		"a uri without a host":      {lines("X-Original-URI", "/", m, "GET"), "", sourceURI, reasonMalformed},
		"two uris":                  {lines("X-Original-URI", "/", "X-Original-URI", "/", "X-Original-Host", "app.test", m, "GET"), "", sourceURI, reasonDuplicate},
		"a method that is no token": {lines(u, "https://app.test/", m, "G(T"), "", sourceURL, reasonMalformed},
		"another pinned host":       {lines(u, "https://app.test/", m, "GET"), "host=pub.test", sourceURL, reasonHostMismatch},
		"an empty pinned host":      {lines(u, "https://app.test/", m, "GET"), "host=", sourceURL, reasonHostMismatch},
		"two pinned hosts":          {lines(u, "https://app.test/", m, "GET"), "host=app.test&h%6fst=app.test", sourceURL, reasonHostMismatch},
		"a broken pinned host":      {lines(u, "https://app.test/", m, "GET"), "host=app.test%", sourceURL, reasonHostMismatch},
		"a path-less url":           {lines(u, "https://app.test", m, "GET"), "", sourceURL, reasonMalformed},
		"another scheme":            {lines(u, "ftp://app.test/", m, "GET"), "", sourceURL, reasonMalformed},
		"a query for a path":        {lines(u, "https://app.test?/public", m, "GET"), "", sourceURL, reasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, no := fromNginx(c.headers, c.query, c.source)
			if reasonOf(no) != c.want {
				t.Errorf("fromNginx = %+v, %v, want a refusal with %s", got, no, c.want)
			}
		})
	}
}

func TestFromNginx_ignores_the_rest_of_its_own_query(t *testing.T) {
	h := lines("X-Original-URL", "https://app.test/a", "X-Original-Method", "GET")
	for _, query := range []string{"", "host=APP.test.", "x=%zz&host=app.test:443", "allowed_groups=a&user=root", "&&;", "hosts=pub.test"} {
		got, no := fromNginx(h, query, sourceURL)
		want := &original{method: "GET", scheme: "https", host: "app.test", path: []string{"a"}, target: "/a"}
		if no != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("fromNginx with query %q = %+v, %v, want %+v", query, got, no, want)
		}
	}
}

func TestFromForward_reads_both_forms(t *testing.T) {
	short := lines("X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "app.test:8443", "X-Forwarded-Uri", "/a,b?c")
	long := lines("X-Forwarded-Method", "GET", "X-Forwarded-Host", "app.test", "X-Forwarded-Uri", "https://app.test:8443/a,b?c", "X-Forwarded-Proto", "http")
	want := &original{method: "GET", scheme: "https", host: "app.test", port: "8443", path: []string{"a,b"}, query: []pair{{"c", ""}}, target: "/a,b?c"}
	for _, h := range []http.Header{short, long} {
		got, no := fromForward(h)
		if no != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("fromForward(%v) = %+v, %v, want %+v", h, got, no, want)
		}
	}
}

func TestFromForward_takes_a_websocket_scheme(t *testing.T) {
	got, no := fromForward(lines("X-Forwarded-Method", "GET", "X-Forwarded-Proto", "wss", "X-Forwarded-Host", "app.test", "X-Forwarded-Uri", "/"))
	want := &original{method: "GET", scheme: "https", host: "app.test", path: []string{}, target: "/", websocket: true}
	if no != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("fromForward = %+v, %v, want %+v", got, no, want)
	}
}

func TestFromForward_refuses(t *testing.T) {
	const m, p, h, u = "X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
	for name, c := range map[string]struct {
		headers http.Header
		want    string
	}{
		"no method":              {lines(p, "https", h, "app.test", u, "/"), reasonMalformed},
		"no proto":               {lines(m, "GET", h, "app.test", u, "/"), reasonMalformed},
		"no host":                {lines(m, "GET", p, "https", u, "/"), reasonMalformed},
		"no uri":                 {lines(m, "GET", p, "https", h, "app.test"), reasonMalformed},
		"a joined uri":           {lines(m, "GET", p, "https", h, "app.test", u, "/a, /b"), reasonDuplicate},
		"a joined host":          {lines(m, "GET", p, "https", h, "app.test, pub.test", u, "/"), reasonDuplicate},
		"two hosts":              {lines(m, "GET", p, "https", h, "app.test", h, "pub.test", u, "/"), reasonDuplicate},
		"another proto":          {lines(m, "GET", p, "gopher", h, "app.test", u, "/"), reasonMalformed},
		"a url and another host": {lines(m, "GET", h, "pub.test", u, "https://app.test/"), reasonHostMismatch},
		"a url and two hosts":    {lines(m, "GET", h, "app.test", h, "app.test", u, "https://app.test/"), reasonDuplicate},
		"a relative uri":         {lines(m, "GET", p, "https", h, "app.test", u, "public"), reasonMalformed},
		"a network path":         {lines(m, "GET", p, "https", h, "app.test", u, "//pub.test/x"), reasonAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			got, no := fromForward(c.headers)
			if reasonOf(no) != c.want {
				t.Errorf("fromForward = %+v, %v, want a refusal with %s", got, no, c.want)
			}
		})
	}
}

func TestFromEnvoy_reads_the_request_line(t *testing.T) {
	got, no := fromEnvoy("DELETE", "App.test", "/a/b?c=1", lines("Upgrade", "h2c", "X-Envoy-Original-Path", "/public", "X-Original-URL", "https://pub.test/"))
	want := &original{method: "DELETE", host: "app.test", path: []string{"a", "b"}, query: []pair{{"c", "1"}}, websocket: true, target: "/a/b?c=1"}
	if no != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("fromEnvoy = %+v, %v, want %+v", got, no, want)
	}
	for target, want := range map[string]string{"": reasonMalformed, "//admin/x": reasonAmbiguous, "?x": reasonMalformed, "/a/../b": reasonAmbiguous} {
		if got, no := fromEnvoy("GET", "app.test", target, http.Header{}); reasonOf(no) != want {
			t.Errorf("fromEnvoy(%q) = %+v, %v, want a refusal with %s", target, got, no, want)
		}
	}
}

func TestWantsUpgrade_takes_any_one_sign_of_a_handshake(t *testing.T) {
	for _, c := range []struct {
		headers http.Header
		want    bool
	}{
		{lines(), false},
		{lines("Upgrade", "websocket"), true},
		{lines("Upgrade", "h2c"), true},
		{lines("Sec-WebSocket-Key", "x"), true},
		{lines("Sec-WebSocket-Version", "13"), true},
		{lines("Sec-WebSocket-Version", ""), true},
		{lines("Connection", "upgrade", "Sec-Fetch-Mode", "websocket"), false}, // say nothing without the others
	} {
		if got := wantsUpgrade(c.headers); got != c.want {
			t.Errorf("wantsUpgrade(%v) = %v, want %v", c.headers, got, c.want)
		}
	}
}
