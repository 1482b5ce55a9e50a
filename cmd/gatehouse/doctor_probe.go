package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// probe is a request written byte by byte: net/http would repair what the checks
// are about (two hosts in one request, raw paths, odd header names).
type probe struct {
	method   string      // "" = GET
	path     string      // as written in the request line; "" = the URL's own
	host     string      // the Host header; "" = the URL's own
	absolute bool        // absolute form: the request line names the URL's host
	headers  [][2]string // in this order, as written
	body     string
}

// answer is the head of a response, or why there was none.
type answer struct {
	status int
	header http.Header
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return "no answer (" + a.err.Error() + ")"
	}
	s := fmt.Sprint(a.status)
	if l := a.header.Get("Location"); l != "" {
		s += " to " + clip(l)
	}
	if r := a.header.Get("X-Gatehouse-Reason"); r != "" {
		s += " (" + clip(r) + ")"
	}
	return s
}

// clip keeps what a stranger's server sent printable and short on a terminal.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// letIn reports whether the application, not the gate, answered with success.
func (a answer) letIn() bool {
	return a.status == http.StatusSwitchingProtocols || (a.status >= 200 && a.status < 300)
}

func (a answer) redirect() bool {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// stillClosed reports whether a stranger who varies the plain request was turned
// away by the gate or the proxy. A 404 or 405 is not: an application says those.
func (d *doctor) stillClosed(a answer) bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusMisdirectedRequest,
		http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented:
		return true
	}
	if a.err != nil || a.status >= 500 {
		return true // nothing was served
	}
	return a.redirect() && (d.mends(a) || sameDoor(a.header.Get("Location"), d.baseline.header.Get("Location")))
}

// mends reports a redirect that only sends the client to the plain URL, as proxies
// answer an untidy path.
func (d *doctor) mends(a answer) bool {
	l, err := url.Parse(a.header.Get("Location"))
	return err == nil && (l.Host == "" || l.Host == d.target.Host) && l.Path == d.target.Path
}

// sameDoor compares two Locations without their queries, which name the way back.
func sameDoor(a, b string) bool {
	x, errA := url.Parse(a)
	y, errB := url.Parse(b)
	return b != "" && errA == nil && errB == nil && x.Host == y.Host && x.Path == y.Path
}

// ask sends one probe on a connection of its own and reads the head of the answer.
func (d *doctor) ask(ctx context.Context, p probe) answer {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.dial(ctx)
	if err != nil {
		return answer{err: err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	if _, err := io.WriteString(conn, d.wire(p)); err != nil {
		return answer{err: fmt.Errorf("send the request: %w", err)}
	}
	const headLimit = 1 << 20
	method := cmp.Or(p.method, http.MethodGet)
	reader := bufio.NewReader(io.LimitReader(conn, headLimit))
	for {
		res, err := http.ReadResponse(reader, &http.Request{Method: method}) //nolint:bodyclose // only the head counts, and closing the connection ends the body
		if err != nil {
			if ctx.Err() != nil {
				err = errors.New("timed out")
			}
			return answer{err: err}
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return answer{status: res.StatusCode, header: res.Header}
		}
	}
}

func (d *doctor) dial(ctx context.Context) (net.Conn, error) {
	if d.target.Scheme != "https" {
		return new(net.Dialer).DialContext(ctx, "tcp", d.address)
	}
	dialer := tls.Dialer{Config: &tls.Config{
		ServerName:         d.target.Hostname(),
		NextProtos:         []string{"http/1.1"},
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: d.insecure, // the operator's explicit flag, for a certificate of their own
	}}
	return dialer.DialContext(ctx, "tcp", d.address)
}

// wire is the request as it goes over the wire.
func (d *doctor) wire(p probe) string {
	target := cmp.Or(p.path, d.target.RequestURI())
	if p.absolute {
		target = d.target.Scheme + "://" + d.target.Host + target
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: gatehouse-doctor\r\n",
		cmp.Or(p.method, http.MethodGet), target, cmp.Or(p.host, d.target.Host))
	connection := "close"
	for _, h := range p.headers {
		if strings.EqualFold(h[0], "Connection") {
			connection = ""
		}
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	if connection != "" {
		b.WriteString("Connection: close\r\n")
	}
	if p.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(p.body))
	}
	b.WriteString("\r\n" + p.body)
	return b.String()
}
