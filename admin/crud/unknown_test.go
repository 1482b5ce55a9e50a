package crud_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// mayBeNew are the parameters of routes by which things are made: one that nobody knows
// yet is what they are for.
var mayBeNew = map[string]string{
	"PUT /accounts/{account}":              "account",
	"PUT /accounts/{account}/roles/{role}": "role",
	"PUT /organisations/{organisation}":    "organisation",
	"PUT /teams/{team}":                    "team",
	"PUT /namespaces/{namespace}":          "namespace",
}

// malformed is what stands in the place of an identifier without being one. The paths
// are sent as they are.
var malformed = []string{
	"%00", "%0a", "..", "%2e%2e", "a%2Fb", "..%2f..", "%252F", "%25", "%C3%28", "%E2%80%8B", "%D0%B0da", "'%20OR%201=1--",
	"account:{ada}", "{ada}%20", "%7B%7D", "*", "%25%25", "-1", strings.Repeat("a", 300),
}

var parameter = regexp.MustCompile(`^{(\w+)}$`)

// Every identifier of every path is replaced by others, one at a time, in the requests of
// the matrix that root may make.
func TestUnknown_and_malformed_identifiers_are_not_there_to_anybody(t *testing.T) {
	h := newMatrixHouse(t)
	routes, root := h.routes(t), h.tokens["root"]
	tried := map[string]bool{}
	before := h.revision()
	for _, r := range rowsOf(t, matrix) {
		route, _ := routeOf(routes, r)
		if r.want[6] >= 300 || !strings.Contains(route, "{") {
			continue
		}
		path, query, _ := strings.Cut(r.path, "?")
		given, wanted := strings.Split(path, "/"), strings.Split(strings.SplitN(route, " ", 2)[1], "/")
		for i, part := range wanted {
			name := parameter.FindStringSubmatch(part)
			if name == nil || tried[route+name[1]] {
				continue
			}
			tried[route+name[1]] = true
			replaced := func(by string) string {
				parts := append([]string{}, given...)
				parts[i] = by
				return strings.TrimSuffix(strings.Join(parts, "/")+"?"+query, "?")
			}
			t.Run(route+" "+name[1], func(t *testing.T) {
				c := contents[r.content]
				if mayBeNew[route] == name[1] {
					c.with = nil // which asks for what is there
				} else {
					for _, unknown := range []string{"{nobody}", "nowhere"} {
						got := h.do(root, r.method, replaced(unknown), c.body, c.with...)
						if got.status != http.StatusNotFound {
							t.Errorf("%s: status %d, want 404: %s", unknown, got.status, got.body)
						}
						compareJSON(t, got.body, notThere)
					}
				}
				for _, by := range malformed {
					got := h.do(root, r.method, replaced(by), c.body, c.with...)
					if got.status != http.StatusNotFound && got.status != http.StatusBadRequest || got.header.Get("Content-Type") != "application/problem+json" {
						t.Errorf("%s: status %d, want 400 or 404: %s", by, got.status, got.body)
					}
				}
			})
		}
	}
	if after := h.revision(); after != before {
		t.Errorf("the revision moved from %d to %d", before, after)
	}
	for route := range routes {
		for _, name := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(route, -1) {
			if !tried[route+name[1]] {
				t.Errorf("%s was not tried without a %s", route, name[1])
			}
		}
	}
	if strings.Contains(h.log.String(), `"level":"ERROR"`) {
		t.Errorf("the log has errors: %s", h.log.String())
	}
}
