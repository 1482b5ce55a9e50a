package trusted_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatehouse-authz/gatehouse/identity/token"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is an issuer that is trusted as "corp", with what was logged and counted.
type world struct {
	*trustedtest.IdP
	clock  *clock
	set    *trusted.Set
	log    *lines
	counts *counts
}

func newWorld(t *testing.T, change func(*trusted.Config)) *world {
	t.Helper()
	w := &world{IdP: trustedtest.New(t), clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, log: &lines{}, counts: &counts{}}
	w.Now = w.clock.now
	c := w.Config("corp")
	if change != nil {
		change(&c)
	}
	w.trust(t, c)
	return w
}

func (w *world) trust(t *testing.T, configs ...trusted.Config) {
	t.Helper()
	var err error
	w.set, err = trusted.New(configs, trusted.Options{Now: w.clock.now, Logger: w.log.logger(), Observe: w.counts.add, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
}

// ask has a token verified and puts the answer into words: "good", "not ours", or the
// reason and the detail of the refusal.
func (w *world) ask(t *testing.T, raw string) string {
	t.Helper()
	_, err := w.set.Verify(t.Context(), raw)
	return words(err)
}

func words(err error) string {
	var refused *token.RefusedError
	switch {
	case err == nil:
		return "good"
	case errors.Is(err, token.ErrNotOurs):
		return "not ours"
	case errors.As(err, &refused):
		return refused.Reason + ": " + refused.Detail
	}
	return "unexpected error: " + err.Error()
}

func (w *world) expect(t *testing.T, name, raw, want string) {
	t.Helper()
	if got := w.ask(t, raw); got != want && !strings.HasPrefix(got, want+":") {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// counts are what was observed.
type counts struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *counts) add(issuer, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]int{}
	}
	c.all[issuer+" "+outcome]++
}

func (c *counts) of(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[key]
}

// names is a resolver that finds every name at the addresses, in turn.
func names(t *testing.T, at ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go answerNames(server, at)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func answerNames(server net.PacketConn, at []string) {
	buffer, asked := make([]byte, 1500), 0
	for {
		n, from, err := server.ReadFrom(buffer)
		if err != nil {
			return // the test is over
		}
		var m dnsmessage.Message
		if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		addr := netip.MustParseAddr(at[min(asked, len(at)-1)])
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && addr.Is4():
			m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: addr.As4()}}}
			asked++
		case q.Type == dnsmessage.TypeAAAA && addr.Is6():
			m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
			asked++
		}
		if packed, err := m.Pack(); err == nil {
			_, _ = server.WriteTo(packed, from)
		}
	}
}
