package crud_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// conditional are the documents that have a version, parts before what they are parts
// of, each with what root may put there and patch.
var conditional = []struct {
	path, put, patch string
	read             bool // replacing it needs the version that was read
	untagged         bool // it is read in a list alone, which has no ETag
}{
	{path: "/accounts/{bob}/identities/corp", put: `{"subject":"%"}`, untagged: true},
	{path: "/tokens/{bobs}", patch: `{"name":"%"}`},
	{path: "/namespaces/lab/binding?principal=account:{vic}", put: `{"role":"edit"}`, patch: `{"role":"admin"}`},
	{path: "/namespaces/lab", put: `{"owners":["account:{ada}"],"labels":{"name":"%"}}`, patch: `{"labels":{"name":"%"}}`, read: true},
	{path: "/teams/{ml}/members/{nia}", put: `{"role":"owner"}`},
	{path: "/teams/{ml}", put: `{"organisation":"{acme}","handle":"ml","name":"%"}`, patch: `{"name":"%"}`, read: true},
	{path: "/organisations/{acme}/members/{nia}", put: `{"role":"owner"}`},
	{path: "/organisations/{acme}", put: `{"state":"active","name":"%"}`, patch: `{"name":"%"}`, read: true},
	{path: "/accounts/{bob}", put: `{"kind":"person","state":"active","name":"%"}`, patch: `{"name":"%"}`, read: true},
}

// weak is the weak form of a validator, which no write may be made over (RFC 9110, 8.8.3.2).
func weak(etag string) string { return "W/" + etag }

func TestNothing_is_written_over_a_version_that_was_not_read(t *testing.T) {
	h := newMatrixHouse(t)
	root := h.tokens["root"]
	for _, c := range conditional {
		t.Run(c.path, func(t *testing.T) {
			etag := h.do(root, http.MethodGet, c.path, "").header.Get("ETag")
			if c.untagged {
				etag = h.do(root, http.MethodPut, c.path, strings.ReplaceAll(c.put, "%", "first")).header.Get("ETag")
			}
			if etag == "" {
				t.Fatal("there is no ETag")
			}
			refused := func(method, body string, status int, want string, with ...string) {
				t.Helper()
				before := h.revision()
				got := h.do(root, method, c.path, strings.ReplaceAll(body, "%", "refused"), with...)
				if got.status != status {
					t.Errorf("%s with %v: status %d, want %d: %s", method, with, got.status, status, got.body)
				}
				compareJSON(t, got.body, want)
				if after := h.revision(); after != before {
					t.Errorf("%s with %v moved the revision from %d to %d", method, with, before, after)
				}
			}
			for method, body := range map[string]string{http.MethodPut: c.put, http.MethodPatch: c.patch, http.MethodDelete: ""} {
				if body == "" && method != http.MethodDelete {
					continue
				}
				for _, wrong := range []string{`"x"`, weak(etag), strings.Trim(etag, `"`), etag[:len(etag)-2] + `"`, `"", "x"`} {
					refused(method, body, http.StatusPreconditionFailed, stale, "If-Match", wrong)
				}
			}
			if c.put != "" {
				refused(http.MethodPut, c.put, http.StatusPreconditionFailed, isThere, "If-None-Match", "*")
				refused(http.MethodPut, c.put, http.StatusPreconditionFailed, isThere, "If-None-Match", "*", "If-Match", etag)
				refused(http.MethodPut, c.put, http.StatusPreconditionFailed, onlyStar, "If-None-Match", `"x"`)
			}
			if c.read {
				refused(http.MethodPut, c.put, http.StatusPreconditionRequired, unread)
			}
			h.writeOver(t, c.path, c.put, c.patch, etag)
		})
	}
}

// writeOver makes the writes that are in order: over the version that is there, whatever
// it is, and over no other.
func (h *matrixHouse) writeOver(t *testing.T, path, put, patch, etag string) {
	t.Helper()
	root := h.tokens["root"]
	for _, w := range []struct{ method, body string }{{http.MethodPut, put}, {http.MethodPatch, patch}} {
		if w.body == "" {
			continue
		}
		body := strings.ReplaceAll(w.body, "%", "over"+w.method)
		got := h.do(root, w.method, path, body, "If-Match", `"x", `+etag)
		next := got.header.Get("ETag")
		if got.status != http.StatusOK || next == "" || next == etag {
			t.Fatalf("%s over the version that was read: status %d, ETag %q after %q: %s", w.method, got.status, next, etag, got.body)
		}
		compareJSON(t, h.do(root, w.method, path, strings.ReplaceAll(w.body, "%", "again"), "If-Match", etag).body, stale)
		if again := h.do(root, w.method, path, body, "If-Match", "*"); again.status != http.StatusOK || again.header.Get("ETag") != next {
			t.Errorf("%s of the same, over any version: status %d, ETag %q, want %q", w.method, again.status, again.header.Get("ETag"), next)
		}
		etag = next
	}
	compareJSON(t, h.do(root, http.MethodDelete, path, "", "If-Match", `"x"`).body, stale)
	if got := h.do(root, http.MethodDelete, path, "", "If-Match", etag); got.status != http.StatusNoContent {
		t.Errorf("DELETE over the version that was read: status %d: %s", got.status, got.body)
	}
	before := h.revision()
	for _, w := range []struct {
		method, body string
		status       int
	}{{http.MethodPatch, patch, http.StatusNotFound}, {http.MethodDelete, "", http.StatusNotFound}, {http.MethodPut, put, http.StatusPreconditionFailed}} {
		if w.body == "" && w.method != http.MethodDelete {
			continue
		}
		for _, match := range []string{"*", etag} {
			got := h.do(root, w.method, path, strings.ReplaceAll(w.body, "%", "gone"), "If-Match", match)
			if got.status != w.status {
				t.Errorf("%s with If-Match %s of what is gone: status %d, want %d: %s", w.method, match, got.status, w.status, got.body)
			}
		}
	}
	if after := h.revision(); after != before {
		t.Errorf("what is gone moved the revision from %d to %d", before, after)
	}
}

// What can be made conditional is in the list above, so that a new route is tried too.
func TestEvery_route_that_takes_conditions_is_tried_with_them(t *testing.T) {
	h := newMatrixHouse(t)
	var doc document
	decode(t, h.do(h.tokens["root"], http.MethodGet, "/openapi.json", ""), &doc)
	tried := map[string]int{}
	for _, c := range conditional {
		for method, body := range map[string]string{http.MethodPut: c.put, http.MethodPatch: c.patch, http.MethodDelete: "-"} {
			if body == "" {
				continue
			}
			if route, is := routeOf(h.routes(t), row{method: method, path: c.path}); is {
				tried[route]++
			}
		}
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			takes := slices.ContainsFunc(op.Parameters, func(p struct{ Name, Description, Ref string }) bool { return p.Name == "If-Match" })
			if route := strings.ToUpper(method) + " " + path; takes != (tried[route] > 0) {
				t.Errorf("%s takes If-Match: %t, and is tried %d times with it", route, takes, tried[route])
			}
		}
	}
}
