package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// render fills in a template the way envsubst does in the nginx image: only the
// names given, so that nginx's own variables stay.
func render(t *testing.T, file string, values map[string]string) string {
	t.Helper()
	text := readFile(t, file)
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	if i := strings.Index(text, "${"); i >= 0 {
		t.Fatalf("%s: nothing was given for %.30s", file, text[i:])
	}
	return text
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// proxy is a real proxy that runs until the test ends.
type proxy struct {
	addr string
	log  *lockedBuffer
}

// startProxy starts the program in dir and waits until addr takes connections.
func startProxy(t *testing.T, addr, dir string, env []string, program string, args ...string) *proxy {
	t.Helper()
	p := &proxy{addr: addr, log: &lockedBuffer{}}
	cmd := exec.Command(program, args...) // the proxies of these tests
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, p.log, p.log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), p.log)
		}
	})
	waitFor(t, filepath.Base(program)+" to listen", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", program, p.log)
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, p.log)
	return p
}

// client speaks to the proxy whatever host the URL names; it follows no redirects.
func (p *proxy) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: p.dial, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Timeout: 10 * time.Second,
	}
}

func (p *proxy) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", p.addr)
}

// reply is an answer as the client saw it.
type reply struct {
	status int
	header http.Header
	body   string
}

// get asks with the given "Name: value" lines.
func (p *proxy) get(t *testing.T, url string, lines ...string) reply {
	t.Helper()
	return p.send(t, http.MethodGet, url, "", lines...)
}

func (p *proxy) send(t *testing.T, method, url, body string, lines ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headerOf(lines...)
	client := p.client()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, url, err)
	}
	return reply{res.StatusCode, res.Header, string(raw)}
}

func headerOf(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h[http.CanonicalHeaderKey(name)] = append(h[http.CanonicalHeaderKey(name)], value)
	}
	return h
}

// raw writes lines as they are, joined by CRLF and ended by an empty line, and reads
// one answer. It is for what no well-behaved client sends.
func (p *proxy) raw(t *testing.T, lines ...string) reply {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	reader := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: %v", lines[0], err)
		}
		body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
		res.Body.Close()
		if res.StatusCode != http.StatusContinue {
			return reply{res.StatusCode, res.Header, string(body)}
		}
	}
}

// handshake opens a WebSocket; conn is nil where it was refused.
func (p *proxy) handshake(t *testing.T, url string, lines ...string) (conn *websocket.Conn, status int) {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: p.dial, HandshakeTimeout: 10 * time.Second}
	conn, res, err := dialer.DialContext(t.Context(), strings.Replace(url, "http", "ws", 1), headerOf(lines...)) //nolint:bodyclose // a WebSocket has no body, and a refusal is read whole by gorilla
	if res == nil {
		t.Fatalf("%s: %v", url, err)
	}
	if conn != nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, res.StatusCode
}

// echoes sends one frame and wants it back.
func echoes(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, got, err := conn.ReadMessage()
	if err != nil || string(got) != text {
		t.Errorf("the echoed frame is %q (%v), want %q", got, err, text)
	}
}

// wantStatus compares and says what the proxy answered in full.
func wantStatus(t *testing.T, what string, got reply, want ...int) {
	t.Helper()
	if !slices.Contains(want, got.status) {
		t.Errorf("%s: status %d, want %v; answer %v %q", what, got.status, want, got.header, got.body)
	}
}
