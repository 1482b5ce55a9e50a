package ingress

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// headerBudget bounds all headers of one answer in bytes: proxies read them into one
// buffer, 4 KB by default in nginx.
const headerBudget = 4096

// value says what of the subject an identity header carries.
type value int

const (
	valueNothing value = iota // always empty: the name is only taken from the client
	valueUser                 // handle, else user id, else e-mail
	valueUserID               // user id, else e-mail
	valueHandle
	valueEmail
	valueName
	valueGroups // teams and groups, joined with commas
)

// identityHeader is one header of a preset. required means that an allow without a
// value is no allow.
type identityHeader struct {
	name     string
	value    value
	required bool
}

// DefaultPreset is what an empty list of presets means.
const DefaultPreset = "oauth2-proxy"

// presets are the names that families of upstreams read. Grafana's role is never
// given, but always taken from the client.
var presets = map[string][]identityHeader{
	"none": {},
	DefaultPreset: {
		{name: "X-Auth-Request-User", value: valueUser},
		{name: "X-Auth-Request-Email", value: valueEmail},
		{name: "X-Auth-Request-Groups", value: valueGroups},
		{name: "X-Auth-Request-Preferred-Username", value: valueHandle},
	},
	"authelia": {
		{name: "Remote-User", value: valueUser},
		{name: "Remote-Groups", value: valueGroups},
		{name: "Remote-Name", value: valueName},
		{name: "Remote-Email", value: valueEmail},
	},
	"kubeflow": {
		{name: "Kubeflow-Userid", value: valueUserID, required: true},
		{name: "Kubeflow-Groups", value: valueGroups},
	},
	"grafana": {
		{name: "X-Webauth-User", value: valueUser},
		{name: "X-Webauth-Email", value: valueEmail},
		{name: "X-Webauth-Name", value: valueName},
		{name: "X-Webauth-Groups", value: valueGroups},
		{name: "X-Webauth-Role", value: valueNothing},
	},
}

// PresetNames lists what Config.Presets may hold, sorted.
func PresetNames() []string {
	names := make([]string, 0, len(presets))
	for name := range presets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func chosenHeaders(names []string) ([]identityHeader, error) {
	if len(names) == 0 {
		names = []string{DefaultPreset}
	}
	var chosen []identityHeader
	for i, name := range names {
		headers, known := presets[name]
		if !known {
			return nil, fmt.Errorf("header preset %q is none of %s", name, strings.Join(PresetNames(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("header preset %q is named twice", name)
		}
		chosen = append(chosen, headers...)
	}
	return chosen, nil
}

// identitySet is the full set of identity headers of one answer, in the order of the
// configured headers.
type identitySet struct {
	values []string
	cut    int  // groups that did not fit
	fits   bool // identifiers fit, and at least one group where there are any
}

// identify fills the configured headers within budget bytes. Groups that do not fit
// are left out at a name's end, then the display name; identifiers never are.
func identify(configured []identityHeader, s *identity.Subject, budget int) (identitySet, *refusal) {
	set := identitySet{values: make([]string, len(configured))}
	lists := 0
	for i, h := range configured {
		budget -= len(h.name) + len(": \r\n")
		if h.value == valueGroups {
			lists++
			continue
		}
		if h.value == valueName {
			continue
		}
		v := scalar(h.value, s)
		if v == "" && h.required {
			return identitySet{}, refuse(reasonNoIdentity, h.name+" must not be empty and the subject has no such value")
		}
		set.values[i] = v
		budget -= len(v)
	}
	for i, h := range configured {
		if h.value != valueName {
			continue
		}
		if v := scalar(h.value, s); len(v) <= budget {
			set.values[i] = v
			budget -= len(v)
		}
	}
	set.fits = budget >= 0
	if lists == 0 {
		return set, nil
	}
	joined, cut := joinGroups(s.Teams, s.Groups, budget/lists)
	set.cut, set.fits = cut, set.fits && (joined != "" || cut == 0)
	for i, h := range configured {
		if h.value == valueGroups {
			set.values[i] = joined
		}
	}
	return set, nil
}

func scalar(v value, s *identity.Subject) string {
	switch v {
	case valueUser:
		// Never the user id: it is free text, and may read like another one's handle.
		return clean(firstOf(s.Handle, s.Email, s.ID))
	case valueUserID:
		return clean(firstOf(s.UserID, s.Email))
	case valueHandle:
		return clean(s.Handle)
	case valueEmail:
		return clean(s.Email)
	case valueName:
		return clean(s.Name)
	}
	return ""
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// clean makes a value safe for one header line: control characters and bytes that are
// not UTF-8 are percent-encoded, white space at the ends is dropped.
func clean(v string) string {
	return escape(strings.TrimSpace(v), "")
}

// joinGroups joins names with commas in at most budget bytes and counts those left
// out. What separates or quotes in a list is percent-encoded, so that one name can
// never be read as two.
func joinGroups(teams, groups []string, budget int) (joined string, cut int) {
	if len(teams)+len(groups) == 0 {
		return "", 0
	}
	var b strings.Builder
	for _, names := range [2][]string{teams, groups} {
		for _, name := range names {
			name = escape(name, `%,|;="`)
			separator := 0
			if b.Len() > 0 {
				separator = 1
			}
			if cut > 0 || b.Len()+separator+len(name) > budget {
				cut++
				continue
			}
			if separator > 0 {
				b.WriteByte(',')
			}
			b.WriteString(name)
		}
	}
	return b.String(), cut
}

const upperHex = "0123456789ABCDEF"

// escape percent-encodes control characters (C1 too), what is not UTF-8 and the bytes
// in also.
func escape(v, also string) string {
	if isHarmless(v, also) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); {
		r, size := utf8.DecodeRuneInString(v[i:])
		bad := r == utf8.RuneError && size == 1 || r < ' ' || r >= 0x7f && r < 0xa0 ||
			r < utf8.RuneSelf && strings.IndexByte(also, byte(r)) >= 0
		for _, c := range []byte(v[i : i+size]) {
			if bad {
				b.WriteByte('%')
				b.WriteByte(upperHex[c>>4])
				b.WriteByte(upperHex[c&15])
			} else {
				b.WriteByte(c)
			}
		}
		i += size
	}
	return b.String()
}

func isHarmless(v, also string) bool {
	for i := range len(v) {
		c := v[i]
		if c < ' ' || c >= 0x7f || strings.IndexByte(also, c) >= 0 {
			return false
		}
	}
	return true
}

// guardedNames are the headers that only a proxy or Gatehouse may write, folded as
// servers fold them that take _ for -.
var guardedNames = func() map[string]bool {
	names := map[string]bool{}
	for _, headers := range presets {
		for _, h := range headers {
			names[foldName(h.name)] = true
		}
	}
	for _, name := range []string{
		headerOriginalURL, headerOriginalURI, headerOriginalMethod, headerOriginalHost,
		headerForwardedURI, headerForwardedVerb, headerForwardedHost, headerForwardedProto,
		"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-Ip", "Forwarded",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
		"X-Forwarded-Access-Token", "X-Auth-Request-Access-Token", "X-Remote-User", "X-Remote-Group",
		"Authorization", headerAssertion, headerDecision, headerReason,
	} {
		names[foldName(name)] = true
	}
	return names
}()

// foldName makes names equal that some server takes for one: letters of both cases,
// and a dash for whatever is neither letter nor digit.
func foldName(name string) string {
	out := []byte(lowerASCII(name))
	for i, c := range out {
		if !isAlphanumeric(c) {
			out[i] = '-'
		}
	}
	return string(out)
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// twin finds a guarded header spelt with underscores or other marks: some upstreams
// and proxies take it for the one with dashes.
func twin(h http.Header) *refusal {
	for name := range h {
		if hasOddMark(name) && guardedNames[foldName(name)] {
			return refuse(reasonSmuggled, "a header is a twin of "+foldName(name))
		}
	}
	return nil
}

func hasOddMark(name string) bool {
	for i := range len(name) {
		if name[i] != '-' && !isAlphanumeric(name[i]) {
			return true
		}
	}
	return false
}

// disowned finds a guarded name listed in Connection, which makes a proxy drop what we
// answer (RFC 9110, 7.6.1).
func disowned(h http.Header) *refusal {
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if name := foldName(strings.Trim(option, " \t")); guardedNames[name] {
				return refuse(reasonSmuggled, "Connection names "+name)
			}
		}
	}
	return nil
}
