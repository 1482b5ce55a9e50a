//go:build bench

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

// serveBare answers every request with the given headers ("Name: value" lines) and an
// empty 200: what HTTP and echo alone cost. Garbage is collected as serve does it, so
// that neither of the two collects more often.
func serveBare(ctx context.Context, address, lines string) error {
	a, log := &app{env: os.Getenv}, slog.New(slog.DiscardHandler)
	defer a.boundMemory(log)()
	defer a.paceMemory(ctx)()
	e := echo.New()
	e.GET("/auth/nginx", func(c echo.Context) error {
		h := c.Response().Header()
		for line := range strings.SplitSeq(lines, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				h.Set(name, value)
			}
		}
		c.Response().WriteHeader(http.StatusOK)
		return nil
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return admin.NewServer(e, log).Serve(l)
}

// TestBenchIngress prints CPU per request of the nginx door beside a bare echo handler
// that answers the same headers. Ratios of one run are comparable, absolute figures are
// not.
func TestBenchIngress(t *testing.T) {
	quiet(t)
	serverCore, ownCore := twoCores(t)
	data := benchDirectory(t, benchPeople)
	requests := make([][]byte, benchPeople)
	for n, bearer := range benchTokens(t, data, benchPeople) {
		requests[n] = doorRequest(nil, n, benchPeople, bearer, "demo")
	}
	gate := startGate(t, data, serverCore)
	waitReady(t, gate)
	bare := benchServer{address: freeAddress(t)}
	bare = startBenchServer(t, bare, serverCore, []string{os.Args[0]},
		roleVariable+"=bare", "GATEHOUSE_BENCH_ADDRESS="+bare.address, "GATEHOUSE_BENCH_HEADERS="+answerHeaders(t, gate.address, requests[0]))
	pinSelf(t, ownCore, 1)
	askEachOnce(t, gate.address, requests)
	expectLogLines(t, gate, len(requests))
	rows := []*benchRow{
		{name: "bare echo handler, same headers", server: bare, ask: sample(requests[:1])},
		{name: "`/auth/nginx`, one valid bearer", server: gate, ask: sample(requests[:1])},
		{name: fmt.Sprintf("`/auth/nginx`, %d valid bearers at random", len(requests)), server: gate, ask: sample(requests)},
	}
	measureRows(t, rows)
	printRows(rows)
	bareCPU, gateCPU := median(rows[0].cpu), median(rows[1].cpu)
	reachBare.is(bareCPU/gateCPU, "%.1f µs ÷ %.1f µs", 1e6*bareCPU, 1e6*gateCPU)
}

// printRows compares every row with the first.
func printRows(rows []*benchRow) {
	base := median(rows[0].cpu)
	fmt.Print("\n| target | server CPU per request | first row ÷ this | requests/s | remembered | resident |\n|---|---|---|---|---|---|\n")
	for _, row := range rows {
		cpu := median(row.cpu)
		fmt.Printf("| %s | %.1f µs | %.2f | %.0f | %s | %.0f MiB |\n",
			row.name, 1e6*cpu, base/cpu, median(row.rate), row.remembered(), row.server.residentMiB())
	}
}

// expectLogLines makes sure that what is measured is a server that logs: every answer
// has its line.
func expectLogLines(t *testing.T, s benchServer, atLeast int) {
	t.Helper()
	lines := 0
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(s.log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if lines = strings.Count(string(text), "\n"); lines >= atLeast {
			s.forgetLog()
			return
		}
	}
	t.Fatalf("%d answers left %d lines in the log", atLeast, lines)
}

// doorRequest is what nginx sends when person n of so many opens a notebook in the
// namespace of the person before, in which n has the role view.
func doorRequest(buffer []byte, n, size int, bearer, notebook string) []byte {
	return fmt.Appendf(buffer, "GET /auth/nginx HTTP/1.1\r\nHost: gate\r\nX-Original-Method: GET\r\n"+
		"X-Original-URL: https://app.example.org/notebook/ns%d/%s/lab\r\nAuthorization: Bearer %s\r\n\r\n", (n+size-1)%size, notebook, bearer)
}

// benchTokens mints an access token for each person of a filled directory.
func benchTokens(t *testing.T, data string, size int) []string {
	t.Helper()
	ctx := context.Background()
	dir, err := identity.Open(ctx, identity.Options{Dir: data, Create: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // nothing was written that matters
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	issuer := token.NewIssuer(defaultIssuer, defaultAudience, keys, time.Now)
	tokens := make([]string, size)
	for n := range tokens {
		person := identity.Account{
			ID: benchAccountID(n), Handle: identity.Handle(fmt.Sprint("person-", n)), Kind: identity.Person, State: identity.Active,
			Email: identity.Email(fmt.Sprintf("person-%d@example.org", n)), Name: fmt.Sprint("Person ", n),
		}
		if tokens[n], _, err = issuer.Access(token.UserOf(person), 1, token.AccessOptions{TTL: 2 * time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	return tokens
}
