package crud_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// paged are the lists that go on, in each of which a matrix house has two items at least.
var paged = []string{
	"/accounts", "/accounts?prefix=a", "/accounts/{bob}/tokens", "/organisations", "/organisations/{acme}/members", "/teams",
	"/teams/{ml}/members", "/namespaces", "/bindings", "/namespaces/lab/bindings", "/journal",
}

// pageOf is one page of a list: a cursor may hold what it likes.
func (h *matrixHouse) pageOf(who, list, cursor string) answer {
	h.tb.Helper()
	path, query, _ := strings.Cut(list, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		h.tb.Fatal(err)
	}
	values.Set("limit", "1")
	if cursor != "" {
		values.Set("cursor", cursor)
	}
	return h.do(h.tokens[who], http.MethodGet, path+"?"+values.Encode(), "")
}

// next is the cursor of the first page.
func (h *matrixHouse) next(t *testing.T, who, list string) string {
	t.Helper()
	got := h.pageOf(who, list, "")
	next, _ := got.json(t)["next"].(string)
	if got.status != http.StatusOK || next == "" {
		t.Fatalf("%s for %s: status %d: %s", list, who, got.status, got.body)
	}
	return next
}

func TestK05_cursors_open_the_list_that_gave_them_out_and_no_other(t *testing.T) {
	h := newMatrixHouse(t)
	cursors := map[string]string{}
	for _, list := range paged {
		cursors[list] = h.next(t, "root", list)
	}
	for _, list := range paged {
		t.Run(list, func(t *testing.T) {
			if got := h.pageOf("root", list, cursors[list]); got.status != http.StatusOK {
				t.Fatalf("its own cursor: status %d: %s", got.status, got.body)
			}
			for other, cursor := range cursors {
				if other != list {
					h.refuseCursor(t, "root", list, cursor)
				}
			}
			for _, forged := range forgeries(t, cursors[list]) {
				h.refuseCursor(t, "root", list, forged)
			}
		})
	}
	t.Run("a list that is narrowed to somebody is another list", func(t *testing.T) {
		for _, list := range []string{"/accounts", "/organisations", "/teams", "/namespaces", "/bindings"} {
			for _, who := range []string{"bob", "tom", "ada"} {
				h.refuseCursor(t, who, list, cursors[list])
			}
		}
		for _, name := range []string{"annex", "loft"} {
			if got := h.do(h.tokens["root"], "POST", "/namespaces", `{"name":"`+name+`","owners":["account:{ada}","account:{bob}"]}`); got.status != http.StatusCreated {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
		}
		adas := h.next(t, "ada", "/namespaces")
		h.refuseCursor(t, "bob", "/namespaces", adas)
		h.refuseCursor(t, "root", "/namespaces", adas)
		if got := h.pageOf("ada", "/namespaces", adas); got.status != http.StatusOK {
			t.Errorf("her own cursor: status %d: %s", got.status, got.body)
		}
	})
	t.Run("every list that goes on is tried", func(t *testing.T) {
		var doc document
		decode(t, h.do(h.tokens["root"], http.MethodGet, "/openapi.json", ""), &doc)
		tried := map[string]bool{}
		for _, list := range paged {
			route, _ := routeOf(h.routes(t), row{method: http.MethodGet, path: list})
			tried[route] = true
		}
		for path, methods := range doc.Paths {
			for method, op := range methods {
				takes := slices.ContainsFunc(op.Parameters, func(p struct{ Name, Description, Ref string }) bool { return p.Name == "cursor" })
				if route := strings.ToUpper(method) + " " + path; takes != tried[route] {
					t.Errorf("%s takes cursors: %t, and is tried: %t", route, takes, tried[route])
				}
			}
		}
	})
}

func (h *matrixHouse) refuseCursor(t *testing.T, who, list, cursor string) {
	t.Helper()
	got := h.pageOf(who, list, cursor)
	var p struct{ Code, Field string }
	decode(t, got, &p)
	if got.status != http.StatusBadRequest || p.Code != "invalid" || p.Field != "cursor" {
		t.Errorf("%s for %s with the cursor %.80q: status %d: %s", list, who, cursor, got.status, got.body)
	}
	if len(cursor) > 8 && strings.Contains(got.body, cursor) {
		t.Errorf("the answer repeats the cursor: %s", got.body)
	}
}

// forgeries are cursors that nobody gave out, made from one that somebody did.
func forgeries(t *testing.T, cursor string) []string {
	t.Helper()
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		t.Fatal(err)
	}
	forged := []string{
		cursor[:len(cursor)/2], cursor[:len(cursor)-1], cursor[1:], cursor + "A", cursor + cursor, cursor + "=", " " + cursor, cursor + "\n", cursor[:9] + "\r\n" + cursor[9:],
		strings.ToLower(cursor), "0", "-1", "null", "%00", "\x00", "\xff", "'; DROP TABLE accounts;--", "' OR 1=1--", `{"after":""}`, "lab", "4711 1",
		strings.Repeat("A", 2_048), strings.Repeat("A", 2_049), strings.Repeat("A", 20_000),
		base64.RawURLEncoding.EncodeToString([]byte("lab")), base64.RawURLEncoding.EncodeToString([]byte("' UNION SELECT hash FROM passwords--")),
	}
	for i := range sealed { // a bit of each byte: of version, nonce, text and tag
		flipped := slices.Clone(sealed)
		flipped[i] ^= 1 << (i % 8)
		forged = append(forged, base64.RawURLEncoding.EncodeToString(flipped))
	}
	// The same bytes in another spelling: the last character has bits that say nothing.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if spare := len(sealed) % 3; spare != 0 {
		last := strings.IndexByte(alphabet, cursor[len(cursor)-1])
		forged = append(forged, cursor[:len(cursor)-1]+string(alphabet[last^1]))
	}
	return forged
}
