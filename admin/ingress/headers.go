package ingress

import (
	"fmt"
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
	set := identitySet{values: make([]string, len(configured), len(configured)+ownHeaders)}
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
	return escape(strings.TrimSpace(v), inLines)
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
			name = escape(name, inLists)
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

// marked are the ASCII characters that a value may not hold as they are.
type marked [utf8.RuneSelf]bool

func mark(also string) *marked {
	var m marked
	for c := range m {
		m[c] = c < ' ' || c == 0x7f || strings.IndexByte(also, byte(c)) >= 0
	}
	return &m
}

var (
	inLines = mark("")       // would end a header or a line of the log
	inLists = mark(`%,|;="`) // would end a name in a list, too
)

const upperHex = "0123456789ABCDEF"

// escape percent-encodes the marked characters, control characters beyond ASCII and
// what is not UTF-8.
func escape(v string, m *marked) string {
	if isHarmless(v, m) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); {
		r, size := utf8.DecodeRuneInString(v[i:])
		bad := r == utf8.RuneError && size == 1 || r >= utf8.RuneSelf && r < 0xa0 || r < utf8.RuneSelf && m[r]
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

func isHarmless(v string, m *marked) bool {
	for i := range len(v) {
		if c := v[i]; c >= utf8.RuneSelf || m[c] {
			return false
		}
	}
	return true
}
