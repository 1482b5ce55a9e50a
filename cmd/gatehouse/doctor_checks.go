package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

const (
	handshakeKey = "Z2F0ZWhvdXNlLWRvY3RvciE=" // 16 bytes, as RFC 6455 4.1 wants them
	recipes      = "the recipe of your proxy in docs/proxies.md"
)

// adviceFor says what a reason of Gatehouse's means to whoever runs the proxy.
var adviceFor = map[string]string{
	"untrusted_proxy":      "add the proxy's address to ingress.trusted_proxies",
	"malformed_request":    "the proxy does not say what was asked: it must send X-Original-URL and X-Original-Method to /auth/nginx, or X-Forwarded-Method, -Proto, -Host and -Uri to /auth/forward; compare with " + recipes,
	"conflicting_families": "the proxy passes on headers of another proxy family: clear them as in " + recipes,
	"host_mismatch":        "the host of X-Original-URL is not the one in ?host=: build both from the host the proxy routes by",
	"no_policy":            "Gatehouse has no policies: see /readyz?verbose on its ops listener",
	"no_data":              "Gatehouse has no directory yet: see /readyz?verbose on its ops listener",
}

// strangerIsTurnedAway asks for the URL as a browser without cookies would. Its
// answer is what all other checks compare with.
func (d *doctor) strangerIsTurnedAway(ctx context.Context) finding {
	a := d.ask(ctx, probe{})
	d.baseline = a
	f := finding{verdict: failed, title: "a stranger is turned away", saw: "GET " + d.target.String() + " -> " + a.String()}
	switch {
	case a.err != nil:
		f.advice = "the ingress did not answer at " + d.address + ": check the address, or name one with --connect"
	case a.status == http.StatusUnauthorized:
		f.verdict = passed
	case a.status == http.StatusForbidden:
		f.verdict = noted
		f.advice = "closed, but a stranger should be asked to sign in (401): "
		if advice := adviceFor[a.header.Get("X-Gatehouse-Reason")]; advice != "" {
			f.advice += advice
		} else {
			f.advice += "look up the reason in Gatehouse's log"
		}
	case a.redirect() && d.loginRedirect(a):
		f.verdict = passed
	case a.redirect():
		f.advice = "this redirect comes before the gate: give the URL it leads to"
	case a.letIn():
		f.advice = "OPEN: the proxy served this without a sign-in. Either the path is public, then name another one, or the proxy does not ask Gatehouse, or it turns refusals into answers (error_page, custom error pages): compare with " + recipes
	case a.status >= 500:
		f.advice = "closed, but for everybody: the proxy cannot reach Gatehouse or does not understand its answer; look at the proxy's error log"
	case a.status == http.StatusMisdirectedRequest:
		f.advice = "the proxy does not serve this host name: use a URL with one that it knows"
	default:
		f.advice = "neither a refusal nor a sign-in: the request reached something behind the gate, or the path does not exist; name a guarded path that does"
	}
	return f
}

// loginRedirect tells a redirect to a sign-in page from one that only mends the
// URL (https, trailing slash), which says nothing about the gate.
func (d *doctor) loginRedirect(a answer) bool {
	l, err := url.Parse(a.header.Get("Location"))
	if err != nil || l.String() == "" {
		return false
	}
	elsewhere := l.Host != "" && l.Hostname() != d.target.Hostname()
	return elsewhere || strings.TrimRight(l.Path, "/") != strings.TrimRight(d.target.Path, "/")
}

// gatehouseAnswers wants proof that the refusal was Gatehouse's: an application's
// own sign-in page looks the same and protects only itself.
func (d *doctor) gatehouseAnswers(ctx context.Context) finding {
	f := finding{verdict: passed, title: "it is Gatehouse who answers"}
	for _, name := range []string{"X-Gatehouse-Decision-Id", "X-Gatehouse-Reason"} {
		if d.baseline.header.Get(name) != "" {
			f.saw = "the answer carries " + name
			return f
		}
	}
	for _, challenge := range d.baseline.header.Values("WWW-Authenticate") {
		if strings.Contains(challenge, `realm="gatehouse"`) {
			f.saw = "the answer carries its challenge"
			return f
		}
	}
	// Gatehouse refuses a path that two programs may read differently; hardly an
	// application does.
	a := d.ask(ctx, probe{path: d.target.EscapedPath() + ";doctor=1"})
	if a.status == http.StatusForbidden && d.baseline.status != http.StatusForbidden {
		f.saw = "an ambiguous path is refused as only Gatehouse does"
		return f
	}
	f.verdict = failed
	f.saw = "nothing in the answers says so"
	f.advice = "the refusal may be the application's own: see whether Gatehouse logged these requests, and let the proxy pass WWW-Authenticate and X-Gatehouse-Decision-Id on"
	return f
}

// attack is a probe with a name for the report.
type attack struct {
	name string
	probe
}

// attacks sends each one and gathers those that were not turned away.
func (d *doctor) attacks(ctx context.Context, title, advice string, all []attack) finding {
	var open []string
	for _, one := range all {
		if a := d.ask(ctx, one.probe); !d.stillClosed(a) {
			open = append(open, one.name+" -> "+a.String())
		}
	}
	if len(open) == 0 {
		names := make([]string, len(all))
		for i, one := range all {
			names[i] = one.name
		}
		return finding{verdict: passed, title: title, saw: "turned away: " + strings.Join(names, ", ")}
	}
	return finding{verdict: failed, title: title, saw: strings.Join(open, "; "), advice: advice}
}

func (d *doctor) everyMethodIsGuarded(ctx context.Context) finding {
	all := []attack{{"POST with a body", probe{method: "POST", body: "doctor=1", headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}}}}
	for _, m := range []string{"HEAD", "OPTIONS", "PUT", "DELETE"} {
		all = append(all, attack{m, probe{method: m}})
	}
	return d.attacks(ctx, "every method is guarded",
		"the proxy asks Gatehouse only for some methods: remove conditions such as limit_except or an exemption of OPTIONS around the authorization", all)
}

func (d *doctor) webSocketsAreGuarded(ctx context.Context) finding {
	handshake := [][2]string{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}}
	return d.attacks(ctx, "WebSockets are guarded",
		"the location of the upgrade is not guarded, or a tunnel other than WebSocket is passed on: compare with "+recipes, []attack{
			{"handshake", probe{headers: append(handshake[:3:3], [2]string{"Sec-WebSocket-Key", handshakeKey})}},
			{"handshake without key", probe{headers: handshake}},
			{"upgrade to h2c", probe{headers: [][2]string{{"Connection", "Upgrade, HTTP2-Settings"}, {"Upgrade", "h2c"}, {"HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"}}}},
		})
}

func (d *doctor) pathTricksStayOutside(ctx context.Context) finding {
	own := d.target.EscapedPath()
	first, _, _ := strings.Cut(strings.TrimPrefix(own, "/"), "/")
	public := strings.TrimRight(d.public, "/")
	up := strings.Repeat("/..", strings.Count(public, "/"))
	var all []attack
	for _, path := range []string{
		public + up + own,
		public + strings.ReplaceAll(up, "/..", "/%2e%2e") + own,
		public + strings.ReplaceAll(up, "/..", "%2f..") + own,
		public + strings.ReplaceAll(up, "/..", `\..`) + own,
		public + strings.ReplaceAll(up, "/..", "/..;") + own,
		"/" + own,
		"/" + first + ";x=1" + strings.TrimPrefix(own, "/"+first),
		own + "%23" + public,
		own + "?" + public,
	} {
		all = append(all, attack{path, probe{path: path}})
	}
	return d.attacks(ctx, "path tricks stay outside",
		"proxy and application read these paths differently: forward the untouched path (nginx: no URI in proxy_pass), keep the normalisation of the recipe", all)
}

// proxyHeadersAreInert sends what a proxy would tell Gatehouse, naming a public
// path: the proxy has to overwrite or clear all of it.
func (d *doctor) proxyHeadersAreInert(ctx context.Context) finding {
	publicURL := d.target.Scheme + "://" + d.target.Host + d.public
	h := func(pairs ...string) probe {
		var p probe
		for i := 0; i < len(pairs); i += 2 {
			p.headers = append(p.headers, [2]string{pairs[i], pairs[i+1]})
		}
		return p
	}
	return d.attacks(ctx, "headers of proxies and of identities are inert",
		"a client can write what only the proxy may: overwrite or clear these headers before the authorization, as "+recipes+" does", []attack{
			{"X-Original-URL", h("X-Original-URL", publicURL, "X-Original-Method", "GET")},
			{"X-Original-URI", h("X-Original-URI", d.public, "X-Original-Host", d.target.Host, "X-Original-Method", "GET")},
			{"X-Forwarded-Uri", h("X-Forwarded-Uri", d.public, "X-Forwarded-Method", "GET", "X-Forwarded-Host", d.target.Host, "X-Forwarded-Proto", d.target.Scheme)},
			{"X-Envoy-Original-Path", h("X-Envoy-Original-Path", d.public, "X-Rewrite-URL", d.public, "X-Forwarded-Prefix", d.public)},
			{"X_Original_URL", h("X_Original_URL", publicURL, "X_Original_Method", "GET", "X_Forwarded_Uri", d.public)},
			{"identity headers", h("X-Auth-Request-User", "admin", "X-Forwarded-User", "admin", "Remote-User", "admin", "kubeflow-userid", "admin@example.org", "X-WEBAUTH-USER", "admin", "X-Gatehouse-Assertion", "e30.e30.")},
			{"X-HTTP-Method-Override", h("X-HTTP-Method-Override", "OPTIONS", "X-Method-Override", "OPTIONS")},
			{"health check", h("User-Agent", "kube-probe/1.29")},
		})
}

// hostIsPinned looks for the split of one request into two hosts: the request line
// names ours, the Host header another. Judging by the header while serving by the
// line lets a client choose a friendlier host's rules.
func (d *doctor) hostIsPinned(ctx context.Context) finding {
	f := finding{verdict: passed, title: "the host is pinned"}
	split := d.ask(ctx, probe{absolute: true, host: "doctor.invalid"})
	switch {
	case split.letIn():
		f.verdict, f.saw = failed, "a second host in the request opened the gate -> "+split.String()
		f.advice = "build X-Original-URL from the host the proxy routes by ($host in nginx, never $http_host), or pin it with ?host=$host behind auth-url"
		return f
	case split.status == http.StatusForbidden && d.baseline.status != http.StatusForbidden:
		f.saw = "a request with two hosts is refused -> " + split.String()
		return f
	case split.status != d.baseline.status:
		f.saw = "the proxy takes no request with two hosts -> " + split.String()
		return f
	}
	// The same answer as to the plain request. A Host that no URL can hold tells whose
	// name was judged: only where it is the header's is the answer another one.
	odd := d.ask(ctx, probe{absolute: true, host: "doctor%zz.invalid"})
	if odd.status == http.StatusForbidden && d.baseline.status != http.StatusForbidden {
		f.verdict, f.saw = failed, "Gatehouse judges the Host header while the proxy serves the host of the request line"
		f.advice = "build X-Original-URL from the host the proxy routes by ($host in nginx, never $http_host); with ingress-nginx write auth-url: http://GATEHOUSE/auth/nginx?host=$host"
		return f
	}
	f.saw = "the host of the request line is judged and served"
	return f
}

// identityHeadersSurvive cannot be seen from outside; it is said where the proxy is
// one that is known for it.
func (d *doctor) identityHeadersSurvive(context.Context) finding {
	f := finding{verdict: passed, title: "identity headers survive a client's Connection header", saw: "no proxy seen that is known to drop them"}
	if !strings.Contains(d.baseline.header.Get("Server"), "Caddy") {
		return f
	}
	f.verdict, f.saw = noted, "this is Caddy, which drops the headers that a client's Connection header names, after they were set"
	f.advice = "keep the request_header Connection lines of the Caddy recipe, or let the application demand X-Gatehouse-Assertion"
	return f
}

func (d *doctor) memberPasses(ctx context.Context) finding {
	a := d.ask(ctx, probe{headers: [][2]string{{"Authorization", "Bearer " + d.token}}})
	f := finding{verdict: passed, title: "a member passes", saw: "GET with the token -> " + a.String()}
	if a.err != nil || a.status >= 500 || a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || (a.redirect() && d.loginRedirect(a)) {
		f.verdict = failed
		f.advice = "the token's account may not read this URL, the token is no longer good, or the proxy does not pass Authorization on to Gatehouse"
	}
	return f
}

// answersAreNotReused runs after memberPasses: where a cache keeps Gatehouse's
// answers, the stranger now gets the member's.
func (d *doctor) answersAreNotReused(ctx context.Context) finding {
	return d.attacks(ctx, "answers are not reused",
		"the proxy caches Gatehouse's answers: remove the cache from the authorization (auth-cache-key, proxy_cache)",
		[]attack{{"a stranger after a member", probe{}}})
}
