package main

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/gatehouse-authz/gatehouse/internal/testtools"
)

// startHAProxy runs HAProxy with the shipped configuration and script.
func startHAProxy(t *testing.T, gatehouseAddr, upstreamAddr string) *proxy {
	t.Helper()
	program := testtools.Program(t, "haproxy")
	recipe, err := filepath.Abs(deployDir + "/haproxy")
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	env := []string{
		"GATEHOUSE_ADDR=" + gatehouseAddr, "UPSTREAM_ADDR=" + upstreamAddr, "SITE_LISTEN=" + addr,
		"GATEHOUSE_LUA=" + filepath.Join(recipe, "gatehouse.lua"),
	}
	return startProxy(t, addr, t.TempDir(), env, program, "-db", "-f", filepath.Join(recipe, "haproxy.cfg"))
}

func TestHAProxy_lets_pass_whom_the_policy_lets_pass(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, nil), startUpstream(t)
	forwardProxyStory(t, startHAProxy(t, gate.addr, app.addr), gate, app)
}

func TestHAProxy_drops_identity_headers_from_every_preset(t *testing.T) {
	t.Parallel()
	gate, app := startHouse(t, map[string]string{"GATEHOUSE_INGRESS_HEADERS": "kubeflow,authelia"}), startUpstream(t)
	site := startHAProxy(t, gate.addr, app.addr)
	wantStatus(t, "forged headers", site.get(t, notebook, "Authorization: "+gate.bearer(t, viewer),
		"X-Auth-Request-User: root", "Kubeflow-Userid: root", "Remote-Groups: root", "Connection: Kubeflow-Userid",
		"X-Rewrite-Url: /", "X-Http-Method-Override: DELETE", "X-Method-Override: DELETE", "X-Real-Ip: 10.0.0.1", "X-Gatehouse-Subject: root", "X-Gatehouse-Groups-Omitted: 1"), 200)
	want := map[string]string{"Kubeflow-Userid": viewer, "Remote-User": viewer, "Remote-Email": viewer}
	got := app.one(t).picked("Kubeflow-Userid", "Remote-User", "Remote-Email", "Remote-Groups", "X-Auth-Request-User", "Connection",
		"X-Rewrite-Url", "X-Http-Method-Override", "X-Method-Override", "X-Real-Ip", "X-Gatehouse-Subject", "X-Gatehouse-Groups-Omitted")
	if !maps.Equal(got, want) {
		t.Errorf("the application saw %v, want %v", got, want)
	}
}
