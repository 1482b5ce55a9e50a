package crud_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// row is one line of the matrix.
type row struct {
	method, path, content string
	want                  []int // by caller
}

func rowsOf(t *testing.T, text string) (rows []row) {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3+len(callers) || words[0] == "#" {
			if len(words) > 0 && words[0] != "#" && words[0] != "anon" {
				t.Fatalf("a row has %d words: %s", len(words), line)
			}
			continue
		}
		r := row{method: words[0], path: words[1], content: words[2]}
		if _, known := contents[r.content]; !known {
			t.Fatalf("nobody knows what to send: %s", line)
		}
		for _, word := range words[3:] {
			status, err := strconv.Atoi(word)
			if err != nil {
				t.Fatalf("%s is no status: %s", word, line)
			}
			r.want = append(r.want, status)
		}
		rows = append(rows, r)
	}
	return rows
}

func (r row) name() string { return r.method + " " + r.path + " " + r.content }

// writes says whether a cell changes the directory.
func (r row) writes(caller int) bool { return r.want[caller] < 300 && r.method != http.MethodGet }

func TestK01_every_route_answers_every_caller_as_the_matrix_says(t *testing.T) {
	rows := rowsOf(t, matrix)
	h := newMatrixHouse(t)
	t.Run("every route has a row", func(t *testing.T) { checkCoverage(t, h, rows) })
	t.Run("and nothing else is a route", func(t *testing.T) { checkOtherMethods(t, h) })
	// What changes nothing may be asked one after the other; that nothing changes is seen.
	for _, r := range rows {
		t.Run(r.name(), func(t *testing.T) {
			for i, caller := range callers {
				if r.writes(i) {
					continue
				}
				before := h.revision()
				h.check(t, caller.name, r, r.want[i], h.ask(caller.name, r))
				if after := h.revision(); after != before {
					t.Errorf("%s %s by %q moved the revision from %d to %d", r.method, r.path, caller.name, before, after)
				}
			}
		})
	}
	t.Run("writes", func(t *testing.T) {
		for _, r := range rows {
			for i, caller := range callers {
				if r.writes(i) {
					t.Run(r.name()+" by "+caller.is, func(t *testing.T) { h.tryWrite(t, caller.name, r, r.want[i]) })
				}
			}
		}
	})
}

// tryWrite tries a write that is allowed in a house of its own.
func (h *matrixHouse) tryWrite(t *testing.T, caller string, r row, want int) {
	mine := h.another(t)
	before := mine.revision()
	got := mine.ask(caller, r)
	mine.check(t, caller, r, want, got)
	after := strconv.FormatUint(mine.revision(), 10)
	if after != strconv.FormatUint(before+1, 10) {
		t.Errorf("the write moved the revision from %d to %s", before, after)
	}
	if said := got.header.Get("Gatehouse-Revision"); said != after && r.content != "lines" { // there it is a trailer
		t.Errorf("the write is answered with revision %q, want %s", said, after)
	}
}

// checkCoverage compares the rows with the routes that the surface says it has.
func checkCoverage(t *testing.T, h *matrixHouse, rows []row) {
	routes := h.routes(t)
	foreign := map[string]bool{}
	for _, r := range rows {
		route, is := routeOf(routes, r)
		if !is {
			t.Errorf("there is no such route: %s %s", r.method, r.path)
			continue
		}
		routes[route]++
		for name := range strangers {
			if strings.Contains(r.path, "{"+name+"}") || strings.Contains(r.path, "/"+name) {
				foreign[route] = true
			}
		}
	}
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		switch {
		case routes[route] == 0:
			t.Errorf("%s has no row: who may do it?", route)
		case strings.Contains(route, "{") && !foreign[route]:
			t.Errorf("%s has no row about what is not the callers'", route)
		}
	}
}

// routes are those that the surface says it has.
func (h *matrixHouse) routes(t *testing.T) map[string]int {
	t.Helper()
	var doc document
	decode(t, h.do(h.tokens["root"], http.MethodGet, "/openapi.json", ""), &doc)
	routes := map[string]int{"GET /docs": 0, "GET /openapi.json": 0}
	for path, methods := range doc.Paths {
		for method := range methods {
			routes[strings.ToUpper(method)+" "+path] = 0
		}
	}
	return routes
}

// checkOtherMethods sends to every path what it is not for, through the handlers of the
// whole server: who has not signed in is told to, and to root it is not there.
func checkOtherMethods(t *testing.T, h *matrixHouse) {
	routes, before := h.routes(t), h.revision()
	paths := map[string]bool{}
	for route := range routes {
		_, path, _ := strings.Cut(route, " ")
		paths[path] = true
	}
	for path := range paths {
		target := "/admin/v1" + regexp.MustCompile(`{\w+}`).ReplaceAllString(path, "me")
		if path == "/docs" {
			target = path
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "get"} {
			if _, is := routes[method+" "+path]; is {
				continue
			}
			for raw, want := range map[string]int{"": http.StatusUnauthorized, h.tokens["root"]: http.StatusNotFound} {
				var headers []admintest.Header
				if raw != "" {
					headers = []admintest.Header{{Name: "Authorization", Value: "Bearer " + raw}}
				}
				got := h.Exchange(admintest.Request(method, target, "gatehouse.test", headers...))
				if got.Status != want || got.Header.Get("Content-Type") != "application/problem+json" || (got.Body == "") != (method == "HEAD") {
					t.Errorf("%s %s is answered with %d, want %d, as %s: %s", method, target, got.Status, want, got.Header.Get("Content-Type"), got.Body)
				}
			}
		}
	}
	if after := h.revision(); after != before {
		t.Errorf("the revision moved from %d to %d", before, after)
	}
}

// routeOf finds the route that a row is about.
func routeOf(routes map[string]int, r row) (string, bool) {
	path, _, _ := strings.Cut(r.path, "?")
	asked := strings.Split(r.method+" "+path, "/")
	for route := range routes {
		parts := strings.Split(route, "/")
		same := len(parts) == len(asked)
		for i := 0; same && i < len(parts); i++ {
			same = parts[i] == asked[i] || strings.HasPrefix(parts[i], "{") && asked[i] != ""
		}
		if same {
			return route, true
		}
	}
	return "", false
}
