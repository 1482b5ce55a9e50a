package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// startCaddy runs Caddy with a Caddyfile, its state in a folder of its own.
func startCaddy(t *testing.T, file, gatehouseAddr, upstreamAddr string) *proxy {
	t.Helper()
	program := testtools.Program(t, "caddy")
	dir, addr := t.TempDir(), freeAddress(t)
	_, port, _ := strings.Cut(addr, ":")
	site := writeFile(t, dir, "Caddyfile", "{\n\tadmin off\n}\n"+readFile(t, file))
	env := []string{
		"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
		"GATEHOUSE_ADDR=" + gatehouseAddr, "UPSTREAM_ADDR=" + upstreamAddr, "SITE=http://:" + port,
	}
	return startProxy(t, addr, dir, env, program, "run", "--config", site, "--adapter", "caddyfile")
}

const (
	shippedCaddyfile = deployDir + "/caddy/Caddyfile"
	naiveCaddyfile   = "../../testdata/caddy/naive.Caddyfile"
)

func TestCaddy_lets_pass_whom_the_policy_lets_pass(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	forwardProxyStory(t, startCaddy(t, shippedCaddyfile, gate.addr, app.addr), gate, app)
}

func TestCaddy_loses_no_identity_to_a_Connection_header(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	viewerToken := "Authorization: " + gate.bearer(t, viewer)
	request := []string{"GET /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", viewerToken, "Connection: close, X-Auth-Request-User, X-Gatehouse-Assertion"}

	t.Run("H08", func(t *testing.T) {
		site := startCaddy(t, shippedCaddyfile, gate.addr, app.addr)
		wantStatus(t, "with the recipe", site.raw(t, request...), 200)
		a := app.one(t)
		if got := a.Header.Get("X-Auth-Request-User"); got != viewer {
			t.Errorf("the application saw user %q, want %q", got, viewer)
		}
		if a.Header.Get("X-Gatehouse-Assertion") == "" {
			t.Error("the application saw no assertion")
		}
	})
	t.Run("H08 behind a bare forward_auth only an application that demands the assertion is safe", func(t *testing.T) {
		site := startCaddy(t, naiveCaddyfile, gate.addr, app.addr)
		wantStatus(t, "a trusting application", site.raw(t, request...), 200)
		if got := app.one(t).picked("X-Auth-Request-User", "X-Gatehouse-Assertion"); len(got) != 0 {
			t.Errorf("the application saw %v: Caddy keeps these headers now, and the recipe need not", got)
		}
		demands := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Count(r.Header.Get("X-Gatehouse-Assertion"), ".") != 2 {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		app.answer.Store(&demands)
		defer app.answer.Store(nil)
		wantStatus(t, "a demanding application, a plain request", site.get(t, notebook, viewerToken), 200)
		wantStatus(t, "a demanding application, a request that drops the headers", site.raw(t, request...), 401)
	})
}

// forwardProxyStory is what every proxy that asks /auth/forward must do alike.
func forwardProxyStory(t *testing.T, site *proxy, gate *house, app *upstream) {
	t.Helper()
	editorToken, viewerToken := "Authorization: "+gate.bearer(t, editor), "Authorization: "+gate.bearer(t, viewer)

	t.Run("a stranger is asked to sign in", func(t *testing.T) {
		got := site.get(t, notebook)
		wantStatus(t, "GET", got, 401)
		if challenge := got.header.Get("WWW-Authenticate"); challenge != `Bearer realm="gatehouse"` {
			t.Errorf("the challenge is %q", challenge)
		}
		wantStatus(t, "POST", site.send(t, "POST", contents, "{}"), 401)
		app.untouched(t)
	})
	t.Run("a viewer reads and may not write", func(t *testing.T) {
		wantStatus(t, "GET", site.get(t, notebook+"?reset=1&user=root", viewerToken), 200)
		if got := app.one(t).Target; got != "/notebook/lab/demo/lab?reset=1&user=root" {
			t.Errorf("the application was asked %q", got)
		}
		got := site.send(t, "POST", contents, "{}", viewerToken)
		wantStatus(t, "POST", got, 403)
		if reason := got.header.Get("X-Gatehouse-Reason"); reason != "verb_not_granted" {
			t.Errorf("the reason is %q, want verb_not_granted", reason)
		}
		app.untouched(t)
	})
	t.Run("an editor writes", func(t *testing.T) {
		wantStatus(t, "POST", site.send(t, "POST", contents, `{"cells": []}`, editorToken), 200)
		if a := app.one(t); a.Method != "POST" || a.Body != `{"cells": []}` {
			t.Errorf("the application got %s %q", a.Method, a.Body)
		}
	})
	t.Run("an editor opens a kernel channel, a viewer does not", func(t *testing.T) {
		conn, status := site.handshake(t, channels, editorToken)
		if status != http.StatusSwitchingProtocols {
			t.Fatalf("editor: status %d, want 101", status)
		}
		echoes(t, conn, "1 + 1")
		app.one(t)
		if _, status := site.handshake(t, channels, viewerToken); status != http.StatusForbidden {
			t.Errorf("viewer: status %d, want 403", status)
		}
		if _, status := site.handshake(t, channels); status != http.StatusUnauthorized {
			t.Errorf("stranger: status %d, want 401", status)
		}
		app.untouched(t)
	})
	t.Run("no other upgrade reaches the application", func(t *testing.T) {
		for _, upgrade := range []string{"h2c", "websocket, h2c", "other/1"} {
			got := site.raw(t, "GET /notebook/lab/demo/api/kernels/42/channels HTTP/1.1", "Host: app.test", editorToken,
				"Connection: close, Upgrade, HTTP2-Settings", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
			wantStatus(t, upgrade, got, 200, 400, 403)
			for _, a := range app.took() {
				if got := a.picked("Upgrade"); len(got) != 0 {
					t.Errorf("%s: the application saw %v, want no upgrade", upgrade, got)
				}
			}
		}
	})
	t.Run("H06", func(t *testing.T) {
		names := []string{
			"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "Remote-User", "Remote-Groups",
			"Kubeflow-Userid", "X-Webauth-User", "X-Webauth-Role", "X-Forwarded-User", "X-Gatehouse-Groups-Omitted",
			"X-Rewrite-Url", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Real-Ip",
		}
		lines := []string{viewerToken}
		for _, name := range names {
			lines = append(lines, name+": root")
		}
		wantStatus(t, "forged headers", site.get(t, notebook, lines...), 200)
		a := app.one(t)
		got := a.picked(append(names, "Authorization")...)
		maps.DeleteFunc(got, func(_, v string) bool { return v == "" })
		if want := map[string]string{"X-Auth-Request-User": viewer, "X-Auth-Request-Email": viewer}; !maps.Equal(got, want) {
			t.Errorf("the application saw %v, want %v", got, want)
		}
		if strings.Count(a.Header.Get("X-Gatehouse-Assertion"), ".") != 2 {
			t.Errorf("the assertion is %q, want a signed token", a.Header.Get("X-Gatehouse-Assertion"))
		}
	})
	t.Run("H06 underscore twins do not pass for identity", func(t *testing.T) {
		got := site.raw(t, "GET /notebook/lab/demo/lab HTTP/1.1", "Host: app.test", viewerToken, "X_Auth_Request_User: root", "Kubeflow_Userid: root", "Connection: close")
		wantStatus(t, "twins", got, 200, 403)
		for _, a := range app.took() {
			if got := a.picked("X_auth_request_user", "Kubeflow_userid"); len(got) != 0 {
				t.Errorf("the application saw %v", got)
			}
		}
	})
	t.Run("what other proxies say does not open anything", func(t *testing.T) {
		for _, lines := range [][]string{
			{"X-Original-URL: http://app.test/hub/login", "X-Original-Method: GET"},
			{"X-Forwarded-Uri: /hub/login", "X-Forwarded-Method: GET", "X-Forwarded-Host: pub.test"},
			{"X-Envoy-Original-Path: /hub/login", "X-Forwarded-Prefix: /hub/login", "X-Forwarded-Port: 1"},
			{"X-HTTP-Method-Override: OPTIONS"},
		} {
			wantStatus(t, "H13 "+lines[0], site.get(t, notebook, lines...), 401, 403)
			app.untouched(t)
		}
	})
	t.Run("ambiguous paths and split hosts are refused", func(t *testing.T) {
		for _, target := range []string{
			"/hub/login/../../notebook/lab/demo/lab", "/hub/login/%2e%2e/%2e%2e/notebook/lab/demo/lab", "//notebook/lab/demo/lab",
			"/notebook/lab/demo%2flab", "/notebook/lab;x=1/demo/lab", "/notebook/lab/demo/lab%00",
		} {
			wantStatus(t, target, site.raw(t, "GET "+target+" HTTP/1.1", "Host: app.test", editorToken, "Connection: close"), 400, 403)
			app.untouched(t)
		}
		wantStatus(t, "P13 two hosts", site.raw(t, "GET http://app.test/notebook/lab/demo/lab HTTP/1.1", "Host: pub.test", "Connection: close"), 400, 401, 403)
		app.untouched(t)
	})
	t.Run("JupyterHub's own token reaches JupyterHub", func(t *testing.T) {
		wantStatus(t, "the hub's login page", site.get(t, "http://app.test/hub/login", "Authorization: token abc"), 200)
		if got := app.one(t).Header.Get("Authorization"); got != "token abc" {
			t.Errorf("the application saw Authorization %q, want JupyterHub's token", got)
		}
	})
	t.Run("the gate is closed when Gatehouse is down", func(t *testing.T) {
		gate.stop()
		for name, lines := range map[string][]string{"viewer": {viewerToken}, "stranger": nil} {
			wantStatus(t, name, site.get(t, notebook, lines...), 500, 502, 503)
		}
		app.untouched(t)
	})
}
