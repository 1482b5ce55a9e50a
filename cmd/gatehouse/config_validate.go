package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// validate checks what can be checked without opening anything; each error names
// its key.
func (c Config) validate() error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("configuration key %s: %s", key, fmt.Sprintf(format, args...)))
	}
	address(fail, "listen", c.Listen)
	if c.OpsListen != noListener {
		address(fail, "ops_listen", c.OpsListen)
	}
	if c.Admin.Listen != "" {
		address(fail, "admin.listen", c.Admin.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		fail("tls", "cert and key are both needed, or neither")
	}
	if c.Data == "" {
		fail("data", "must name a folder")
	}
	var level slog.Level
	if level.UnmarshalText([]byte(c.Log.Level)) != nil {
		fail("log.level", "%q is none of debug, info, warn, error", c.Log.Level)
	}
	oneOf(fail, "log.format", c.Log.Format, formatText, formatJSON)
	oneOf(fail, "ingress.nginx.source", c.Ingress.Nginx.Source, "url", "uri")
	oneOf(fail, "ingress.smuggled_headers", c.Ingress.SmuggledHeaders, "refuse", "warn")
	if c.Tokens.TTL < time.Minute || c.Tokens.TTL > 366*24*time.Hour {
		fail("tokens.ttl", "%s is not between 1m and 366 days (with its unit, as in 12h)", c.Tokens.TTL)
	}
	if c.Engine.Deadline < time.Millisecond || c.Engine.Deadline > 10*time.Second {
		fail("engine.deadline", "%s is not between 1ms and 10s (with its unit, as in 50ms)", c.Engine.Deadline)
	}
	if c.Engine.Memo.Entries < 1 {
		fail("engine.memo.entries", "must be 1 or more; engine.memo.enabled turns the memo off")
	}
	atLeast(fail, "engine.memo.bytes", c.Engine.Memo.Bytes, mebibyte)
	atLeast(fail, "engine.parsed_bytes", c.Engine.ParsedBytes, mebibyte)
	if c.Journal.Retention != 0 && c.Journal.Retention < time.Hour {
		fail("journal.retention", "%s is neither 0 (for ever) nor 1h or more", c.Journal.Retention)
	}
	if c.Passwords.Concurrency < 1 || c.Passwords.Queue < 0 {
		fail("passwords", "concurrency must be 1 or more and queue 0 or more")
	}
	for _, p := range c.Ingress.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			if _, err := netip.ParseAddr(p); err != nil {
				fail("ingress.trusted_proxies", "%q is neither an address nor a CIDR such as 10.0.0.0/8", p)
			}
		}
	}
	if c.Login.URL != "" {
		if u, err := url.Parse(c.Login.URL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			fail("login.url", "%q is not an absolute http(s) URL", c.Login.URL)
		}
	}
	if _, err := trustedIssuers(c.Issuers); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		// The names of presets and policy headers are the surface's to judge.
		if err := ingressConfig(c).Check(); err != nil {
			errs = append(errs, fmt.Errorf("configuration: %w", err))
		}
	}
	return errors.Join(errs...)
}

type failer func(key, format string, args ...any)

func address(fail failer, key, value string) {
	if _, _, err := net.SplitHostPort(value); err != nil {
		fail(key, "%q is not host:port, for example 127.0.0.1:9700", value)
	}
}

func oneOf(fail failer, key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		fail(key, "%q is none of %s", value, strings.Join(allowed, ", "))
	}
}

func atLeast(fail failer, key string, got, least byteSize) {
	if got < least {
		fail(key, "%s is less than %s", got, least)
	}
}
