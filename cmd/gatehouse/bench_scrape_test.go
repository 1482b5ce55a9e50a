//go:build bench

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a server tells of itself on its ops listener.

var opsClient = &http.Client{Timeout: 5 * time.Minute}

func scrape(t *testing.T, s benchServer, path string) string {
	t.Helper()
	resp, err := opsClient.Get("http://" + s.ops + path)
	if err != nil {
		t.Fatalf("%v; the server says:\n%s", err, s.tail())
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%.2000s", path, resp.Status, err, text)
	}
	return string(text)
}

// memoCounts are the decisions so far that came from the memo, and those that did not;
// 0 and 0 for a server without a memo.
func memoCounts(t *testing.T, s benchServer) (hits, misses float64) {
	t.Helper()
	if s.ops == "" {
		return 0, 0
	}
	text := scrape(t, s, "/metrics")
	hits = metric(text, "gatehouse_decision_memo_hits_total")
	return hits, metric(text, "gatehouse_decision_memo_misses_total") + metric(text, "gatehouse_decision_memo_skipped_total")
}

// metric adds up the samples of a name; 0 where there is none.
func metric(text, name string) (sum float64) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '{') {
			continue
		}
		value, _ := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		sum += value
	}
	return sum
}

// heapOf is what a server holds on its heap after a collection, in MiB.
func heapOf(t *testing.T, s benchServer) float64 {
	t.Helper()
	scrape(t, s, "/debug/pprof/heap?gc=1") // what pools hold is freed by the second one
	text := scrape(t, s, "/debug/pprof/heap?gc=1&debug=1")
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, "# HeapAlloc = "); ok {
			bytes, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return bytes / (1 << 20)
		}
	}
	t.Fatalf("the heap profile has no HeapAlloc:\n%.500s", text)
	return 0
}

// waitReady waits until the server's readiness is green.
func waitReady(t *testing.T, s benchServer) {
	t.Helper()
	last := "no answer"
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		resp, err := opsClient.Get("http://" + s.ops + "/readyz")
		if err != nil {
			last = err.Error()
			continue
		}
		_ = resp.Body.Close()
		if last = fmt.Sprint("readiness ", resp.Status); resp.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("%s; the server says:\n%s", last, s.tail())
}
