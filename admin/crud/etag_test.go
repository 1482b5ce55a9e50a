package crud_test

import (
	"fmt"
	"net/http"
	"testing"
)

// A script whose variable for the version is empty sends an empty header. What Go reads
// of it is what it reads of none.
func TestA_precondition_that_names_no_version_is_refused(t *testing.T) {
	h := newHouse(t)
	root, before := h.signedIn("root"), h.account("bob")
	for name, with := range map[string]struct {
		header []string
		field  string
		why    string
	}{
		"empty If-Match":       {[]string{"If-Match", ""}, "If-Match", "is empty"},
		"blank If-Match":       {[]string{"If-Match", " \t"}, "If-Match", "is empty"},
		"empty If-None-Match":  {[]string{"If-None-Match", ""}, "If-None-Match", "is empty"},
		"two lines of one":     {[]string{"If-Match", "", "If-Match", `"x"`}, "If-Match", "is given more than once"},
		"the version and none": {[]string{"If-Match", h.etag("root", "/accounts/{bob}"), "If-Match", ""}, "If-Match", "is given more than once"},
	} {
		for method, body := range map[string]string{
			http.MethodPut: `{"kind":"person","state":"disabled"}`, http.MethodPatch: `{"state":"disabled"}`, http.MethodDelete: "",
		} {
			t.Run(name+" "+method, func(t *testing.T) {
				revision := h.Directory.Revision()
				got := h.do(root, method, "/accounts/{bob}", body, with.header...)
				if got.status != http.StatusBadRequest {
					t.Errorf("status %d, want 400", got.status)
				}
				compareJSON(t, got.body, fmt.Sprintf(
					`{"type":"about:blank","title":"A value was refused.","status":400,"code":"invalid","field":%q,"detail":%q}`, with.field, with.why))
				if h.Directory.Revision() != revision {
					t.Error("something was written")
				}
			})
		}
	}
	if got := h.account("bob"); got.State != before.State {
		t.Errorf("bob is %s, want %s", got.State, before.State)
	}
}
