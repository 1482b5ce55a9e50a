package admintest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Header is one header line. It is written as it is.
type Header struct{ Name, Value string }

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Took   time.Duration
}

// Reason is the word that a refusal carries.
func (a Answer) Reason() string { return a.Header.Get("X-Gatehouse-Reason") }

// answerTime bounds one exchange; a test that needs it all has failed.
const answerTime = 10 * time.Second

// Door is one of the ways in which a proxy asks.
type Door string

// The doors.
const (
	Nginx     Door = "nginx"
	Forward   Door = "forward"
	Datalayer Door = "datalayer"
	Envoy     Door = "envoy"
)

// Doors lists all of them.
var Doors = []Door{Nginx, Forward, Datalayer, Envoy}

// Ask asks a door about one request as its proxy would, with headers of the client
// added. rawURL is taken apart at the first slash after its host and never parsed.
func (g *Gate) Ask(door Door, method, rawURL string, headers ...Header) Answer {
	g.tb.Helper()
	return g.Exchange(Question(door, method, rawURL, headers...))
}

// Question is the text of such a request.
func Question(door Door, method, rawURL string, headers ...Header) string {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	host, target := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	switch door {
	case Envoy:
		return Request(method, "/auth/envoy"+target, host, headers...)
	case Nginx:
		return Request("GET", "/auth/nginx", "gatehouse", append([]Header{
			{"X-Original-URL", rawURL}, {"X-Original-Method", method},
		}, headers...)...)
	}
	path := "/auth/forward"
	if door == Datalayer {
		path = "/api/iam/v1/auth"
	}
	return Request("GET", path, "gatehouse", append([]Header{
		{"X-Forwarded-Method", method}, {"X-Forwarded-Proto", scheme}, {"X-Forwarded-Host", host}, {"X-Forwarded-Uri", target},
	}, headers...)...)
}

// Request is the text of an HTTP/1.1 request on a connection of its own.
func Request(method, target, host string, headers ...Header) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, h := range headers {
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

// Exchange writes a request as it is and reads the answer. An answer that cannot be
// read as HTTP has status 0.
func (g *Gate) Exchange(request string) Answer {
	g.tb.Helper()
	return ExchangeFrom(g.tb, "127.0.0.1", g.address, request)
}

// ExchangeFrom is Exchange from one of this machine's loopback addresses.
func ExchangeFrom(tb testing.TB, from, address, request string) Answer {
	tb.Helper()
	start := time.Now()
	dialer := net.Dialer{Timeout: answerTime, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(start.Add(answerTime)); err != nil {
		tb.Fatal(err)
	}
	// The server may answer and close before it has read everything.
	_, _ = io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return Answer{Took: time.Since(start)}
	}
	took := time.Since(start)
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(body), Took: took}
}

// Get reads a path of the public listener.
func (g *Gate) Get(path string, headers ...Header) Answer {
	g.tb.Helper()
	return g.Exchange(Request("GET", path, g.address, headers...))
}

// GetOps reads a path of the operators' listener.
func (g *Gate) GetOps(path string) Answer {
	g.tb.Helper()
	return ExchangeFrom(g.tb, "127.0.0.1", g.ops, Request("GET", path, g.ops))
}
