package trusted_test

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/trusted"
	"github.com/gatehouse-authz/gatehouse/identity/token/trusted/trustedtest"
)

const unavailable = "issuer_unavailable"

// forbidden is a server that must not be asked.
func forbidden(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			asked.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, asked
}

// J16: nothing but the configured issuer's documents is fetched, and nothing of them
// beyond a size and a time.
func TestFetch_keeps_to_the_issuer(t *testing.T) {
	t.Run("J16", func(t *testing.T) {
		t.Run("redirects are not followed", rowRedirects)
		t.Run("bodies are bounded", rowBodies)
		t.Run("time is bounded", rowSlow)
		t.Run("names that lead elsewhere", rowNames)
		t.Run("key sets elsewhere", rowKeySetElsewhere)
	})
}

func rowRedirects(t *testing.T) {
	elsewhere, asked := forbidden(t)
	for name, target := range map[string]func(p *trustedtest.IdP) string{
		"to another host": func(*trustedtest.IdP) string { return elsewhere + "/keys" },
		"to metadata":     func(*trustedtest.IdP) string { return "http://169.254.169.254/latest/meta-data/" },
		"to a file":       func(*trustedtest.IdP) string { return "file:///etc/passwd" },
		"to itself":       func(p *trustedtest.IdP) string { return p.URL + "/other" },
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			for _, document := range []string{"discovery", "keys"} {
				w := newWorld(t, nil)
				redirect := func(out http.ResponseWriter, r *http.Request) { http.Redirect(out, r, target(w.IdP), code) }
				if document == "keys" {
					w.ReplaceKeys(redirect)
				} else {
					w.ReplaceDiscovery(redirect)
				}
				w.Replace("/other", func(out http.ResponseWriter, _ *http.Request) { trustedtest.Answer(out, trustedtest.KeySet(w.Key)) })
				w.expect(t, fmt.Sprint(document, " ", code, " ", name), w.Token("ada", nil), unavailable)
				if n := w.Asked("/other"); n != 0 {
					t.Errorf("%s %d %s: the redirect was followed", document, code, name)
				}
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the other host saw %d connections", n)
	}
}

func rowBodies(t *testing.T) {
	var sent atomic.Int64
	spaces := func(w io.Writer, sent *atomic.Int64) {
		block := []byte(strings.Repeat(" ", 64<<10))
		for range 100 << 20 / len(block) {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"100 MB of spaces": func(w http.ResponseWriter, _ *http.Request) { spaces(w, &sent) },
		"compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			spaces(z, new(atomic.Int64)) // a few bytes when they are packed
			_ = z.Close()
		},
		"just too long": func(w http.ResponseWriter, _ *http.Request) { trustedtest.Answer(w, strings.Repeat(" ", 1<<20+1)) },
		"empty":         func(http.ResponseWriter, *http.Request) {},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = fmt.Fprint(w, `{"keys":[]`)
		},
		"an error page":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"keys":[]}`, 500) },
		"an answer that is 202": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); trustedtest.Answer(w, `{"keys":[]}`) },
		"no JSON":               func(w http.ResponseWriter, _ *http.Request) { trustedtest.Answer(w, `<html>`) },
		"no keys":               func(w http.ResponseWriter, _ *http.Request) { trustedtest.Answer(w, `{}`) },
		"keys twice":            func(w http.ResponseWriter, _ *http.Request) { trustedtest.Answer(w, `{"keys":[],"keys":[]}`) },
		"keys that are a map":   func(w http.ResponseWriter, _ *http.Request) { trustedtest.Answer(w, `{"keys":{}}`) },
		"300 keys": func(w http.ResponseWriter, _ *http.Request) {
			trustedtest.Answer(w, `{"keys":[{}`+strings.Repeat(`,{}`, 299)+`]}`)
		},
		"very deep": func(w http.ResponseWriter, _ *http.Request) {
			trustedtest.Answer(w, `{"keys":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`)
		},
	} {
		w := newWorld(t, nil)
		w.ReplaceKeys(answer)
		w.expect(t, name, w.Token("ada", nil), unavailable)
		if got := w.counts.of("corp keys_failed"); got != 1 {
			t.Errorf("%s: %d failed fetches were counted, want 1", name, got)
		}
	}
	if n := sent.Load(); n > 50<<20 { // what fills the sockets' buffers counts too
		t.Errorf("%d bytes were taken", n)
	}
}

func rowSlow(t *testing.T) {
	release := make(chan struct{})
	defer close(release) // before the servers are closed, which wait for their answers
	for name, answer := range map[string]http.HandlerFunc{
		"never answers": func(http.ResponseWriter, *http.Request) { <-release },
		"drips": func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := fmt.Fprint(w, " "); err != nil || r.Context().Err() != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(50 * time.Millisecond):
				case <-release:
					return
				}
			}
		},
	} {
		w := newWorld(t, nil)
		w.ReplaceKeys(answer)
		set, err := trusted.New([]trusted.Config{w.Config("corp")}, trusted.Options{Timeout: 300 * time.Millisecond, Now: w.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = set.Verify(t.Context(), w.Token("ada", nil))
		if took := time.Since(start); !strings.HasPrefix(words(err), unavailable) || took > 2*time.Second {
			t.Errorf("%s: got %q after %v, want a refusal after 300ms", name, words(err), took)
		}
	}
}

// secure is an issuer behind TLS under a name, found wherever its resolver says.
func secure(t *testing.T, networks ...string) (c trusted.Config, o trusted.Options, key *trustedtest.Key, connections *atomic.Int64) {
	t.Helper()
	connections, key = &atomic.Int64{}, trustedtest.NewKey(t, "ES256")
	server := httptest.NewUnstartedServer(nil)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c = trusted.Config{Name: "corp", Issuer: "https://example.com:" + port, Audience: trustedtest.Audience}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			trustedtest.Answer(w, trustedtest.KeySet(key))
			return
		}
		trustedtest.Answer(w, trustedtest.Discovery(c.Issuer, c.Issuer+"/keys"))
	})
	for _, network := range networks {
		c.AllowNetworks = append(c.AllowNetworks, netip.MustParsePrefix(network))
	}
	o.RootCAs = x509.NewCertPool()
	o.RootCAs.AddCert(server.Certificate()) // it is good for example.com
	return c, o, key, connections
}

func rowNames(t *testing.T) {
	for name, c := range map[string]struct {
		at       []string
		networks []string
		want     string
	}{
		"loopback":                     {[]string{"127.0.0.1"}, nil, unavailable},
		"IPv6 loopback":                {[]string{"::1"}, nil, unavailable},
		"loopback in the other form":   {[]string{"::ffff:127.0.0.1"}, nil, unavailable},
		"this host":                    {[]string{"0.0.0.0"}, nil, unavailable},
		"metadata":                     {[]string{"169.254.169.254"}, nil, unavailable},
		"another listed network":       {[]string{"127.0.0.1"}, []string{"10.0.0.0/8"}, unavailable},
		"listed (control)":             {[]string{"127.0.0.1"}, []string{"127.0.0.0/8"}, "good"},
		"listed at first, then moving": {[]string{"127.0.0.1", "169.254.169.254"}, []string{"127.0.0.0/8"}, unavailable},
	} {
		config, o, key, connections := secure(t, c.networks...)
		log := &lines{}
		o.Resolver, o.Logger, o.Timeout = names(t, c.at...), log.logger(), 2*time.Second
		set, err := trusted.New([]trusted.Config{config}, o)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Unix()
		raw := key.Sign(t, key.Header(), fmt.Sprintf(`{"iss":%q,"sub":"ada","aud":"gatehouse","exp":%d}`, config.Issuer, now+60))
		_, err = set.Verify(t.Context(), raw)
		if got, _, _ := strings.Cut(words(err), ":"); got != c.want {
			t.Errorf("%s: got %q, want %q; log: %s", name, words(err), c.want, log)
		}
		if n := connections.Load(); c.networks == nil && n != 0 {
			t.Errorf("%s: %d connections were made", name, n)
		}
		if c.want != "good" && !strings.Contains(log.String(), "allow_networks") {
			t.Errorf("%s: the log does not say what to do: %s", name, log)
		}
	}
}

func rowKeySetElsewhere(t *testing.T) {
	elsewhere, asked := forbidden(t)
	host := strings.TrimPrefix(elsewhere, "http://")
	for name, uri := range map[string]string{
		"on another port":    elsewhere + "/keys",
		"on another host":    "http://localhost/keys",
		"at metadata":        "http://169.254.169.254/keys",
		"in a file":          "file:///etc/passwd",
		"with a user":        "http://user:secret@" + host + "/keys",
		"without a host":     "/keys",
		"of no scheme":       "//" + host + "/keys",
		"with another host":  "http://127.0.0.1.evil.test/keys",
		"over gopher":        "gopher://127.0.0.1/keys",
		"with an empty host": "https:///keys",
	} {
		w := newWorld(t, nil)
		w.ReplaceDiscovery(func(out http.ResponseWriter, _ *http.Request) {
			trustedtest.Answer(out, trustedtest.Discovery(w.URL, uri))
		})
		var contradiction *trusted.DocumentError
		if err := w.set.Load(t.Context()); !errors.As(err, &contradiction) || contradiction.Issuer != "corp" {
			t.Errorf("%s: got %v at the start, want a DocumentError", name, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats a password: %v", name, err)
		}
		w.expect(t, name, w.Token("ada", nil), unavailable)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the other host saw %d connections", n)
	}
	// A listed host is asked.
	other := trustedtest.New(t)
	w := newWorld(t, func(c *trusted.Config) { c.AllowHosts = []string{strings.TrimPrefix(other.URL, "http://")} })
	other.Publish(w.Key)
	w.ReplaceDiscovery(func(out http.ResponseWriter, _ *http.Request) {
		trustedtest.Answer(out, trustedtest.Discovery(w.URL, other.URL+"/keys"))
	})
	w.expect(t, "a listed host", w.Token("ada", nil), "good")
}

func TestLoad_warns_where_an_issuer_cannot_be_reached_and_asks_again_later(t *testing.T) {
	w := newWorld(t, nil)
	down := func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "down", http.StatusBadGateway) }
	w.ReplaceDiscovery(down)
	if err := w.set.Load(t.Context()); err != nil {
		t.Fatalf("got %v, want a start", err)
	}
	if !strings.Contains(w.log.String(), "level=WARN") || !strings.Contains(w.log.String(), "502") {
		t.Errorf("nothing warns: %s", w.log)
	}
	w.expect(t, "while it is down", w.Token("ada", nil), unavailable)
	w.ReplaceDiscovery(nil)
	w.expect(t, "within the cool-down", w.Token("ada", nil), unavailable)
	w.clock.move(30 * time.Second)
	w.expect(t, "after the cool-down", w.Token("ada", nil), "good")
	if !strings.Contains(w.log.String(), "fetched again") {
		t.Errorf("nothing says that it is back: %s", w.log)
	}
}

func TestLoad_asks_no_discovery_where_the_key_set_is_configured(t *testing.T) {
	w := newWorld(t, func(c *trusted.Config) { c.JWKSURL = c.Issuer + "/keys" })
	w.expect(t, "a token", w.Token("ada", nil), "good")
	if n := w.Asked("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("discovery was asked %d times", n)
	}
}

func TestLoad_ends_with_its_context(t *testing.T) {
	w := newWorld(t, nil)
	release := make(chan struct{})
	defer close(release) // before the servers are closed, which wait for their answers
	w.ReplaceKeys(func(http.ResponseWriter, *http.Request) { <-release })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	if err := w.set.Load(ctx); err != nil || time.Since(start) > time.Second {
		t.Errorf("got %v after %v, want to be let go at once", err, time.Since(start))
	}
}
