package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
)

func atLeast(values ...string) (headers []admintest.Header) {
	for _, v := range values {
		headers = append(headers, admintest.Header{Name: "Gatehouse-At-Least", Value: v})
	}
	return headers
}

func TestAtLeast_waits_for_a_revision_that_comes(t *testing.T) {
	gate := admintest.New(t)
	now := gate.Directory.Revision()
	if got := gate.Get("/healthz", atLeast(strconv.FormatUint(now, 10))...); got.Status != http.StatusOK || got.Took > time.Second {
		t.Errorf("the revision of now: got %d after %v, want 200 at once", got.Status, got.Took)
	}
	const later = 300 * time.Millisecond
	written := make(chan error, 1)
	time.AfterFunc(later, func() {
		_, err := gate.Directory.Write(context.Background(), "test", func(tx *identity.Tx) error {
			_, err := tx.CreateAccount(identity.Account{Handle: "ada", Kind: identity.Person, State: identity.Active})
			return err
		})
		written <- err
	})
	got := gate.Get("/healthz", atLeast(fmt.Sprint(now+1))...)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusOK || got.Took < later/2 {
		t.Errorf("the next revision: got %d after %v, want 200 after %v", got.Status, got.Took, later)
	}
}

func TestAtLeast_gives_up_after_two_seconds(t *testing.T) {
	gate := admintest.New(t)
	for _, path := range []string{"/healthz", "/no/such/page"} {
		got := gate.Get(path, atLeast("18446744073709551615")...)
		var body map[string]any
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			t.Fatalf("%v in %q", err, got.Body)
		}
		want := map[string]any{
			"type": "about:blank", "title": "The directory has not come to that revision yet.",
			"status": 503.0, "code": "behind", "field": "Gatehouse-At-Least",
		}
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || !reflect.DeepEqual(body, want) {
			t.Errorf("%s: got %d, Retry-After %q, %v, want 503, 1, %v", path, got.Status, got.Header.Get("Retry-After"), body, want)
		}
		if got.Took < 1900*time.Millisecond || got.Took > 8*time.Second {
			t.Errorf("%s: answered after %v, want 2s", path, got.Took)
		}
	}
}

func TestAtLeast_takes_one_decimal_number(t *testing.T) {
	gate := admintest.New(t)
	for _, values := range [][]string{
		{""}, {"-1"}, {"+1"}, {"0x1"}, {"1_0"}, {"1.0"}, {"one"}, {"18446744073709551616"}, {"1", "1"}, {"1, 1"}, {"١"},
	} {
		got := gate.Get("/healthz", atLeast(values...)...)
		var body map[string]any
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != http.StatusBadRequest || body["field"] != "Gatehouse-At-Least" {
			t.Errorf("%q: got %d %s, want a problem 400 that names the header", values, got.Status, got.Body)
		}
	}
}

func TestAtLeast_means_nothing_to_the_doors_of_proxies(t *testing.T) {
	gate := admintest.NewSite(t)
	for _, door := range admintest.Doors {
		got := gate.Ask(door, "GET", "https://app.test/public/x", atLeast("18446744073709551615")...)
		if got.Status != http.StatusOK || got.Took > time.Second {
			t.Errorf("%s: got %d after %v, want 200 at once", door, got.Status, got.Took)
		}
	}
}
