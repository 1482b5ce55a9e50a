//go:build bench

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	grantsPerSecond = 50
	grantFrame      = 4096 + 24 // bytes: a page in the write-ahead log
)

// granting is how long the parts of one grant took.
type granting struct{ write, check, both, sync time.Duration }

// TestBenchGrant prints how long it takes until a role that is granted over REST is
// enforced: the write, from SQLite with synchronous=FULL to every index in memory, and
// the check after it, which must follow it. What of that is the disk's is measured
// beside: after each write as many bytes as it added to the write-ahead log are written
// to a file of the same folder, and synced.
func TestBenchGrant(t *testing.T) {
	quiet(t)
	serverCore, ownCore := twoCores(t)
	size := benchPlentyOf()
	data := managedDirectory(t, size)
	admin, callers := managedTokens(t, data)
	g := &granter{data: data, size: size, admin: admin, callers: callers, gate: startGate(t, data, serverCore)}
	waitReady(t, g.gate)
	pinSelf(t, ownCore, 2)
	g.connect(t)
	frames := g.frames(t)
	g.open(t, frames)
	var all []granting
	before := cpuSeconds(t, g.gate.pid)
	each := max(benchTime(), time.Second)
	for begin, due := time.Now(), time.Duration(0); due < each; due += time.Second / grantsPerSecond {
		time.Sleep(time.Until(begin.Add(due)))
		one := g.grant(t)
		one.sync = g.sync(t)
		all = append(all, one)
	}
	cpu := (cpuSeconds(t, g.gate.pid) - before) / float64(len(all))
	printGrants(all, frames, cpu, size)
}

func printGrants(all []granting, frames int, cpu float64, size int) {
	part := func(of func(granting) time.Duration) []time.Duration {
		times := make([]time.Duration, len(all))
		for i, one := range all {
			times[i] = of(one)
		}
		slices.Sort(times)
		return times
	}
	both := part(func(g granting) time.Duration { return g.both })
	sync := part(func(g granting) time.Duration { return g.sync })
	fmt.Printf("\nOne binding of %d at a time, %d a second, %.0f µs of server CPU for write and check; a write adds %d pages to the log:\n",
		3*size, grantsPerSecond, 1e6*cpu, frames)
	fmt.Print("\n| | p50 | p99 | longest |\n|---|---|---|---|\n")
	for _, row := range []struct {
		what  string
		times []time.Duration
	}{
		{"`PUT` of a binding answered", part(func(g granting) time.Duration { return g.write })},
		{"the next check over `/auth/nginx`", part(func(g granting) time.Duration { return g.check })},
		{"granted and enforced: both", both},
		{fmt.Sprintf("%d KiB written to the same disk and synced", frames*grantFrame/1024), sync},
	} {
		fmt.Printf("| %s | %s | %s | %s |\n", row.what, short(percentile(row.times, 0.5)), short(percentile(row.times, 0.99)), short(percentile(row.times, 1)))
	}
	share := float64(percentile(sync, 0.5)) / float64(percentile(both, 0.5))
	fmt.Printf("\nThe disk's share of the median is %.0f %%.\n", 100*share)
	p99 := percentile(both, 0.99)
	reachGrant.is(float64(p99)/float64(time.Millisecond), "p50 %s, of which the disk %.0f %%; synchronous=FULL", short(percentile(both, 0.5)), 100*share)
}

// granter grants roles and asks at once whether they hold.
type granter struct {
	data    string
	size    int
	admin   string
	callers []string
	gate    benchServer
	conn    net.Conn
	reader  *bufio.Reader
	next    int
	file    *os.File
	block   []byte
	at      int64
}

func (g *granter) connect(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("tcp", g.gate.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	g.conn, g.reader = conn, bufio.NewReader(conn)
}

// grant gives a person edit or view in somebody's namespace, and checks that the person
// may write there, or not. Each time it is what it was not.
func (g *granter) grant(t *testing.T) (took granting) {
	t.Helper()
	caller := g.next % benchCallers
	person := benchCaller(caller)
	namespace, role, want := (person+g.size-1)%g.size, "edit", http.StatusOK
	if g.next/benchCallers%2 == 1 {
		role, want = "view", http.StatusForbidden
	}
	g.next++
	body := `{"role":"` + role + `"}`
	write := fmt.Appendf(nil, "PUT /admin/v1%s HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		bindingPath(namespace, person), g.admin, len(body), body)
	check := fmt.Appendf(nil, "GET /auth/nginx HTTP/1.1\r\nHost: gate\r\nX-Original-Method: POST\r\n"+
		"X-Original-URL: https://app.example.org/notebook/ns%d/demo/lab\r\nAuthorization: Bearer %s\r\n\r\n", namespace, g.callers[caller])
	begin := time.Now()
	if err := askOnce(g.conn, g.reader, write, http.StatusOK); err != nil {
		t.Fatalf("grant %s: %v", role, err)
	}
	took.write = time.Since(begin)
	if err := askOnce(g.conn, g.reader, check, want); err != nil {
		t.Fatalf("%s was granted and is not enforced: %v", role, err)
	}
	took.both = time.Since(begin)
	took.check = took.both - took.write
	return took
}

// frames is by how many pages the write-ahead log grows with a grant: at first it is
// only ever added to.
func (g *granter) frames(t *testing.T) int {
	t.Helper()
	length := func() int64 {
		info, err := os.Stat(filepath.Join(g.data, "gatehouse.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var grown []float64
	for range 20 {
		before := length()
		g.grant(t)
		grown = append(grown, float64(length()-before)/grantFrame)
	}
	if frames := int(median(grown)); frames > 0 {
		return frames
	}
	t.Fatalf("the write-ahead log grew by %v pages", grown)
	return 0
}

// open makes the file that is written beside: of the size that the log has before it is
// begun again.
func (g *granter) open(t *testing.T, frames int) {
	t.Helper()
	file, err := os.Create(filepath.Join(g.data, "beside"))
	if err == nil {
		_, err = file.Write(make([]byte, 1000*grantFrame))
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	g.file, g.block = file, make([]byte, frames*grantFrame)
}

// sync writes the next part of the file, as SQLite does its log: in one go, and to disk
// when it returns.
func (g *granter) sync(t *testing.T) time.Duration {
	t.Helper()
	if g.at+int64(len(g.block)) > 1000*grantFrame {
		g.at = 0
	}
	begin := time.Now()
	_, err := g.file.WriteAt(g.block, g.at)
	if err == nil {
		err = unix.Fdatasync(int(g.file.Fd()))
	}
	if err != nil {
		t.Fatal(err)
	}
	g.at += int64(len(g.block))
	return time.Since(begin)
}
