package trusted

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity/token/internal/strict"
)

const (
	maxDocument  = 1 << 20
	maxHeaders   = 64 << 10
	discoveredAt = "/.well-known/openid-configuration"
)

// documentForm is what fetched documents keep to.
var documentForm = strict.Form{Depth: 32}

// DocumentError says that an issuer's discovery document contradicts the configuration.
// Waiting does not mend that.
type DocumentError struct{ Issuer, Why string } // Issuer is the configured name

func (e *DocumentError) Error() string {
	return fmt.Sprintf("trusted issuer %s: the discovery document %s", e.Issuer, e.Why)
}

// fetcher gets the key set of one issuer and reaches nothing else.
type fetcher struct {
	config  Config
	client  *http.Client
	timeout time.Duration // of discovery and key set together
}

func newFetcher(c Config, o Options) *fetcher {
	issuer, _ := url.Parse(c.Issuer) // Check has accepted it
	dialer := &net.Dialer{
		Timeout: o.Timeout, Resolver: o.Resolver,
		Control: reach{loopback: loopbackHost(issuer.Hostname()), networks: c.AllowNetworks}.control,
	}
	return &fetcher{config: c, timeout: o.Timeout, client: &http.Client{
		Transport: &http.Transport{
			// Not through a proxy: it would connect to what control refuses.
			Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout: o.Timeout,
			DisableKeepAlives:   true, // minutes pass until the next one
			// A small body must not become a large one.
			DisableCompression: true, MaxResponseHeaderBytes: maxHeaders,
		},
		// Where a redirect leads is not for a server to choose.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// keys gets the keys that the issuer publishes now.
func (f *fetcher) keys(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	at, err := f.locate(ctx)
	if err != nil {
		return nil, err
	}
	body, err := f.get(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("get the key set: %w", err)
	}
	set, err := parseKeys(body, f.config.algorithms())
	if err != nil {
		return nil, fmt.Errorf("read the key set of %s: %w", at.Redacted(), err)
	}
	return set, nil
}

// locate finds where the key set is.
func (f *fetcher) locate(ctx context.Context) (*url.URL, error) {
	if f.config.JWKSURL != "" {
		return f.config.keyURL(f.config.JWKSURL)
	}
	at, err := url.Parse(strings.TrimSuffix(f.config.Issuer, "/") + discoveredAt)
	if err != nil {
		return nil, err
	}
	body, err := f.get(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("get the discovery document: %w", err)
	}
	members, err := documentForm.Members(body)
	if err != nil {
		return nil, fmt.Errorf("read the discovery document of %s: %w", at, err)
	}
	var issuer, keys string
	if json.Unmarshal(members["issuer"], &issuer) != nil || issuer != f.config.Issuer {
		return nil, &DocumentError{f.config.Name, fmt.Sprintf("is not that of the issuer %q (compared exactly, a slash at the end counts)", f.config.Issuer)}
	}
	if json.Unmarshal(members["jwks_uri"], &keys) != nil {
		return nil, &DocumentError{f.config.Name, "has no jwks_uri"}
	}
	where, err := f.config.keyURL(keys)
	if err != nil {
		return nil, &DocumentError{f.config.Name, "has a jwks_uri that " + err.Error()}
	}
	return where, nil
}

func (f *fetcher) get(ctx context.Context, at *url.URL) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	request.Header.Set("User-Agent", "gatehouse")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it has been read as far as it is wanted
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d; only 200 counts, redirects are not followed", at.Redacted(), response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", at.Redacted(), err)
	case len(body) > maxDocument:
		return nil, fmt.Errorf("the answer of %s is longer than %d bytes", at.Redacted(), maxDocument)
	case len(body) == 0:
		return nil, errors.New("the answer of " + at.Redacted() + " is empty")
	}
	return body, nil
}
