package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

const (
	deployDir   = "../../deploy"
	nginxData   = "../../testdata/nginx"
	shippedSite = deployDir + "/nginx/gatehouse.conf.template"

	notebook = "http://app.test/notebook/lab/demo/lab"
	contents = "http://app.test/notebook/lab/demo/api/contents/a.ipynb"
	channels = "http://app.test/notebook/lab/demo/api/kernels/42/channels"
)

// startNginx runs nginx with a site's template in a folder of its own, laid out like
// /etc/nginx. edit may change a shipped snippet before nginx reads it.
func startNginx(t *testing.T, site, gatehouseAddr, upstreamAddr string, more map[string]string, edit ...func(dir string)) *proxy {
	t.Helper()
	program := testtools.Program(t, "nginx")
	dir, addr := t.TempDir(), freeAddress(t)
	values := map[string]string{
		"GATEHOUSE_ADDR": gatehouseAddr, "UPSTREAM_ADDR": upstreamAddr,
		"SITE_LISTEN": addr, "SITE_NAMES": "app.test pub.test",
	}
	maps.Copy(values, more)
	writeFile(t, dir, "nginx.conf", render(t, nginxData+"/nginx.conf.tmpl", map[string]string{"SITE": "site.conf"}))
	writeFile(t, dir, "site.conf", render(t, site, values))
	if err := os.CopyFS(filepath.Join(dir, "gatehouse"), os.DirFS(deployDir+"/nginx/gatehouse")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, change := range edit {
		change(dir)
	}
	return startProxy(t, addr, dir, nil, program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
}

// publicRoutes open pub.test and app.test/public to everybody.
const publicRoutes = `{
	"**":     [{"host": "pub.test", "path": "/**", "application": "site", "access": "public"}],
	"public": [{"host": "app.test", "path": "/public/**", "application": "site", "access": "public"}]
}`

// startPublicHouse serves with an overlay that opens some routes.
func startPublicHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "custom/routes/data.json", publicRoutes)
	return startHouse(t, map[string]string{"GATEHOUSE_POLICIES_CUSTOM_ALLOW": "ingress"}, "--policies", dir)
}

func TestNginx_lets_pass_whom_the_policy_lets_pass(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	site := startNginx(t, shippedSite, gate.addr, app.addr, nil)
	editorToken, viewerToken := gate.bearer(t, editor), gate.bearer(t, viewer)

	for _, c := range []struct {
		name, method, url, body, token string
		want                           int
		reason                         string
	}{
		{"a stranger is asked to sign in", "GET", notebook, "", "", 401, "not_signed_in"},
		{"a stranger's POST too", "POST", contents, "{}", "", 401, "not_signed_in"},
		{"a viewer may read", "GET", notebook + "?reset=1", "", viewerToken, 200, ""},
		{"a viewer's HEAD reads", "HEAD", notebook, "", viewerToken, 200, ""},
		{"a viewer may not write", "POST", contents, `{"cells": []}`, viewerToken, 403, "verb_not_granted"},
		{"an editor may write", "POST", contents, `{"cells": []}`, editorToken, 200, ""},
		{"an editor may delete", "DELETE", contents, "", editorToken, 200, ""},
		{"an editor of one namespace is nobody in another", "GET", "http://app.test/notebook/elsewhere/demo/lab", "", editorToken, 403, "no_binding"},
		{"an invented method is refused", "BREW", notebook, "", editorToken, 403, "unknown_method"},
		{"a bad token is no stranger's pass", "GET", notebook, "", viewerToken + "x", 401, "bad_token"},
		{"a large body reaches the application whole", "PUT", contents, strings.Repeat("0123456789abcdef", 1<<17), editorToken, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			if c.token != "" {
				lines = append(lines, "Authorization: "+c.token)
			}
			got := site.send(t, c.method, c.url, c.body, lines...)
			wantStatus(t, c.method+" "+c.url, got, c.want)
			if got.header.Get("X-Gatehouse-Reason") != c.reason {
				t.Errorf("the reason is %q, want %q", got.header.Get("X-Gatehouse-Reason"), c.reason)
			}
			if got.header.Get("X-Gatehouse-Decision-Id") == "" {
				t.Error("the answer does not name the decision")
			}
			if c.want != http.StatusOK {
				app.untouched(t)
				return
			}
			a := app.one(t)
			if got, want := a.Method+" "+a.Host+a.Target, c.method+" "+strings.TrimPrefix(c.url, "http://"); got != want {
				t.Errorf("the application was asked %q, want %q", got, want)
			}
			if a.Body != c.body {
				t.Errorf("the application got a body of %d bytes, want %d", len(a.Body), len(c.body))
			}
		})
	}
	t.Run("a refusal says how to sign in and has no body", func(t *testing.T) {
		got := site.get(t, notebook)
		if challenge := got.header.Get("WWW-Authenticate"); challenge != `Bearer realm="gatehouse"` {
			t.Errorf("the challenge is %q", challenge)
		}
	})
	t.Run("the application's own errors and pages are untouched", func(t *testing.T) {
		answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such notebook", http.StatusNotFound) })
		app.answer.Store(&answer)
		defer app.answer.Store(nil)
		got := site.get(t, notebook, "Authorization: "+viewerToken)
		if got.status != http.StatusNotFound || got.body != "no such notebook\n" {
			t.Errorf("got %d %q, want 404 with the application's text", got.status, got.body)
		}
	})
}

func TestNginx_gives_the_application_only_Gatehouses_headers(t *testing.T) {
	t.Parallel()
	app := startUpstream(t)
	plain, full := startHouse(t, nil), startEveryPreset(t)
	all := slices.DeleteFunc(identityNames(t, full), func(name string) bool { return name == "X-Gatehouse-Decision-Id" })
	var spoofed []string
	for _, name := range all {
		spoofed = append(spoofed, name+": root")
	}
	for _, row := range []struct {
		name string
		gate *house
		want map[string]string
	}{
		{"H06 with one preset", plain, map[string]string{"X-Auth-Request-User": viewer, "X-Auth-Request-Email": viewer}},
		{"H06 with every preset", full, map[string]string{
			"X-Auth-Request-User": viewer, "X-Auth-Request-Email": viewer, "Remote-User": viewer, "Remote-Email": viewer,
			"Kubeflow-Userid": viewer, "X-Webauth-User": viewer, "X-Webauth-Email": viewer,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			site := startNginx(t, shippedSite, row.gate.addr, app.addr, nil)
			lines := append([]string{"Authorization: " + row.gate.bearer(t, viewer)}, spoofed...)
			wantStatus(t, "a viewer with forged headers", site.get(t, notebook, lines...), 200)
			a := app.one(t)
			assertion := a.Header.Get("X-Gatehouse-Assertion")
			if strings.Count(assertion, ".") != 2 {
				t.Errorf("the assertion is %q, want a signed token", assertion)
			}
			a.Header.Del("X-Gatehouse-Assertion")
			if got := a.picked(all...); !maps.Equal(got, row.want) {
				t.Errorf("the application saw %v, want %v", got, row.want)
			}
		})
	}
	site := startNginx(t, shippedSite, plain.addr, app.addr, nil)
	viewerToken := "Authorization: " + plain.bearer(t, viewer)

	t.Run("underscore twins, foreign names and tokens stay outside", func(t *testing.T) {
		wantStatus(t, "a viewer with twins", site.get(t, notebook, viewerToken,
			"x_auth_request_user: root", "X-Auth_Request-User: root", "Kubeflow_Userid: root", "X-Forwarded-User: root",
			"X-Forwarded-Uri: /public", "X-Original-URL: http://pub.test/", "X-Gatehouse-Reason: root", "X-Note: kept"), 200)
		want := map[string]string{"X-Note": "kept", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "app.test"}
		got := app.one(t).picked("X-Note", "Authorization", "x_auth_request_user", "X-Auth_request-User", "Kubeflow_userid", "X-Forwarded-User",
			"X-Forwarded-Uri", "X-Original-Url", "X-Gatehouse-Reason", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
		if !maps.Equal(got, want) {
			t.Errorf("the application saw %v, want %v", got, want)
		}
	})
	t.Run("JupyterHub's own token reaches JupyterHub", func(t *testing.T) {
		wantStatus(t, "the hub's login page", site.get(t, "http://app.test/hub/login", "Authorization: token abc"), 200)
		if got := app.one(t).Header.Get("Authorization"); got != "token abc" {
			t.Errorf("the application saw Authorization %q, want JupyterHub's token", got)
		}
	})
	t.Run("the application's Host has the port that the client wrote", func(t *testing.T) {
		wantStatus(t, "with a port", site.get(t, strings.Replace(notebook, "app.test", "app.test:8443", 1), viewerToken), 200)
		if got := app.one(t).Host; got != "app.test:8443" {
			t.Errorf("Host is %q, want app.test:8443", got)
		}
	})
	t.Run("H08 a Connection header that names an identity header changes nothing", func(t *testing.T) {
		wantStatus(t, "Connection: X-Auth-Request-User", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", viewerToken,
			"Connection: close, X-Auth-Request-User, X-Gatehouse-Assertion"), 200)
		want := map[string]string{"X-Auth-Request-User": viewer}
		if got := app.one(t).picked("X-Auth-Request-User", "Connection"); !maps.Equal(got, want) {
			t.Errorf("the application saw %v, want %v", got, want)
		}
	})
}

func TestNginx_and_Gatehouse_read_paths_and_hosts_alike(t *testing.T) {
	t.Parallel()
	gate, app := startPublicHouse(t), startUpstream(t)
	site := startNginx(t, shippedSite, gate.addr, app.addr, nil)
	ownerToken := "Authorization: " + gate.bearer(t, owner)

	t.Run("the public routes are public", func(t *testing.T) {
		for _, url := range []string{"http://pub.test/", "http://app.test/public/x", "http://PUB.test./admin"} {
			wantStatus(t, url, site.get(t, url), 200)
		}
		app.took()
	})
	t.Run("ambiguous paths are refused whoever asks", func(t *testing.T) {
		for _, target := range []string{
			"/public/../notebook/lab/demo/lab", "/public/./x", "/public//x", "//notebook/lab/demo/lab",
			"/public/..%2fnotebook/lab/demo", "/public/%2e%2e/notebook/lab/demo/lab", "/public/..%5cnotebook", `/public\..\notebook`,
			"/notebook/lab/demo%2flab", "/notebook/lab;x=1/demo/lab", "/notebook/lab/demo/lab%00", "/notebook/lab/demo#/public/", "/notebook/lab/demo%23/public/",
			"/notebook/lab/d\xc3\xa9mo/lab",
		} {
			got := site.raw(t, "GET "+target+" HTTP/1.1", "Host: app.test", ownerToken, "Connection: close")
			wantStatus(t, target, got, 400, 403)
			app.untouched(t)
		}
	})
	t.Run("an encoded letter is the letter, and reaches the application as it was sent", func(t *testing.T) {
		wantStatus(t, "encoded", site.raw(t, "GET /notebook/l%61b/demo/lab HTTP/1.1", "Host: app.test", ownerToken, "Connection: close"), 200)
		if got := app.one(t).Target; got != "/notebook/l%61b/demo/lab" {
			t.Errorf("the application was asked %q", got)
		}
	})
	t.Run("P13", func(t *testing.T) {
		split := []string{"GET http://app.test/notebook/lab/demo/lab HTTP/1.1", "Host: pub.test", "Connection: close"}
		wantStatus(t, "the shipped site", site.raw(t, split...), 401)
		wantStatus(t, "the port is no way around", site.raw(t, split[0], "Host: pub.test:8080", "Connection: close"), 401)
		app.untouched(t)

		pinned := startNginx(t, nginxData+"/ingress-nginx.conf.tmpl", gate.addr, app.addr, map[string]string{"AUTH_QUERY": "?host=$host"})
		wantStatus(t, "ingress-nginx's shape, pinned", pinned.raw(t, split...), 403)
		app.untouched(t)
		wantStatus(t, "ingress-nginx's shape, pinned, one host", pinned.raw(t, "GET /notebook/lab/demo/lab HTTP/1.1", "Host: APP.test:80", ownerToken, "Connection: close"), 200)
		app.took()

		unpinned := startNginx(t, nginxData+"/ingress-nginx.conf.tmpl", gate.addr, app.addr, map[string]string{"AUTH_QUERY": ""})
		wantStatus(t, "ingress-nginx's shape, unpinned, is the hole that the recipe closes", unpinned.raw(t, split...), 200)
		app.took()
	})
	t.Run("a name that is not ours reaches nobody", func(t *testing.T) {
		wantStatus(t, "other.test", site.get(t, "http://other.test/", ownerToken), 421)
		app.untouched(t)
	})
	t.Run("what other proxies say is inert", func(t *testing.T) {
		for _, lines := range [][]string{
			{"X-Forwarded-Uri: /public/x", "X-Forwarded-Host: pub.test", "X-Original-URI: /public/x", "X-Original-Host: pub.test"}, // H01
			{"X-Original-URL: http://pub.test/", "X-Original-Method: OPTIONS"},
			{"X-Envoy-Original-Path: /public/x", "X-Forwarded-Prefix: /public", "X-Forwarded-Port: 1", "X-Rewrite-URL: /public/x"}, // H13
			{"X-HTTP-Method-Override: OPTIONS", "X-Forwarded-Method: OPTIONS"},
			{"User-Agent: kube-probe/1.29"},
			{"Forwarded: for=10.0.0.1;host=pub.test;proto=https", "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1"},
		} {
			t.Run("H13 "+lines[0], func(t *testing.T) {
				wantStatus(t, "a stranger", site.get(t, notebook, lines...), 401)
				app.untouched(t)
				wantStatus(t, "the owner", site.get(t, notebook, append(lines, ownerToken)...), 200)
				want := map[string]string{"X-Auth-Request-User": owner}
				if got := app.one(t).picked("X-Auth-Request-User", "X-Rewrite-Url", "X-Http-Method-Override", "X-Forwarded-Method"); !maps.Equal(got, want) {
					t.Errorf("the application saw %v, want %v", got, want)
				}
			})
		}
	})
}

func TestNginx_speaks_HTTP_as_clients_do(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	counted := startRelay(t, gate.addr)
	site := startNginx(t, shippedSite, counted.addr, app.addr, nil)
	editorToken := "Authorization: " + gate.bearer(t, editor)

	t.Run("H16 a question that promises a body and sends none is answered", func(t *testing.T) {
		careless := startNginx(t, shippedSite, gate.addr, app.addr, nil, func(dir string) {
			auth := filepath.Join(dir, "gatehouse", "auth.conf")
			writeFile(t, dir, "gatehouse/auth.conf", strings.Replace(readFile(t, auth), `proxy_set_header Content-Length "";`, "proxy_set_header Content-Length $content_length;", 1))
		})
		wantStatus(t, "POST", careless.send(t, "POST", contents, "12345", editorToken), 200)
		if got := app.one(t).Body; got != "12345" {
			t.Errorf("the application got body %q, want 12345", got)
		}
	})
	t.Run("H17 conditional and partial requests are decided like plain ones", func(t *testing.T) {
		for _, line := range []string{"If-None-Match: *", "If-Modified-Since: Tue, 24 Nov 2026 00:00:00 GMT", "Range: bytes=0-0", "Expect: 100-continue", "TE: trailers"} {
			wantStatus(t, line+" of a stranger", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", line, "Connection: close"), 401)
			app.untouched(t)
			wantStatus(t, line+" of the editor", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", editorToken, line, "Connection: close"), 200)
			app.one(t)
		}
	})
	t.Run("H18 every method is decided", func(t *testing.T) {
		for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			wantStatus(t, method+" of a stranger", site.send(t, method, notebook, ""), 401)
		}
		for _, method := range []string{"PROPFIND", "MKCOL", "QUERY", "get"} {
			wantStatus(t, method+" of an editor", site.send(t, method, notebook, "", editorToken), 400, 403)
		}
		wantStatus(t, "CONNECT", site.raw(t, "CONNECT app.test:80 HTTP/1.1", "Host: app.test", editorToken, "Connection: close"), 400, 405)
		wantStatus(t, "TRACE", site.raw(t, "TRACE /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", editorToken, "Connection: close"), 403, 405)
		app.untouched(t)
	})
	t.Run("HTTP/1.0 without Host is served as the first name", func(t *testing.T) {
		wantStatus(t, "the default server", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.0", editorToken), 421)
		wantStatus(t, "with Host, a stranger", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.0", "Host: app.test"), 401)
		app.untouched(t)
		wantStatus(t, "with Host, the editor", site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.0", "Host: app.test", editorToken), 200)
		app.one(t)
	})
	t.Run("a chunked body reaches the application", func(t *testing.T) {
		got := site.raw(t, "POST /notebook/lab/demo/api/contents HTTP/1.1", "Host: app.test", editorToken, "Transfer-Encoding: chunked", "Connection: close", "", "5", "hello", "0")
		wantStatus(t, "chunked", got, 200)
		if got := app.one(t).Body; got != "hello" {
			t.Errorf("the application got body %q, want hello", got)
		}
	})
	t.Run("fifty checks share one connection to Gatehouse", func(t *testing.T) {
		before := counted.count.Load()
		for range 25 {
			wantStatus(t, "allowed", site.get(t, notebook, editorToken), 200)
			wantStatus(t, "refused", site.get(t, notebook), 401)
		}
		app.took()
		if opened := counted.count.Load() - before; opened > 4 { // a worker per core
			t.Errorf("50 checks opened %d connections, want at most 4", opened)
		}
	})
}

func TestNginx_asks_again_for_every_request_even_with_a_cache(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	site := startNginx(t, nginxData+"/cached.conf.tmpl", gate.addr, app.addr, nil)
	viewerToken := "Authorization: " + gate.bearer(t, viewer)
	t.Run("H21", func(t *testing.T) {
		decisions := map[string]bool{}
		for i := range 6 {
			lines, want := []string{viewerToken}, 200
			if i >= 3 {
				lines, want = nil, 401
			}
			got := site.get(t, notebook, lines...)
			wantStatus(t, fmt.Sprintf("request %d", i+1), got, want)
			decisions[got.header.Get("X-Gatehouse-Decision-Id")] = true
		}
		if len(decisions) != 6 {
			t.Errorf("6 requests had %d decisions, want 6: %v", len(decisions), decisions)
		}
	})
	t.Run("H21 a viewer's answer is not an intruder's", func(t *testing.T) {
		wantStatus(t, "the viewer reads", site.get(t, notebook, viewerToken), 200)
		wantStatus(t, "the viewer writes", site.send(t, "POST", contents, "{}", viewerToken), 403)
		wantStatus(t, "somebody else reads", site.get(t, notebook, "Authorization: "+gate.bearer(t, outsider)), 403)
	})
}

func TestNginx_fails_closed_when_Gatehouse_is_down(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	site := startNginx(t, shippedSite, gate.addr, app.addr, nil)
	viewerToken := "Authorization: " + gate.bearer(t, viewer)
	wantStatus(t, "while it runs", site.get(t, notebook, viewerToken), 200)
	app.one(t)
	gate.stop()
	wantStatus(t, "a viewer", site.get(t, notebook, viewerToken), 500)
	wantStatus(t, "a stranger", site.get(t, notebook), 500)
	if _, status := site.handshake(t, channels, viewerToken); status != 500 {
		t.Errorf("a WebSocket: status %d, want 500", status)
	}
	app.untouched(t)
}

func TestNginx_checks_the_handshake_of_WebSockets(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	site := startNginx(t, shippedSite, gate.addr, app.addr, nil)
	editorToken, viewerToken := "Authorization: "+gate.bearer(t, editor), "Authorization: "+gate.bearer(t, viewer)

	t.Run("an editor opens a kernel channel and is heard", func(t *testing.T) {
		conn, status := site.handshake(t, channels, editorToken, "X-Auth-Request-User: root")
		if status != http.StatusSwitchingProtocols {
			t.Fatalf("status %d, want 101", status)
		}
		echoes(t, conn, `{"msg_type": "execute_request"}`)
		if got := app.one(t).Header.Get("X-Auth-Request-User"); got != editor {
			t.Errorf("the application saw user %q, want %q", got, editor)
		}
	})
	t.Run("a viewer and a stranger do not", func(t *testing.T) {
		if _, status := site.handshake(t, channels, viewerToken); status != http.StatusForbidden {
			t.Errorf("viewer: status %d, want 403", status)
		}
		if _, status := site.handshake(t, channels); status != http.StatusUnauthorized {
			t.Errorf("stranger: status %d, want 401", status)
		}
		app.untouched(t)
	})
	t.Run("no other upgrade reaches the application", func(t *testing.T) {
		for _, upgrade := range []string{"h2c", "websocket, h2c", "websocket"} { // the last one has no key
			got := site.raw(t, "GET /notebook/lab/demo/api/kernels/42/channels HTTP/1.1", "Host: app.test", viewerToken,
				"Connection: Upgrade, HTTP2-Settings", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
			wantStatus(t, upgrade, got, 200)
			if got := app.one(t).picked("Upgrade", "Connection"); len(got) != 0 {
				t.Errorf("%s: the application saw %v, want no upgrade", upgrade, got)
			}
		}
	})
}
