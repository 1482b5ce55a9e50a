package ingress

import (
	"reflect"
	"strings"
	"testing"
)

func TestAppendPath_decodes_every_segment_once(t *testing.T) {
	for raw, want := range map[string][]string{
		"/":                       {},
		"/a":                      {"a"},
		"/a/":                     {"a", ""},
		"/a/b%20c":                {"a", "b c"},
		"/pub%6cic/x":             {"public", "x"},
		"/a%2Fb/c":                {"a/b", "c"},
		"/%2561dmin":              {"%61dmin"},
		"/%25%36%31dmin":          {"%61dmin"},
		"/a+b":                    {"a+b"},
		"/...":                    {"..."},
		"/.hidden/x.":             {".hidden", "x."},
		"/%E2%82%AC":              {"€"},
		"/a%EF%BC%A1":             {"a\uff21"},
		"/..%20a":                 {".. a"},
		"/100%25":                 {"100%"},
		"/user/ada/api/contents/": {"user", "ada", "api", "contents", ""},
	} {
		got, no := appendPath(nil, raw)
		if no != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("appendPath(%q) = %q, %v, want %q", raw, got, no, want)
		}
	}
}

func TestSetTarget_refuses_what_could_be_read_in_two_ways(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                    reasonMalformed,
		"admin":                               reasonMalformed,
		"*":                                   reasonMalformed,
		"/a b":                                reasonMalformed,
		"/a\x00":                              reasonMalformed,
		"/a\r\nX: y":                          reasonMalformed,
		"/%zz":                                reasonMalformed,
		"/%2":                                 reasonMalformed,
		"/%":                                  reasonMalformed,
		"/a?x=%zz":                            reasonMalformed,
		"/a?x=%ff":                            reasonMalformed,
		"/" + strings.Repeat("a", maxTarget):  reasonMalformed,
		strings.Repeat("/a", maxSegments+1):   reasonMalformed,
		"/?" + strings.Repeat("a&", maxPairs): reasonMalformed,
		"//":                                  reasonAmbiguous,
		"//admin/x":                           reasonAmbiguous,
		"///admin":                            reasonAmbiguous,
		"/public//../admin":                   reasonAmbiguous,
		"/a//":                                reasonAmbiguous,
		"/.":                                  reasonAmbiguous,
		"/..":                                 reasonAmbiguous,
		"/a/./b":                              reasonAmbiguous,
		"/a/../b":                             reasonAmbiguous,
		"/a/%2e%2e/b":                         reasonAmbiguous,
		"/a/.%2E/b":                           reasonAmbiguous,
		"/a/..%2fb":                           reasonAmbiguous,
		"/a%2f..%2fb":                         reasonAmbiguous,
		"/a%2f":                               reasonAmbiguous,
		"/%2fa":                               reasonAmbiguous,
		"/a%2f%2fb":                           reasonAmbiguous,
		"/a%2f.":                              reasonAmbiguous,
		`/a\b`:                                reasonAmbiguous,
		"/a%5cb":                              reasonAmbiguous,
		"/a;b=1":                              reasonAmbiguous,
		"/a%3Bb":                              reasonAmbiguous,
		"/a#b":                                reasonAmbiguous,
		"/a%23b":                              reasonAmbiguous,
		"/a%3fb":                              reasonAmbiguous,
		"/a/..%20/b":                          reasonAmbiguous,
		"/a/%20./b":                           reasonAmbiguous,
		"/a/%ef%bc%8e%ef%bc%8e/b":             reasonAmbiguous,
		"/a%ef%bc%8fb":                        reasonAmbiguous,
		"/a%ef%bc%bcb":                        reasonAmbiguous,
		"/a/%e2%80%a5/b":                      reasonAmbiguous,
		"/a?x#b":                              reasonAmbiguous,
		"/a%00":                               reasonAmbiguous,
		"/a%0a":                               reasonAmbiguous,
		"/a%7f":                               reasonAmbiguous,
		"/a%C2%85":                            reasonAmbiguous, // NEL, a C1 control
		"/caf\xc3\xa9":                        reasonAmbiguous,
		"/\x80":                               reasonAmbiguous,
		"/%ff":                                reasonAmbiguous,
		"/%C0%AE%C0%AE/x":                     reasonAmbiguous, // overlong dots
		"/public/%252e%252e/admin":            reasonAmbiguous,
		"/public/..%252fadmin":                reasonAmbiguous,
		"/public/x%255c..%255cadmin":          reasonAmbiguous,
	} {
		o := original{}
		no := o.setTarget(raw)
		if no == nil || no.reason != want {
			t.Errorf("setTarget(%q) = %v with path %q, want a refusal with %s", raw, no, o.path, want)
		}
	}
}

func TestAppendQuery_keeps_order_and_decodes_once(t *testing.T) {
	got, no := appendQuery(nil, "a=1&b=x+y%2Bz&a=%2541&flag&=v&&c=d=e&s=1;t=2")
	want := []pair{{"a", "1"}, {"b", "x y+z"}, {"a", "%41"}, {"flag", ""}, {"", "v"}, {"c", "d=e"}, {"s", "1;t=2"}}
	if no != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("appendQuery = %q, %v, want %q", got, no, want)
	}
}

func TestParseAuthority_gives_one_spelling_per_host(t *testing.T) {
	type hostPort struct{ host, port string }
	for raw, want := range map[string]hostPort{
		"app.test":                        {"app.test", ""},
		"APP.Test.":                       {"app.test", ""},
		"app.test:8443":                   {"app.test", "8443"},
		"app.test.:443":                   {"app.test", "443"},
		"127.0.0.1:80":                    {"127.0.0.1", "80"},
		"[::1]":                           {"::1", ""},
		"[2001:DB8:0:0::1]:8080":          {"2001:db8::1", "8080"},
		"my_host":                         {"my_host", ""},
		"b\u00fccher.test":                {"xn--bcher-kva.test", ""},
		"XN--bcher-kva.test":              {"xn--bcher-kva.test", ""},
		"localhost":                       {"localhost", ""},
		strings.Repeat("a", 63) + ".test": {strings.Repeat("a", 63) + ".test", ""},
	} {
		host, port, no := parseAuthority(raw)
		if got := (hostPort{host, port}); no != nil || got != want {
			t.Errorf("parseAuthority(%q) = %v, %v, want %v", raw, got, no, want)
		}
	}
}

func TestParseAuthority_refuses_what_is_no_plain_host(t *testing.T) {
	for _, raw := range []string{
		"", ".", "..", "app..test", ".test", "app.test..", "app.test:", "app.test:0", "app.test:99999", "app.test:+80",
		"app.test:80:80", "pub.test@app.test", "app.test%2f.pub.test", "app.test/x", `app.test\x`, "app test", "app.test\x00",
		"-a.test", "a-.test", "[::1", "[::1]x", "[::1]:", "[fe80::1%eth0]", "[127.0.0.1]", "::1", "app.test,pub.test",
		"\uff41pp.test", "app\u3002test", "app\uff0etest", "boo\u212a.b\u00fccher.test", "B\u00dcCHER.test", "\xff.test",
		strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "test",
	} {
		if host, port, no := parseAuthority(raw); no == nil {
			t.Errorf("parseAuthority(%q) = %q, %q, want a refusal", raw, host, port)
		}
	}
}
