package datalayer_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/admin/internal/admintest"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/authn"
)

// 200 logins at once cost no more than the few that are let in, and nobody else waits
// for them: people who are signed in already pass all the while.
func TestLogins_in_a_storm_cost_what_a_few_cost_and_stop_nobody_else(t *testing.T) {
	t.Run("L03", rowStorm)
}

func rowStorm(t *testing.T) {
	const working, waiting, storm = 2, 4, 200
	var hashes work
	// A slot is one hash, and a hash holds its memory: slots bound the memory too.
	params := authn.Params{Memory: 16 << 10, Time: 2, Threads: 1}
	site := admintest.NewSite(t, admintest.Passwords(authn.PasswordOptions{
		Concurrency: working, Queue: waiting, Params: params, Observe: hashes.observe,
	}))
	giveAPassword(t, site, site.Alice, "right", params)
	answers := make([]admintest.Answer, storm)
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range answers {
		name := "alice"
		if i%2 == 1 {
			name = fmt.Sprintf("nobody-%d", i) // own variant: unknown names cost the same and count the same
		}
		question := loginQuestion(credentials(t, name, "right"))
		all.Go(func() {
			<-gate
			answers[i] = site.Exchange(question)
		})
	}
	close(gate)
	asked := passUntil(t, site, &all)
	count := map[int]int{}
	for _, a := range answers {
		count[a.Status]++
		if a.Status == http.StatusServiceUnavailable && (a.Header.Get("Retry-After") != "1" || a.Header.Get("Cache-Control") != "no-store") {
			t.Errorf("busy without Retry-After or no-store: %+v", a)
		}
	}
	served, busy := count[http.StatusCreated]+count[http.StatusUnauthorized], count[http.StatusServiceUnavailable]
	spans := hashes.observed()
	if served+busy != storm || served < working || busy == 0 || len(spans) != served {
		t.Errorf("got answers %v for %d hashes, want only 201, 401 and 503, and a hash for each that is not 503", count, len(spans))
	}
	if got := overlap(spans); got > working {
		t.Errorf("%d hashes were computed at once, want at most %d", got, working)
	}
	t.Logf("answers %v; %d questions of the signed-in answered meanwhile", count, asked)
	if got := site.Exchange(loginQuestion(credentials(t, "alice", "right"))); got.Status != http.StatusCreated || !strings.Contains(got.Body, string(site.Alice.ID)) {
		t.Errorf("after the storm: got %d %s, want 201", got.Status, got.Body)
	}
}

func giveAPassword(t *testing.T, site *admintest.Site, to identity.Account, password string, p authn.Params) {
	t.Helper()
	hash, err := authn.Hash(password, p)
	if err != nil {
		t.Fatal(err)
	}
	site.Write(func(tx *identity.Tx) error { return tx.SetPassword(to.ID, hash, time.Time{}, false) })
}

func loginQuestion(body string) string {
	return admintest.Request("POST", "/api/iam/v1/login", "gatehouse",
		admintest.Header{Name: "Content-Type", Value: "application/json"},
		admintest.Header{Name: "Content-Length", Value: strconv.Itoa(len(body))}) + body
}

// passUntil asks as somebody who is signed in, at the nginx door and at the cheapest
// name of the dialect, again and again until the others are done.
func passUntil(t *testing.T, site *admintest.Site, others *sync.WaitGroup) (asked int) {
	t.Helper()
	alice := site.Bearer(site.Alice)
	done := make(chan struct{})
	go func() { others.Wait(); close(done) }()
	for {
		if got := site.Ask(admintest.Nginx, "GET", "https://app.test/api/x", alice); got.Status != http.StatusOK {
			t.Errorf("signed in, during the storm: got %d %s, want 200", got.Status, got.Reason())
		}
		if got := site.Get("/api/iam/v1/ping"); got.Status != http.StatusOK {
			t.Errorf("ping during the storm: got %d, want 200", got.Status)
		}
		asked++
		select {
		case <-done:
			return asked
		default:
		}
	}
}

// overlap is the largest number of spans that share a moment.
func overlap(spans []span) (most int) {
	for _, s := range spans {
		n := 0
		for _, other := range spans {
			if !other.from.After(s.from) && other.to.After(s.from) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
