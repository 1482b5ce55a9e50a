package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The people of the end-to-end tests, as a platform's own manifests name them.
const (
	owner    = "ada@example.org"
	editor   = "eve@example.org"
	viewer   = "vic@example.org"
	outsider = "oz@example.org"
)

const profiles = `apiVersion: kubeflow.org/v1
kind: Profile
metadata: {name: lab}
spec:
  owner: {kind: User, name: ada@example.org}
---
apiVersion: kubeflow.org/v1
kind: Profile
metadata: {name: elsewhere}
spec:
  owner: {kind: User, name: oz@example.org}
`

const editorContributes = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: user-eve-example-org-clusterrole-edit
  namespace: lab
  annotations: {user: eve@example.org, role: edit}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeflow-edit}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: eve@example.org}]
`

const viewerContributes = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: user-vic-example-org-clusterrole-view
  namespace: lab
  annotations: {user: vic@example.org, role: view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeflow-view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: vic@example.org}]
`

// house is a Gatehouse served by the real command in this process, on free ports
// and a directory of its own.
type house struct {
	addr, ops string
	data      string
	env       map[string]string
	now       func() time.Time // the server's clock; nil = the real one
	log       *lockedBuffer
	stop      func() // returns when the server has ended
}

// startHouse imports the people, serves, and waits until the server is ready. env
// holds environment variables, args more of serve's arguments.
func startHouse(t *testing.T, env map[string]string, args ...string) *house {
	t.Helper()
	h := &house{addr: freeAddress(t), ops: freeAddress(t), data: filepath.Join(t.TempDir(), "data"), env: env, log: &lockedBuffer{}}
	h.importFiles(t, writeFile(t, t.TempDir(), "people.yaml", profiles+editorContributes+viewerContributes))
	h.serve(t, args...)
	return h
}

// serve starts the server on the house's folder and waits until it is ready.
func (h *house) serve(t *testing.T, args ...string) {
	t.Helper()
	ended := h.start(t, args...)
	waitFor(t, "gatehouse to be ready", func() bool {
		if err := ended(); err != nil {
			t.Fatalf("gatehouse serve: %v\n%s", err, h.log)
		}
		return statusOf("http://"+h.addr+"/readyz") == http.StatusOK
	}, h.log)
}

// start starts the server; what it returns says why the server has ended, nil while
// it runs.
func (h *house) start(t *testing.T, args ...string) (ended func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	args = append([]string{"serve", "--listen", h.addr, "--ops-listen", h.ops, "--data", h.data}, args...)
	now := h.now
	if now == nil {
		now = time.Now
	}
	served := &app{env: h.getenv, in: strings.NewReader(""), out: h.log, err: h.log, now: now}
	go func() { done <- served.run(ctx, args) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("gatehouse serve ended with: %v\n%s", err, h.log)
		}
	})
	t.Cleanup(h.stop)
	return func() error {
		select {
		case err := <-done:
			done <- nil
			return err
		default:
			return nil
		}
	}
}

// getenv answers for the environment. A busy machine must not fail a test by the
// deadline of a decision, so it is long unless a test sets it.
func (h *house) getenv(name string) string {
	if v, set := h.env[name]; set || name != "GATEHOUSE_ENGINE_DEADLINE" {
		return v
	}
	return "10s"
}

// command runs a subcommand beside the server and returns what it printed.
func (h *house) command(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), args, h.getenv, strings.NewReader(""), &out, &errs); err != nil {
		t.Fatalf("gatehouse %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

func (h *house) importFiles(t *testing.T, args ...string) {
	t.Helper()
	h.command(t, append([]string{"import", "--data", h.data}, args...)...)
}

// bearer mints a token for a person.
func (h *house) bearer(t *testing.T, account string) string {
	t.Helper()
	return "Bearer " + strings.TrimSpace(h.command(t, "token", "--account", account, "--data", h.data))
}

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// waitFor checks until the condition holds; after ten seconds it fails the test and
// prints what it is given to explain.
func waitFor(t *testing.T, what string, holds func() bool, explain ...any) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain for %s\n%s", what, explain)
		}
	}
}

// freeAddress is a loopback address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// statusOf is 0 while nobody answers.
func statusOf(url string) int {
	res, err := http.Get(url) // addresses of this test
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}
