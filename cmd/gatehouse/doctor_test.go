package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// consult runs `gatehouse doctor` and returns each check's verdict by its title.
func consult(t *testing.T, stdin string, args ...string) (verdicts map[string]string, text string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), append([]string{"doctor"}, args...), func(string) string { return "" }, strings.NewReader(stdin), &out, &errs)
	verdicts = map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(ok|note|FAIL)\s+([^:]+): `).FindAllStringSubmatch(out.String(), -1) {
		verdicts[line[2]] = line[1]
	}
	return verdicts, out.String() + errs.String(), err
}

// failing returns the titles of the failed checks.
func failing(verdicts map[string]string) string {
	var titles []string
	for title, v := range verdicts {
		if v == string(failed) {
			titles = append(titles, title)
		}
	}
	return strings.Join(titles, ", ")
}

func TestDoctor_tells_a_closed_gate_from_an_open_one(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	viewerToken := strings.TrimPrefix(gate.bearer(t, viewer), "Bearer ")
	tokenFile := writeFile(t, t.TempDir(), "token", viewerToken+"\n")

	edited := func(file, from, to string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, file)
			text := readFile(t, path)
			if !strings.Contains(text, from) {
				t.Fatalf("%s holds no %q", file, from)
			}
			writeFile(t, dir, file, strings.ReplaceAll(text, from, to))
		}
	}
	for _, c := range []struct {
		name  string
		start func(t *testing.T) *proxy
		want  string // titles of the failed checks
	}{
		{"the shipped nginx site is sound", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, gate.addr, app.addr, nil)
		}, ""},
		{"the shipped Caddyfile is sound", func(t *testing.T) *proxy {
			return startCaddy(t, shippedCaddyfile, gate.addr, app.addr)
		}, ""},
		{"the shipped HAProxy site is sound", func(t *testing.T) *proxy {
			return startHAProxy(t, gate.addr, app.addr)
		}, ""},
		{"P13 ingress-nginx with a pinned host is sound", func(t *testing.T) *proxy {
			return startNginx(t, nginxData+"/ingress-nginx.conf.tmpl", gate.addr, app.addr, map[string]string{"AUTH_QUERY": "?host=$host"})
		}, ""},
		{"P13 ingress-nginx without a pinned host is found", func(t *testing.T) *proxy {
			return startNginx(t, nginxData+"/ingress-nginx.conf.tmpl", gate.addr, app.addr, map[string]string{"AUTH_QUERY": ""})
		}, "the host is pinned"},
		{"H19 a site that does not ask is found", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, gate.addr, app.addr, nil, edited("gatehouse/guard.conf", "auth_request /_gatehouse/auth;", ""))
		}, "a stranger is turned away"},
		{"H19 an error page that swallows the refusal is found", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, gate.addr, app.addr, nil, edited("site.conf", "include gatehouse/guard.conf;", "include gatehouse/guard.conf; error_page 401 =200 @welcome;"),
				edited("site.conf", "location / {", "location @welcome { return 200 welcome; }\n location / {"))
		}, "a stranger is turned away"},
		{"a Gatehouse that cannot be reached is found", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, freeAddress(t), app.addr, nil)
		}, "a stranger is turned away"},
		{"H01 a URL that the client may write is found", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, gate.addr, app.addr, nil, edited("gatehouse/auth.conf", "proxy_set_header X-Original-URL $scheme://$host$request_uri;",
				"set $asked $http_x_original_url; if ($asked = '') { set $asked $scheme://$host$request_uri; } proxy_set_header X-Original-URL $asked;"))
		}, "headers of proxies and of identities are inert"},
		{"an exempted method is found", func(t *testing.T) *proxy {
			return startNginx(t, shippedSite, gate.addr, app.addr, nil, edited("site.conf", "include gatehouse/auth.conf;",
				"include gatehouse/auth.conf; error_page 418 = @open; if ($request_method = OPTIONS) { return 418; } location @open { proxy_pass http://application; }"))
		}, "every method is guarded"},
		{"H21 a cache over Gatehouse's word is found", func(t *testing.T) *proxy {
			return startNginx(t, nginxData+"/cached.conf.tmpl", gate.addr, app.addr, nil, edited("site.conf", "proxy_cache answers;",
				"proxy_cache answers; proxy_ignore_headers Cache-Control;"), edited("site.conf", "proxy_cache_valid 200 202 401 403 5m;", "proxy_cache_valid 200 5m;"))
		}, "answers are not reused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := c.start(t)
			app.took()
			verdicts, text, err := consult(t, "", "--connect", site.addr, "--token-file", tokenFile, notebook)
			if got := failing(verdicts); got != c.want {
				t.Errorf("failed checks: %q, want %q\n%s", got, c.want, text)
			}
			var code exitCode
			if exits := errors.As(err, &code) && code == 1; exits != (c.want != "") {
				t.Errorf("ended with %v, want exit status 1 only where a check failed", err)
			}
			if c.want != "" && !strings.Contains(text, "      -> ") {
				t.Errorf("no advice in:\n%s", text)
			}
			if strings.Contains(text, viewerToken) {
				t.Error("the report shows the token")
			}
			if c.want == "" && len(verdicts) != 10 {
				t.Errorf("%d checks, want 10:\n%s", len(verdicts), text)
			}
		})
	}
}

func TestDoctor_does_not_take_an_applications_own_sign_in_for_the_gate(t *testing.T) {
	t.Parallel()
	app := startUpstream(t)
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			return
		}
		http.Redirect(w, r, "/login?next=x", http.StatusFound)
	})
	app.answer.Store(&login)
	verdicts, text, err := consult(t, "", "http://"+app.addr+"/notebook/lab/demo/lab")
	if verdicts["it is Gatehouse who answers"] != string(failed) || err == nil {
		t.Errorf("got %v, %v, want a failure: nothing says that Gatehouse is there\n%s", verdicts, err, text)
	}
}

func TestDoctor_verifies_the_certificate_unless_told_not_to(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	if _, text, err := consult(t, "", server.URL+"/x"); err == nil || !strings.Contains(text, "certificate") {
		t.Errorf("ended with %v and\n%s\nwant a failure that names the certificate", err, text)
	}
	if verdicts, text, err := consult(t, "", "--insecure", server.URL+"/x"); err != nil || len(verdicts) != 8 {
		t.Errorf("--insecure ended with %v and\n%s\nwant 8 checks passed", err, text)
	}
}

func TestDoctor_names_redirects_and_dead_ends(t *testing.T) {
	t.Parallel()
	app := startUpstream(t)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		advice string
	}{
		"a redirect to https": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
		}, "give the URL it leads to"},
		"a missing path":        {http.NotFound, "name a guarded path"},
		"a misconfigured proxy": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "cannot reach Gatehouse"},
	} {
		t.Run(name, func(t *testing.T) {
			app.answer.Store(&c.answer)
			_, text, err := consult(t, "", "http://"+app.addr+"/notebook/lab/demo/lab")
			if err == nil || !strings.Contains(text, c.advice) {
				t.Errorf("ended with %v and\n%s\nwant a failure that says %q", err, text, c.advice)
			}
		})
	}
}

func TestDoctor_says_what_is_wrong_with_its_arguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"is not an http(s) URL":      {"app.test/notebook"},
		"without user name":          {"http://ada:secret@app.test/"},
		"must begin with /":          {"--public", "hub", "http://app.test/"},
		"must be more than 0":        {"--timeout", "0s", "http://app.test/"},
		"no such file":               {"--token-file", "/nowhere/token", "http://app.test/"},
		"holds no token":             {"--token-file", "-", "http://app.test/"},
		"the ingress did not answer": {"--connect", freeAddress(t), "http://app.test/"},
	} {
		_, text, err := consult(t, " \n", args...)
		if err == nil || !strings.Contains(err.Error()+text, want) {
			t.Errorf("%v: got %v %s, want %q", args, err, text, want)
		}
	}
}
