package ingress

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-authz/gatehouse/engine"
)

// Headers of an answer, in the spelling of net/http.
const (
	headerDecision  = "X-Gatehouse-Decision-Id"
	headerReason    = "X-Gatehouse-Reason"
	headerAssertion = "X-Gatehouse-Assertion"
	headerCut       = "X-Gatehouse-Groups-Omitted"
)

// fixedHeaderBytes is what an answer takes apart from identity headers and the
// assertion's value: status line, Date, Content-Length, Cache-Control, Connection,
// decision id, the assertion's and the marker's names.
const fixedHeaderBytes = 320

// ownHeaders is how many values of its own an answer has at most beside identity
// headers: the id, the assertion or the reason, and the marker or a redirect.
const ownHeaders = 3

const (
	challenge    = `Bearer realm="gatehouse"`
	challengeBad = `Bearer realm="gatehouse", error="invalid_token"`
)

// Values that never change are shared by all answers; net/http only reads them.
var (
	zeroLength   = []string{"0"}
	noStore      = []string{"no-store"}
	closing      = []string{"close"}
	emptyValue   = []string{""}
	askToken     = []string{challenge}
	askGoodToken = []string{challengeBad}
)

// status is the one table from effect to status. What is not allowed is not 200, and
// what is not named here is forbidden.
func status(e engine.Effect) int {
	switch e {
	case engine.Allow:
		return http.StatusOK
	case engine.Login:
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}

// headerValues makes values of one string each out of one piece of memory. The values
// belong to the answer: net/http reads them after the handler is done.
type headerValues []string

func (v *headerValues) add(value string) []string {
	*v = append(*v, value)
	n := len(*v)
	return (*v)[n-1 : n : n]
}

// write answers: never a body, always an id, identity headers only on an allow. Header
// keys are in canonical form already.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, at string, v *verdict) {
	header, values := w.Header(), headerValues(v.identity.values)
	header[headerDecision] = values.add(v.decision.ID)
	header["Content-Length"] = zeroLength
	if !h.cacheable {
		header["Cache-Control"] = noStore
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		// The promised body may never come; without this net/http waits for it.
		header["Connection"] = closing
	}
	code := status(v.decision.Effect)
	if code == http.StatusOK {
		h.writeIdentity(header, v, &values)
		w.WriteHeader(code)
		return
	}
	header[headerReason] = values.add(v.decision.Reason)
	if code == http.StatusUnauthorized {
		if target := h.loginTarget(r, at, v); target != "" {
			header["Location"] = values.add(target)
			w.WriteHeader(http.StatusFound)
			return
		}
		header["Www-Authenticate"] = askToken
		if v.badToken {
			header["Www-Authenticate"] = askGoodToken
		}
	}
	w.WriteHeader(code)
}

// writeIdentity sets every configured name, with an empty value where there is none:
// a name that is left out is one that the client may fill in.
func (h *Handler) writeIdentity(header http.Header, v *verdict, values *headerValues) {
	for i, name := range h.identity {
		if v.identity.values[i] == "" {
			header[name.name] = emptyValue
			continue
		}
		header[name.name] = v.identity.values[i : i+1 : i+1]
	}
	header[headerAssertion] = values.add(v.assertion)
	if v.identity.cut > 0 {
		header[headerCut] = values.add(strconv.Itoa(v.identity.cut))
	}
}

// maxReturn bounds the original URL in a redirect; a longer one returns to the host's
// front page.
const maxReturn = 2 << 10

// loginTarget is where a browser is sent to sign in, "" where there is no browser that
// navigates: fetches, WebSockets and programs get a 401 they can read.
func (h *Handler) loginTarget(r *http.Request, at string, v *verdict) string {
	if h.login == nil || at != doorForward || v.badToken || !navigates(r, &v.original) {
		return ""
	}
	o := &v.original
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.port != "" {
		host += ":" + o.port
	}
	target := o.target
	if len(target) > maxReturn {
		target = "/"
	}
	to := *h.login
	separator := ""
	if to.RawQuery != "" {
		separator = "&"
	}
	to.RawQuery += separator + "rd=" + url.QueryEscape(o.scheme+"://"+host+target)
	return to.String()
}

func navigates(r *http.Request, o *original) bool {
	if o.method != http.MethodGet && o.method != http.MethodHead || o.websocket {
		return false
	}
	h := r.Header
	if len(h["Authorization"]) > 0 || len(h["X-Requested-With"]) > 0 {
		return false
	}
	if mode := h["Sec-Fetch-Mode"]; len(mode) > 0 && mode[0] != "navigate" {
		return false
	}
	for _, accept := range h["Accept"] {
		if strings.Contains(accept, "text/html") {
			return true
		}
	}
	return false
}
