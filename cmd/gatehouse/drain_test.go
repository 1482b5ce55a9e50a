package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// halfLogin sends the head of a login and a part of its body, and gives what sends the
// rest and reads the answer.
func halfLogin(t *testing.T, address string) (finish func() (status int, err error)) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const body = `{"handle": "ada", "password": "wrong as it can be"}`
	_, err = fmt.Fprintf(conn, "POST /api/iam/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	// The handler reads the body: the request is under way.
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return func() (int, error) {
		if _, err := io.WriteString(conn, body); err != nil {
			return 0, err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		return res.StatusCode, nil
	}
}

func TestServe_drains_when_it_is_told_to_end(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, map[string]string{"GATEHOUSE_ADMIN_LISTEN": freeAddress(t)})
	h.serve(t)
	finish := halfLogin(t, h.addr)
	ended := make(chan struct{})
	go func() {
		h.stop() // as SIGTERM does
		close(ended)
	}()
	waitFor(t, "the ops listener to say that it drains", func() bool {
		res, err := http.Get("http://" + h.ops + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode == http.StatusServiceUnavailable && string(text) == "draining\n"
	}, h.log)
	for _, address := range []string{h.addr, h.env["GATEHOUSE_ADMIN_LISTEN"]} {
		waitFor(t, "new connections to be refused", func() bool {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		})
	}
	if got := statusOf("http://" + h.ops + "/metrics"); got != http.StatusOK {
		t.Errorf("metrics while draining: %d, want 200", got)
	}
	select {
	case <-ended:
		t.Fatal("the server ended with a request under way")
	default:
	}
	if status, err := finish(); err != nil || status != http.StatusUnauthorized {
		t.Errorf("the request under way: %d, %v, want its answer, 401", status, err)
	}
	<-ended
	if got := statusOf("http://" + h.ops + "/healthz"); got != 0 {
		t.Errorf("the ops listener after the end: %d, want nobody there", got)
	}
}
