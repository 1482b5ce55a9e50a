//go:build bench

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	restPerSecond   = 100 // requests
	restConnections = 4
	restPage        = 100 // items, the default
)

// restCall is one shape of a call: a path with other names in it every time, and whoever
// calls. Every answer is a 200; items is how many a list answers, noList for a document.
type restCall struct {
	who, what string
	next      func() (path, bearer string)
	items     int

	size int             // of an answer
	took []time.Duration // by each call, from when it was due
}

const noList = -1

// TestBenchRest prints how long answers of the management surface take, one shape of a
// call after the other.
func TestBenchRest(t *testing.T) {
	quiet(t)
	serverCore, ownCore := twoCores(t)
	size := benchPlentyOf()
	data := managedDirectory(t, size)
	admin, callers := managedTokens(t, data)
	gate := startGate(t, data, serverCore)
	waitReady(t, gate)
	resident := gate.residentMiB()
	pinSelf(t, ownCore, 2*restConnections)
	calls := slices.Concat(adminCalls(t, gate, admin, size), callerCalls(callers, size))
	for _, c := range calls {
		c.try(t, gate)
	}
	each := max(benchTime()/30, 500*time.Millisecond)
	for round := range benchRounds {
		for _, c := range calls {
			c.took = append(c.took, c.askAtRate(t, gate.address, each)...)
		}
		gate.forgetLog()
		note("round %d of %d: %d shapes of calls", round+1, benchRounds, len(calls))
	}
	slowest := calls[0]
	fmt.Printf("\n%d accounts, %d namespaces, %d bindings, %d requests a second; resident %.0f MiB at first, %.0f MiB now:\n",
		size, size, 3*size, restPerSecond, resident, gate.residentMiB())
	fmt.Print("\n| who | what | items | KiB | p50 | p99 | longest |\n|---|---|---|---|---|---|---|\n")
	for _, c := range calls {
		slices.Sort(c.took)
		c.print()
		if c.p99() > slowest.p99() {
			slowest = c
		}
	}
	reachRest.is(float64(slowest.p99())/float64(time.Millisecond), "the slowest of %d shapes of calls: %s: %s", len(calls), slowest.who, slowest.what)
}

func (c *restCall) p99() time.Duration { return percentile(c.took, 0.99) }

func (c *restCall) print() {
	items := "-"
	if c.items != noList {
		items = fmt.Sprint(c.items)
	}
	fmt.Printf("| %s | %s | %s | %.1f | %s | %s | %s |\n", c.who, c.what, items, float64(c.size)/1024,
		short(percentile(c.took, 0.5)), short(c.p99()), short(percentile(c.took, 1)))
}

// try asks once and looks at the answer, so that what is measured is what is meant.
func (c *restCall) try(t *testing.T, gate benchServer) {
	t.Helper()
	path, bearer := c.next()
	body := restGet(t, gate, path, bearer)
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if got := len(list.Items); c.items != noList && got != c.items || c.items == noList && list.Items != nil {
		t.Fatalf("%s: %s: %d items, want %d:\n%.300s", c.who, path, got, c.items, body)
	}
	c.size = len(body)
}

// restGet asks the management surface for something that is there.
func restGet(t *testing.T, gate benchServer, path, bearer string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+gate.address+"/admin/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%.500s", path, response.Status, err, body)
	}
	return body
}

// askAtRate asks for d, whatever the answers take, and returns how long after its time
// each was there to its end.
func (c *restCall) askAtRate(t *testing.T, address string, d time.Duration) (took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin, every := time.Now().Add(10*time.Millisecond), restConnections*time.Second/restPerSecond
	for i := range restConnections {
		wg.Go(func() {
			some, err := c.overOneConnection(address, begin.Add(every*time.Duration(i)/restConnections), every, d)
			if err != nil {
				t.Errorf("%s: %s: %v", c.who, c.what, err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, some...)
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return took
}

func (c *restCall) overOneConnection(address string, at time.Time, every, d time.Duration) (took []time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // else sleeps are 50 µs late
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for end := at.Add(d); at.Before(end); at = at.Add(every) {
		path, bearer := c.next()
		request := fmt.Appendf(nil, "GET /admin/v1%s HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer %s\r\n\r\n", path, bearer)
		sleepUntil(at)
		if err := askOnce(conn, reader, request, http.StatusOK); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}

// askOnce sends a request and reads the answer to its end.
func askOnce(conn net.Conn, reader *bufio.Reader, request []byte, want int) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != want {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s, want %d: %.500s", response.Status, want, body)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// adminCalls are what the platform admin asks.
func adminCalls(t *testing.T, gate benchServer, bearer string, size int) []*restCall {
	t.Helper()
	teams := (size + benchTeamSize - 1) / benchTeamSize
	call := func(what string, items int, path func(n int) string) *restCall {
		return &restCall{who: "admin", what: what, items: items, next: func() (string, string) {
			return path(rand.IntN(size)), bearer
		}}
	}
	fixed := func(what string, items int, path string) *restCall {
		return call(what, items, func(int) string { return path })
	}
	deep := func(what, path string) *restCall { return fixed(what, restPage, inTheMiddle(t, gate, bearer, path)) }
	return []*restCall{
		fixed("accounts, first page", restPage, "/accounts"),
		fixed("accounts, the largest page", 1000, "/accounts?limit=1000"),
		deep("accounts, in the middle", "/accounts?"),
		call("accounts by prefix", restPage, func(n int) string { return "/accounts?prefix=person-" + fmt.Sprint(1+n%9) }),
		fixed("accounts, kind service", benchRare, "/accounts?kind=service"),
		fixed("accounts, state disabled", benchRare-1, "/accounts?state=disabled"),
		fixed("accounts, prefix and state disabled", benchRare-1, "/accounts?prefix=person-&state=disabled"),
		fixed("accounts, role admin", 1, "/accounts?role=admin"),
		call("accounts by e-mail", 1, func(n int) string { return fmt.Sprintf("/accounts?email=person-%d@example.org", n) }),
		call("an account", noList, func(n int) string { return "/accounts/" + string(benchAccountID(n)) }),
		call("tokens of an account", 0, func(n int) string { return "/accounts/" + string(benchAccountID(n)) + "/tokens" }),

		fixed("namespaces, first page", restPage, "/namespaces"),
		fixed("namespaces, the largest page", 1000, "/namespaces?limit=1000"),
		deep("namespaces, in the middle", "/namespaces?"),
		call("namespaces by prefix", restPage, func(n int) string { return "/namespaces?prefix=ns" + fmt.Sprint(1+n%9) }),
		fixed("namespaces, a label that few have", benchRare, "/namespaces?label=tier%3Dgold"),
		deep("namespaces, a label that all have, in the middle", "/namespaces?label=stage%3Ddemo&"),
		fixed("namespaces, both at once by prefix", benchRare, "/namespaces?label=tier%3Dgold&prefix=ns"),
		fixed("namespaces, owner group", benchRare, "/namespaces?owner=group%3Aops"),
		fixed("namespaces, owner group and label that all have", benchRare, "/namespaces?owner=group%3Aops&label=stage%3Ddemo"),
		call("namespaces by owner", 1, func(n int) string {
			return "/namespaces?owner=" + url.QueryEscape("account:"+string(benchAccountID(n)))
		}),
		call("namespaces by member", benchTeamSize+2, func(n int) string {
			return "/namespaces?member=" + string(benchAccountID(n/benchTeamSize*benchTeamSize))
		}),
		call("a namespace", noList, func(n int) string { return fmt.Sprint("/namespaces/ns", n) }),

		fixed("bindings, first page", restPage, "/bindings"),
		deep("bindings, in the middle", "/bindings?"),
		call("bindings of a person", 2, func(n int) string {
			return "/bindings?principal=" + url.QueryEscape("account:"+string(benchAccountID(n)))
		}),
		deep("bindings of a group with many, in the middle", "/bindings?principal=group%3Aeveryone&"),
		fixed("bindings, a role that few have", benchRare, "/bindings?role=auditor"),
		deep("bindings, a role that most have, in the middle", "/bindings?role=view&"),
		fixed("bindings, a role that nobody has", 0, "/bindings?role=nobody"),
		call("bindings of a namespace", 3, func(n int) string { return fmt.Sprint("/namespaces/ns", unlike(n, size), "/bindings") }),
		call("a binding", noList, func(n int) string { return bindingPath(n, (n+1)%size) }),

		fixed("teams, first page", restPage, "/teams"),
		deep("teams, in the middle", "/teams?"),
		fixed("teams of an organisation", min(benchOrgTeams, teams), "/teams?organisation="+string(benchOrganisationID(0))),
		call("teams by member", 1, func(n int) string { return "/teams?member=" + string(benchAccountID(n)) }),
		call("teams by handle", 1, func(n int) string { return "/teams?handle=team-" + fmt.Sprint(n/benchTeamSize) }),
		call("a team", noList, func(n int) string { return "/teams/" + string(benchTeamID(n/benchTeamSize)) }),
		call("members of a team", benchTeamSize, func(n int) string {
			return "/teams/" + string(benchTeamID(n/benchTeamSize%(size/benchTeamSize))) + "/members"
		}),
		fixed("organisations", min(restPage, (teams+benchOrgTeams-1)/benchOrgTeams), "/organisations"),
		fixed("members of an organisation", restPage, "/organisations/"+string(benchOrganisationID(0))+"/members"),

		fixed("journal, newest", restPage, "/journal"),
		deep("journal, in the middle", "/journal?"),
		fixed("journal, oldest first", restPage, "/journal?order=oldest"),
		call("journal of a document", 1, func(n int) string { return "/journal?key=ns" + fmt.Sprint(unlike(n, size)) }),
		call("journal by actor", restPage, func(n int) string {
			return "/journal?actor=" + url.QueryEscape("account:"+string(benchAccountID(benchCaller(n))))
		}),
		fixed("journal by an actor who wrote little, long ago", benchRare, "/journal?actor=cli%3Ainstall"),
		fixed("journal by an actor who never wrote", 0, "/journal?actor=cli%3Anobody"),
		fixed("journal of teams", restPage, "/journal?collection=teams"),
		fixed("journal of tokens", 0, "/journal?collection=tokens"),
		fixed("journal of one day", restPage, fmt.Sprintf("/journal?since=%s&until=%s", daysAgo(45), daysAgo(44))),
		fixed("journal of one day by an actor who wrote none of it", 0, fmt.Sprintf("/journal?since=%s&until=%s&actor=cli%%3Ainstall", daysAgo(45), daysAgo(44))),
	}
}

// unlike is a number of a namespace to which fillManaged did nothing.
func unlike(n, size int) int {
	if step := size / min(benchWidely, size); n%step == 0 && step > 1 {
		return n + 1
	}
	return n
}

func daysAgo(n int) string {
	return url.QueryEscape(time.Now().Add(time.Duration(-n) * 24 * time.Hour).UTC().Format(time.RFC3339))
}

// bindingPath is the address of what a person is granted in a namespace.
func bindingPath(namespace, person int) string {
	return fmt.Sprintf("/namespaces/ns%d/binding?principal=account%%3A%s", namespace, benchAccountID(person))
}

// inTheMiddle is the path of the page in the middle of a list; path ends with what a
// parameter may follow.
func inTheMiddle(t *testing.T, gate benchServer, bearer, path string) string {
	t.Helper()
	var cursors []string
	for cursor := ""; ; {
		var page struct{ Next string }
		if err := json.Unmarshal(restGet(t, gate, path+"limit=1000&cursor="+cursor, bearer), &page); err != nil {
			t.Fatal(err)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
		cursors = append(cursors, cursor)
	}
	if len(cursors) == 0 {
		t.Fatalf("%s has one page", path)
	}
	return path + "cursor=" + cursors[len(cursors)/2]
}

// callerCalls are what people ask who have no platform role.
func callerCalls(bearers []string, size int) []*restCall {
	call := func(what string, items int, path func(n int) string) *restCall {
		return &restCall{who: "a person", what: what, items: items, next: func() (string, string) {
			i := rand.IntN(len(bearers))
			return path(benchCaller(i)), bearers[i]
		}}
	}
	return []*restCall{
		call("accounts: their own", 1, func(int) string { return "/accounts" }),
		call("their account", noList, func(int) string { return "/accounts/me" }),
		call("their tokens", 0, func(int) string { return "/accounts/me/tokens" }),
		call("their namespace", noList, func(n int) string { return fmt.Sprint("/namespaces/ns", n) }),
		call("who may do what in it, by role", 1, func(n int) string { return fmt.Sprint("/namespaces/ns", n, "/bindings?role=edit") }),
		call("a binding in it", noList, func(n int) string { return bindingPath(n, (n+1)%size) }),
		call("bindings: their own", benchTeamSize+2, func(int) string { return "/bindings" }),
		call("teams: their own", 1, func(int) string { return "/teams" }),
		call("their team", noList, func(n int) string { return "/teams/" + string(benchTeamID(n/benchTeamSize)) }),
		call("members of their team", benchTeamSize, func(n int) string { return "/teams/" + string(benchTeamID(n/benchTeamSize)) + "/members" }),
		call("namespaces: their own", benchTeamSize, func(int) string { return "/namespaces?limit=" + fmt.Sprint(benchTeamSize) }),
	}
}
