package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
)

// upstream is the application behind a proxy: it remembers what it was asked,
// answers 200, and echoes the frames of WebSockets.
type upstream struct {
	addr string
	mu   sync.Mutex
	seen []asked
	// answer replaces the plain 200 where a test wants the application to differ.
	answer atomic.Pointer[http.HandlerFunc]
}

// asked is one request as it reached the application.
type asked struct {
	Method, Target, Host, Body string
	Header                     http.Header
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	u.addr = strings.TrimPrefix(server.URL, "http://")
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upgrade := websocket.IsWebSocketUpgrade(r)
	a := asked{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone()}
	if !upgrade {
		body, _ := io.ReadAll(r.Body)
		a.Body = string(body)
	}
	u.mu.Lock()
	u.seen = append(u.seen, a)
	u.mu.Unlock()
	switch answer := u.answer.Load(); {
	case answer != nil:
		(*answer)(w, r)
	case upgrade:
		echoFrames(w, r)
	default:
		_, _ = io.WriteString(w, "hello from the application")
	}
}

func echoFrames(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, data); err != nil {
			return
		}
	}
}

// took returns what arrived since the last call, and forgets it.
func (u *upstream) took() []asked {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = nil
	return seen
}

// one returns the only request that arrived since the last call.
func (u *upstream) one(t *testing.T) asked {
	t.Helper()
	seen := u.took()
	if len(seen) != 1 {
		t.Fatalf("the application was asked %d times, want once: %+v", len(seen), seen)
	}
	return seen[0]
}

// untouched fails when the application was asked anything since the last call.
func (u *upstream) untouched(t *testing.T) {
	t.Helper()
	if seen := u.took(); len(seen) != 0 {
		t.Errorf("the application was asked %+v, want nothing", seen)
	}
}

// picked returns the named headers that are there, joined where there are several.
func (a asked) picked(names ...string) map[string]string {
	got := map[string]string{}
	for _, name := range names {
		if v := a.Header.Values(name); len(v) > 0 {
			got[name] = strings.Join(v, " + ")
		}
	}
	return got
}

// relay passes TCP connections on to a server and counts them.
type relay struct {
	addr  string
	count atomic.Int64
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	r := &relay{addr: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			r.count.Add(1)
			go pipe(client, to)
		}
	}()
	return r
}

func pipe(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}
