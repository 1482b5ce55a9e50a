//go:build bench

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const benchConnections = 16

// questions make requests. next returns what to send, in the buffer or elsewhere; check
// looks at the body of a 200, which everything else is an error beside. Connections call
// both at the same time.
type questions struct {
	next  func(buffer []byte) []byte
	check func(body []byte) error
}

// benchRow is one target of a table: a server and what it is asked.
type benchRow struct {
	name      string
	server    benchServer
	ask       questions
	cpu, rate []float64 // seconds per request, requests per second; one entry a round
	hits      [2]float64
}

// measure asks over a fixed number of connections for d and adds a round.
func (r *benchRow) measure(t *testing.T, d time.Duration) {
	t.Helper()
	defer r.server.forgetLog()
	counts := make([]int, benchConnections)
	hits, misses := memoCounts(t, r.server)
	before, begin := cpuSeconds(t, r.server.pid), time.Now()
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			n, err := askWhile(r.server.address, r.ask, func(int) bool { return time.Since(begin) < d })
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
			counts[i] = n
		})
	}
	wg.Wait()
	elapsed, used, total := time.Since(begin).Seconds(), cpuSeconds(t, r.server.pid)-before, 0
	for _, n := range counts {
		total += n
	}
	if t.Failed() || total == 0 {
		t.Fatalf("%s: %d answers; the server says:\n%s", r.name, total, r.server.tail())
	}
	r.cpu, r.rate = append(r.cpu, used/float64(total)), append(r.rate, float64(total)/elapsed)
	hitsNow, missesNow := memoCounts(t, r.server)
	r.hits[0], r.hits[1] = r.hits[0]+hitsNow-hits, r.hits[1]+missesNow-misses
}

// remembered is the share of decisions that came from the memo.
func (r *benchRow) remembered() string {
	if all := r.hits[0] + r.hits[1]; all > 0 {
		return fmt.Sprintf("%.0f %%", 100*r.hits[0]/all)
	}
	return "-"
}

// measureRows interleaves the rounds, so that what disturbs one row disturbs all.
func measureRows(t *testing.T, rows []*benchRow) {
	t.Helper()
	for round := range benchRounds {
		for _, row := range rows {
			row.measure(t, benchTime())
			note("round %d of %d: %s: %.1f µs", round+1, benchRounds, row.name, 1e6*row.cpu[round])
		}
	}
}

// askWhile sends requests over one connection, one after the other.
func askWhile(address string, ask questions, more func(asked int) bool) (n int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	reader, buffer, body := bufio.NewReader(conn), make([]byte, 0, 4096), make([]byte, 4096)
	for ; more(n); n++ {
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return n, err
		}
		if _, err := conn.Write(ask.next(buffer[:0])); err != nil {
			return n, err
		}
		if err := readAnswer(reader, body, ask.check); err != nil {
			return n, err
		}
	}
	return n, nil
}

// readAnswer reads one answer with as little work as there can be: the generator must
// not be what is measured.
func readAnswer(reader *bufio.Reader, body []byte, check func(body []byte) error) error {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !is200(line) {
		rest, _ := reader.Peek(reader.Buffered())
		return fmt.Errorf("answer %q, want 200; it goes on %q", line, rest)
	}
	length := 0
	for len(line) > 2 {
		if line, err = reader.ReadSlice('\n'); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if length > len(body) {
		return fmt.Errorf("an answer of %d bytes", length)
	}
	if _, err := io.ReadFull(reader, body[:length]); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if check == nil {
		return nil
	}
	return check(body[:length])
}

func is200(answer []byte) bool { return bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) }

// askEachOnce sends every request once, shared out over the connections.
func askEachOnce(t *testing.T, address string, requests [][]byte) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range slices.Chunk(requests, len(requests)/benchConnections+1) {
		wg.Go(func() {
			asked := 0
			ask := questions{next: func([]byte) []byte { asked++; return part[asked-1] }}
			if _, err := askWhile(address, ask, func(int) bool { return asked < len(part) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// sample draws from prepared requests.
func sample(requests [][]byte) questions {
	return questions{next: func([]byte) []byte { return requests[rand.IntN(len(requests))] }}
}

// askOpenLoop sends requests at a fixed rate for d, whatever the answers take, and
// returns how long after its time each was answered, sorted. Every connection is a
// thread of the system that sleeps and reads by itself: Go's timers are too coarse.
func askOpenLoop(t *testing.T, address string, ask questions, rate int, d time.Duration) []time.Duration {
	t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	begin, every := time.Now().Add(10*time.Millisecond), time.Duration(benchConnections)*time.Second/time.Duration(rate)
	for i := range benchConnections {
		wg.Go(func() {
			took, err := openLoopConnection(address, ask, begin.Add(every*time.Duration(i)/benchConnections), every, d)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(all)
	return all
}

func openLoopConnection(address string, ask questions, at time.Time, every, d time.Duration) (took []time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // else sleeps are 50 µs late
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fd, buffer, answer := int(file.Fd()), make([]byte, 0, 4096), make([]byte, 8192) // Fd makes it blocking
	for end := at.Add(d); at.Before(end); at = at.Add(every) {
		request := ask.next(buffer[:0])
		sleepUntil(at)
		if _, err := unix.Write(fd, request); err != nil {
			return nil, err
		}
		n, err := unix.Read(fd, answer)
		took = append(took, time.Since(at))
		if err != nil || !is200(answer[:n]) {
			return nil, fmt.Errorf("answer %q (%w), want 200", answer[:max(n, 0)], err)
		}
	}
	return took, nil
}

func sleepUntil(at time.Time) {
	for d := time.Until(at); d > 0; d = time.Until(at) {
		_ = unix.Nanosleep(&unix.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)}, nil) // again when interrupted
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
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("asking once: %s %v", resp.Status, resp.Header)
	}
	resp.Header.Del("Date")
	var lines bytes.Buffer
	if err := resp.Header.Write(&lines); err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(lines.Bytes(), []byte("\r\n"), []byte("\n")))
}
