package trusted

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What becomes of a caller whose identity is linked to no account.
const (
	UnlinkedRefuse = "refuse" // 401
	UnlinkedGroups = "groups" // a subject without account, to whom only groups grant
)

// DefaultAlgorithms are those of an issuer that names none.
var DefaultAlgorithms = []string{"RS256", "ES256", "EdDSA"}

// Config is one trusted issuer.
type Config struct {
	Name     string // in paths, metrics and the log
	Issuer   string // exact `iss`
	Audience string // exact entry of `aud`

	Algorithms   []string // nil = DefaultAlgorithms
	JWKSURL      string   // "" = as the discovery document says
	GroupsClaim  string   // "" = no groups are taken over
	GroupsPrefix string   // in front of every group, so that issuers cannot speak for one another
	Unlinked     string   // UnlinkedRefuse ("" is that too) or UnlinkedGroups

	AllowHosts    []string       // other hosts, host or host:port, that the key set may be on
	AllowNetworks []netip.Prefix // networks that are not public and may be connected to
}

// FieldError says what is wrong with one field of the list of issuers.
type FieldError struct{ Key, Why string }

func (e *FieldError) Error() string { return e.Key + ": " + e.Why }

var nameForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Check says whether the list may be used; the error joins a *FieldError for each fault,
// with keys such as issuers[1].audience.
func Check(configs []Config) error {
	var errs []error
	for at, c := range configs {
		fail := func(key, format string, args ...any) {
			errs = append(errs, &FieldError{Key: fmt.Sprintf("issuers[%d].%s", at, key), Why: fmt.Sprintf(format, args...)})
		}
		c.check(fail)
		for before, other := range configs[:at] {
			c.checkBeside(other, before, fail)
		}
	}
	return errors.Join(errs...)
}

type failer func(key, format string, args ...any)

func (c Config) check(fail failer) {
	if !nameForm.MatchString(c.Name) {
		fail("name", "%q is not 1 to 32 of a-z, 0-9 and -", c.Name)
	}
	if why := checkIssuer(c.Issuer); why != "" {
		fail("issuer", "%s", why)
	}
	switch {
	case c.Audience == "":
		fail("audience", "is missing: name the audience that the issuer puts into tokens for Gatehouse, so that tokens for other services are refused")
	case !plain(c.Audience) || len(c.Audience) > maxText:
		fail("audience", "is too long or holds control characters")
	}
	for _, alg := range c.Algorithms {
		if _, known := methods[alg]; !known {
			fail("algorithms", "%q is none of %s", alg, strings.Join(algorithmNames(), ", "))
		}
	}
	if c.JWKSURL != "" {
		if _, err := c.keyURL(c.JWKSURL); err != nil {
			fail("jwks_url", "%s", err)
		}
	}
	switch c.Unlinked {
	case "", UnlinkedRefuse:
	case UnlinkedGroups:
		if c.GroupsClaim == "" {
			fail("groups_claim", "is missing: with unlinked: groups, callers without an account have nothing else to be granted anything by")
		}
	default:
		fail("unlinked", "%q is none of refuse, groups", c.Unlinked)
	}
	if c.GroupsPrefix != "" && !usableGroup(c.GroupsPrefix) {
		fail("groups_prefix", "must have at most %d bytes and hold neither control characters nor any of %s", maxGroup, separators)
	}
	for _, host := range c.AllowHosts {
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" {
			fail("allow_hosts", "%q is neither host nor host:port", host)
		}
	}
}

// checkBeside finds what two issuers must not share.
func (c Config) checkBeside(other Config, at int, fail failer) {
	if c.Name == other.Name {
		fail("name", "is that of issuers[%d] too", at)
	}
	if c.Issuer != "" && alike(c.Issuer) == alike(other.Issuer) {
		fail("issuer", "is that of issuers[%d] too", at)
	}
	if c.GroupsClaim != "" && other.GroupsClaim != "" && c.GroupsPrefix == other.GroupsPrefix {
		fail("groups_prefix", "is that of issuers[%d] too: each of them could put people into the groups of the other", at)
	}
}

// checkIssuer says what is wrong with the URL of an issuer.
func checkIssuer(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is missing"
	case err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(text, "#|") || !plain(text) || len(text) > maxText:
		return "is not a URL of scheme and host, with a path at most"
	case u.Scheme == "https", u.Scheme == "http" && loopbackHost(u.Hostname()):
		return ""
	case u.Scheme == "http":
		return "must begin with https://: over plain http anybody on the way could give out keys"
	}
	return "must begin with https://"
}

// keyURL reads the address of a key set and refuses one that the configuration does not
// allow.
func (c Config) keyURL(text string) (*url.URL, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, errors.New("the issuer is no URL")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("is not an absolute URL without user and fragment")
	}
	local := loopbackHost(issuer.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !local || !loopbackHost(u.Hostname())) {
		return nil, errors.New("must begin with https://")
	}
	host := hostAndPort(u)
	if host == hostAndPort(issuer) {
		return u, nil
	}
	listed := slices.ContainsFunc(c.AllowHosts, func(allowed string) bool {
		return host == hostAndPort(&url.URL{Scheme: u.Scheme, Host: allowed})
	})
	if !listed {
		return nil, fmt.Errorf("is on the host %q, which is neither the issuer's nor in allow_hosts", u.Host)
	}
	return u, nil
}

// hostAndPort is one spelling of where a URL leads.
func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80"}[u.Scheme]
		if port == "" {
			port = "443"
		}
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")) + " " + port
}

// alike brings together the spellings of an issuer that somebody might take for one.
func alike(issuer string) string {
	text := strings.ToLower(strings.TrimSpace(issuer))
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return hostAndPort(u) + strings.TrimRight(u.Path, "/")
	}
	return strings.TrimRight(text, "/")
}
