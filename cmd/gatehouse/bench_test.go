//go:build bench

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sys/unix"

	"github.com/gatehouse-authz/gatehouse/admin"
	"github.com/gatehouse-authz/gatehouse/identity"
	"github.com/gatehouse-authz/gatehouse/identity/token"
)

const (
	benchConnections = 16
	benchRounds      = 3
	benchPeople      = 1000
)

// benchTime is how long one target is asked in one round.
func benchTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("BENCHTIME")); err == nil {
		return d
	}
	return 30 * time.Second
}

// TestMain lets this binary be the bare echo server, in a process of its own, so
// that both servers are measured alike.
func TestMain(m *testing.M) {
	if address := os.Getenv("GATEHOUSE_BENCH_BARE"); address != "" {
		serveBare(address, os.Getenv("GATEHOUSE_BENCH_HEADERS"))
		return
	}
	if size, err := strconv.Atoi(os.Getenv("GATEHOUSE_BENCH_DECIDE")); err == nil {
		if err := decideMany(size, benchTime()); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBare answers every request with the given headers ("Name: value" lines) and
// an empty 200: what HTTP and echo alone cost.
func serveBare(address, lines string) {
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
		panic(err)
	}
	_ = admin.NewServer(e, slog.New(slog.DiscardHandler)).Serve(l)
}

// TestBenchIngress prints CPU per request of the nginx door beside a bare echo
// handler that answers the same headers. Ratios of one run are comparable, absolute
// figures are not.
func TestBenchIngress(t *testing.T) {
	requests, gate := startBenchGate(t)
	headers := answerHeaders(t, gate.address, requests[0])
	bare := startBenchServer(t, os.Args[0], nil, "GATEHOUSE_BENCH_BARE="+freeAddress(t), "GATEHOUSE_BENCH_HEADERS="+headers)
	pinSelf(t)
	rows := []*benchRow{
		{name: "bare echo handler, same headers", server: bare, requests: requests[:1]},
		{name: "`/auth/nginx`, one valid bearer", server: gate, requests: requests[:1]},
		{name: fmt.Sprintf("`/auth/nginx`, %d valid bearers at random", len(requests)), server: gate, requests: requests},
	}
	for range benchRounds {
		for _, row := range rows {
			row.measure(t, benchTime())
		}
	}
	base := median(rows[0].cpu)
	fmt.Printf("\n| target | server CPU per request | ratio | requests/s |\n|---|---|---|---|\n")
	for _, row := range rows {
		fmt.Printf("| %s | %.1f µs | %.2f | %.0f |\n", row.name, median(row.cpu)*1e6, median(row.cpu)/base, median(row.rate))
	}
	fmt.Printf("\nresident memory of gatehouse: %s\n", memoryOf(fmt.Sprintf("/proc/%d/status", gate.pid)))
}

type benchServer struct {
	address string
	pid     int
}

type benchRow struct {
	name      string
	server    benchServer
	requests  [][]byte
	cpu, rate []float64 // seconds per request, requests per second; one entry a round
}

func (r *benchRow) measure(t *testing.T, d time.Duration) {
	t.Helper()
	counts := make([]int, benchConnections)
	before, begin := cpuSeconds(t, r.server.pid), time.Now()
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			n, err := askUntil(r.server.address, r.requests, begin.Add(d))
			if err != nil {
				t.Error(err)
			}
			counts[i] = n
		})
	}
	wg.Wait()
	elapsed, used, total := time.Since(begin).Seconds(), cpuSeconds(t, r.server.pid)-before, 0
	for _, n := range counts {
		total += n
	}
	r.cpu, r.rate = append(r.cpu, used/float64(total)), append(r.rate, float64(total)/elapsed)
}

// askUntil sends prepared requests over one connection until the given time; every
// answer must be an empty 200.
func askUntil(address string, requests [][]byte, end time.Time) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reader, n := bufio.NewReader(conn), 0
	for ; time.Now().Before(end); n++ {
		if _, err := conn.Write(requests[rand.IntN(len(requests))]); err != nil {
			return n, err
		}
		if err := readEmpty200(reader); err != nil {
			return n, err
		}
	}
	return n, nil
}

func readEmpty200(reader *bufio.Reader) error {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("answer %q, want 200", line)
	}
	for len(line) > 2 {
		if line, err = reader.ReadSlice('\n'); err != nil {
			return err
		}
	}
	return nil
}

// startBenchGate starts the built binary on one core with a directory of
// benchPeople viewers, and returns one prepared request for each.
func startBenchGate(t *testing.T) ([][]byte, benchServer) {
	t.Helper()
	ctx, data := context.Background(), t.TempDir()
	dir, err := identity.Open(ctx, identity.Options{Dir: data, Create: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	people := make([]identity.Account, benchPeople)
	if _, err := dir.Write(ctx, "bench", func(tx *identity.Tx) error { return fillBench(tx, people) }); err != nil {
		t.Fatal(err)
	}
	keys, err := token.OpenKeyring(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	issuer := token.NewIssuer(defaultIssuer, defaultAudience, keys, time.Now)
	requests := make([][]byte, len(people))
	for i, p := range people {
		raw, _, err := issuer.Access(token.UserOf(p), p.Generation, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		requests[i] = fmt.Appendf(nil, "GET /auth/nginx HTTP/1.1\r\nHost: gate\r\nX-Original-Method: GET\r\n"+
			"X-Original-URL: https://app.example.org/notebook/ns%d/demo/lab\r\nAuthorization: Bearer %s\r\n\r\n", i, raw)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join("..", "..", "bin", "gatehouse")
	address := freeAddress(t)
	return requests, startBenchServer(t, binary, []string{"serve", "--data", data, "--listen", address, "--ops-listen", freeAddress(t)}, "GATEHOUSE_BENCH_ADDRESS="+address)
}

func fillBench(tx *identity.Tx, people []identity.Account) error {
	for i := range people {
		p, err := tx.CreateAccount(identity.Account{
			Handle: identity.Handle("person-" + strconv.Itoa(i)), Kind: identity.Person, State: identity.Active,
			Email: identity.Email(fmt.Sprintf("person-%d@example.org", i)),
		})
		if err != nil {
			return err
		}
		people[i] = p
		if err := tx.PutNamespace(identity.Namespace{
			Name: identity.NamespaceName("ns" + strconv.Itoa(i)), Owners: []identity.Principal{identity.AccountPrincipal(p.ID)},
		}); err != nil {
			return err
		}
	}
	return nil
}

// startBenchServer runs a server on core 0 alone and waits until it listens on the
// address that its last environment entries name.
func startBenchServer(t *testing.T, binary string, args []string, env ...string) benchServer {
	t.Helper()
	cmd := exec.Command("taskset", append([]string{"-c", "0", binary}, args...)...)
	cmd.Env = append(os.Environ(), append(env, "GOMAXPROCS=1")...)
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = log.Close() })
	_, address, _ := strings.Cut(env[0], "=")
	for end := time.Now().Add(30 * time.Second); ; {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return benchServer{address: address, pid: cmd.Process.Pid}
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not listen on %s:\n%s", binary, address, text)
		}
	}
}

// answerHeaders asks once and returns the headers of the answer as lines.
func answerHeaders(t *testing.T, address string, request []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("asking once: %s %v", resp.Status, resp.Header)
	}
	resp.Header.Del("Date")
	var lines strings.Builder
	if err := resp.Header.Write(&lines); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(lines.String(), "\r\n", "\n")
}

func pinSelf(t *testing.T) {
	t.Helper()
	var set unix.CPUSet
	set.Set(1)
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			_ = unix.SchedSetaffinity(id, &set)
		}
	}
}

// cpuSeconds is user and system time of a process so far (proc(5), fields 14 and 15,
// in ticks of 10 ms).
func cpuSeconds(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte(") "))
	fields := bytes.Fields(rest)
	user, _ := strconv.ParseFloat(string(fields[11]), 64)
	system, _ := strconv.ParseFloat(string(fields[12]), 64)
	return (user + system) / 100
}

// memoryOf reads the resident set of a process from its status file.
func memoryOf(status string) string {
	text, _ := os.ReadFile(status)
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
