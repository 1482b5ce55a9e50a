package ingress_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gatehouse-authz/gatehouse/admin/ingress"
	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
)

// Doors use memory again from request to request. Whatever was answered is looked at
// when everything has been asked, so that a part that belongs to a later request shows.
func TestAnswers_at_the_same_time_are_about_who_asked(t *testing.T) {
	log := &admintest.LogBuffer{}
	site := admintest.NewSite(t, admintest.Log(log), admintest.Ingress(ingress.Config{PolicyHeaders: []string{"X-Note"}}))
	bearers, ids := map[string]string{"": ""}, map[string]any{"": nil} // the log names no anonymous subject
	for n := range 7 {
		p := site.Person(fmt.Sprintf("person-%d", n))
		bearers[string(p.Handle)], ids[string(p.Handle)] = site.Bearer(p).Value, string(p.ID)
	}
	type asked struct {
		handle, path string
		status       int
		answer       *httptest.ResponseRecorder
	}
	answers := make([][]asked, len(bearers))
	var wg sync.WaitGroup
	worker := 0
	for handle, bearer := range bearers {
		into := &answers[worker]
		worker++
		wg.Go(func() {
			for n := range 60 {
				a := asked{handle: handle, path: fmt.Sprintf("/public/of-%s/%d", handle, n), status: http.StatusOK, answer: httptest.NewRecorder()}
				switch n % 5 {
				case 1:
					a.path, a.status = "/nowhere", http.StatusForbidden
					if handle == "" {
						a.status = http.StatusUnauthorized
					}
				case 2:
					a.path, a.status = "/public/../x", http.StatusForbidden
				}
				r := subrequest("/auth/nginx", bearer)
				r.Header["X-Original-Url"] = []string{fmt.Sprintf("https://app.test%s?%s=%d&b=%d", a.path, handle, n, n)}
				r.Header["X-Note"] = []string{handle}
				if bearer == "" {
					delete(r.Header, "Authorization")
				}
				site.Public.ServeHTTP(a.answer, r)
				*into = append(*into, a)
			}
		})
	}
	wg.Wait()
	lines := map[any]map[string]any{}
	for _, entry := range log.Entries(t, "ingress") {
		lines[entry["id"]] = entry
	}
	for _, a := range flatten(answers) {
		got := a.answer.Header()
		if user := got.Get("X-Auth-Request-User"); a.answer.Code != a.status || a.status == http.StatusOK && user != a.handle || a.status != http.StatusOK && user != "" {
			t.Errorf("%s for %q: %d about %q, want %d about the same", a.path, a.handle, a.answer.Code, user, a.status)
		}
		if raw := got.Get("X-Gatehouse-Assertion"); raw != "" {
			if about, err := site.Issuer.VerifyAssertion(raw, "app.test"); err != nil || about.Handle != a.handle {
				t.Errorf("%s for %q: the assertion says %+v, %v", a.path, a.handle, about, err)
			}
		}
		entry := lines[got.Get("X-Gatehouse-Decision-Id")]
		var path, id any = a.path, ids[a.handle]
		if a.path == "/public/../x" { // neither is known when a path is refused
			path, id = nil, nil
		}
		if entry["path"] != path || entry["subject"] != id {
			t.Errorf("%s for %q: the log says %v", a.path, a.handle, entry)
		}
	}
}

func flatten[T any](lists [][]T) (all []T) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
