package crud_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// bodies are no JSON object, or not one that can be read in one way only.
var bodies = map[string]string{
	"nothing": "", "blank": " \n", "a word": "nul", "null": "null", "a number": "1", "a string": `"name"`, "a list": `[]`, "a list of objects": `[{}]`,
	"half an object": `{"name":`, "two values": `{}{}`, "a value and a word": `{} x`, "a comma too many": `{"name":"a",}`, "single quotes": `{'name':'a'}`,
	"a comment": `{/**/}`, "not a number": `{"name":NaN}`, "an unknown member": `{"secret":"hunter2"}`, "a member of no name": `{"":1}`,
	"a member twice": `{"name":"hunter2","name":"b"}`, "a member twice, once escaped": `{"name":"a","n\u0061me":"hunter2"}`,
	"a member of every object": `{"__proto__":{"name":"hunter2"}}`,
	"bytes that are no UTF-8":  "{\"name\":\"\xc3\x28\"}", "UTF-16": "\xff\xfe{\x00}\x00", "a byte order mark": "\ufeff{}", "half a character": `{"name":"\ud800"}`,
	"a control character": "{\"name\":\"a\x01b\"}", "an escaped NUL": `{"name":"a\u0000b","role":"a\u0000b","subject":"a\u0000b","password":1}`,
	"lists in lists": strings.Repeat("[", 100_000), "objects in objects": strings.Repeat(`{"name":`, 50_000),
	"a large number": `{"name":` + strings.Repeat("9", 10_000) + `}`,
	"wrong types":    `{"name":{},"role":[],"labels":7,"owners":"x","subject":false,"password":{},"handle":1,"kind":2,"state":3,"organisation":[],"principal":1,"scopes":"x"}`,
}

// The body of every route that has one is replaced by each of these, by root, who could
// do it.
func TestK07_malformed_bodies_are_refused_wherever_there_is_a_body(t *testing.T) {
	h := newMatrixHouse(t)
	routes, root := h.routes(t), h.tokens["root"]
	tried := map[string]bool{}
	before := h.revision()
	for _, r := range rowsOf(t, matrix) {
		route, _ := routeOf(routes, r)
		if r.content == "-" || r.content == "lines" || r.want[6] >= 300 || tried[route] {
			continue
		}
		tried[route] = true
		t.Run(route, func(t *testing.T) {
			for name, body := range bodies {
				refuseBody(t, name, h.do(root, r.method, r.path, body, "Content-Type", "application/json", "If-Match", "*"), http.StatusBadRequest)
			}
			good := contents[r.content].body
			for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/jsonp", "application/xml"} {
				refuseBody(t, "the type "+kind, h.do(root, r.method, r.path, good, "Content-Type", kind, "If-Match", "*"), http.StatusUnsupportedMediaType, http.StatusBadRequest)
			}
			// A client that asks first reads the refusal, one that does not may see a reset.
			large := `{"name":"` + strings.Repeat("a", 1<<20) + `"}`
			refuseBody(t, "more than a megabyte", h.do(root, r.method, r.path, large, "If-Match", "*", "Expect", "100-continue"), http.StatusRequestEntityTooLarge, http.StatusBadRequest)
		})
	}
	if after := h.revision(); after != before {
		t.Errorf("the revision moved from %d to %d", before, after)
	}
	if log := h.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the log says %s", log)
	}
}

func refuseBody(t *testing.T, name string, got answer, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, got.status) || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: status %d, want %v: %.300s", name, got.status, statuses, got.body)
		return
	}
	var p struct {
		Status int
		Code   string
	}
	decode(t, got, &p)
	if p.Status != got.status || p.Code == "" {
		t.Errorf("%s: the problem is %s", name, got.body)
	}
	if strings.Contains(got.body, "hunter2") || len(got.body) > 8<<10 {
		t.Errorf("%s: the answer repeats what was sent: %.300s", name, got.body)
	}
}
