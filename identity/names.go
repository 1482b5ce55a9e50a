package identity

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits on names and lists. They keep a document small enough to be decided on
// and a header small enough to be sent.
const (
	maxEmail      = 254
	maxUserID     = 254
	maxName       = 128 // runes
	maxGroup      = 128 // bytes
	maxLabels     = 256
	maxOwners     = 256
	maxBindings   = 10_000 // per namespace
	maxMembership = 1_000  // teams, and organisations, of one account
	maxMembers    = 10_000 // of one team or organisation
	maxTeams      = 1_000  // of one organisation
	maxRoles      = 64     // platform roles of one account
	maxQuota      = 64 << 10
	maxHash       = 512
	maxJTI        = 128
	maxActor      = 256
	maxSetting    = 4 << 10
)

// separators are what names may not hold, because lists of names travel in
// headers and logs where these separate or quote.
const separators = `,|;="`

var (
	handlePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
	dnsLabel      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	rolePattern   = regexp.MustCompile(`^[a-z0-9]([a-z0-9._:-]{0,61}[a-z0-9])?$`)
	labelName     = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelPrefix   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	tokenPattern  = regexp.MustCompile(`^[A-Za-z0-9._:~-]+$`)
	settingName   = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,62}$`)
)

// reserved handles would read as something else in a path, a header or a
// principal.
var reserved = map[Handle]bool{
	"account": true, "accounts": true, "all": true, "anonymous": true, "any": true,
	"api": true, "auth": true, "everyone": true, "external": true, "false": true,
	"group": true, "groups": true, "login": true, "logout": true, "me": true,
	"new": true, "nil": true, "nobody": true, "none": true, "null": true, "self": true,
	"signin": true, "signout": true, "team": true, "teams": true, "true": true,
	"undefined": true,
}

// fold brings every spelling of a name that a reader would take for the same
// into one: compatibility forms (full width, ligatures, combining marks) and
// case. It is applied until nothing changes, as either step can undo the other.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s) // there is nothing else to do
	}
	for range 4 {
		next := norm.NFKC.String(strings.ToLower(norm.NFKC.String(s)))
		if next == s {
			return s
		}
		s = next
	}
	return s
}

// NormalHandle returns the one spelling of a handle that the directory keeps,
// or an [InvalidError].
func NormalHandle(raw string) (Handle, error) {
	if len(raw) > 4*63 {
		return "", invalid("handle", "is longer than 63 characters")
	}
	h := fold(raw)
	switch {
	case !utf8.ValidString(raw), !handlePattern.MatchString(h), strings.Contains(h, ".."):
		return "", invalid("handle", "must be 1 to 63 of a-z, 0-9, '.', '_' and '-', begin and end with a letter or digit, and not hold '..'")
	case reserved[Handle(h)]:
		return "", invalid("handle", "is a reserved word")
	}
	return Handle(h), nil
}

// NormalEmail returns the one spelling of an e-mail address that the directory
// keeps, or an [InvalidError].
func NormalEmail(raw string) (Email, error) {
	if len(raw) > 4*maxEmail {
		return "", invalid("email", "is longer than %d bytes", maxEmail)
	}
	e := fold(raw)
	local, domain, _ := strings.Cut(e, "@")
	switch {
	case !utf8.ValidString(raw): // folding would hide it
		return "", invalid("email", "is not valid UTF-8")
	case len(e) > maxEmail:
		return "", invalid("email", "is longer than %d bytes", maxEmail)
	case local == "" || domain == "" || strings.Contains(domain, "@"):
		return "", invalid("email", "must have exactly one @ with something on both sides")
	case strings.ContainsFunc(e, unicode.IsSpace):
		return "", invalid("email", "must not hold white space")
	}
	return Email(e), plain("email", e)
}

// plain refuses what could end a header or a log line early, be read as a list,
// or not be seen at all.
func plain(field, s string) error {
	if isPlainASCII(s) { // as nearly all are
		return nil
	}
	switch {
	case !utf8.ValidString(s):
		return invalid(field, "is not valid UTF-8")
	case strings.ContainsAny(s, separators):
		return invalid(field, "must not hold any of %s", separators)
	case strings.ContainsFunc(s, invisible):
		return invalid(field, "must not hold control or invisible characters")
	case strings.TrimSpace(s) != s:
		return invalid(field, "must not begin or end with white space")
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isPlainASCII says that a text is plain and ASCII: all of it can be seen, and none of it
// separates.
func isPlainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(separators, c) >= 0 {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// invisible characters make twins that no reader can tell apart.
func invisible(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError ||
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}

func validUserID(s string) error {
	if len(s) > maxUserID {
		return invalid("user_id", "is longer than %d bytes", maxUserID)
	}
	return plain("user_id", s)
}

func validName(s string) error {
	if utf8.RuneCountInString(s) > maxName {
		return invalid("name", "is longer than %d characters", maxName)
	}
	return plain("name", s)
}

func validNamespace(n NamespaceName) error {
	if !dnsLabel.MatchString(string(n)) {
		return invalid("namespace", "must be a DNS label: 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit")
	}
	return nil
}

func validRole(r string) error {
	if !rolePattern.MatchString(r) {
		return invalid("role", "must be 1 to 63 of a-z, 0-9, '.', '_', ':' and '-', beginning and ending with a letter or digit")
	}
	return nil
}

func validMemberRole(r MemberRole) error {
	if r != Member && r != Owner {
		return invalid("role", "must be member or owner")
	}
	return nil
}

func validGroup(name string) error {
	if name == "" || len(name) > maxGroup {
		return invalid("principal", "a group name has 1 to %d bytes", maxGroup)
	}
	return plain("principal", name)
}

func validLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return invalid("labels", "more than %d", maxLabels)
	}
	for k, v := range labels {
		prefix, name, found := strings.Cut(k, "/")
		if !found {
			prefix, name = "", k
		}
		switch {
		case found && (len(prefix) > 253 || !labelPrefix.MatchString(prefix)):
			return invalid("labels", "the prefix of a key must be a DNS name")
		case !labelName.MatchString(name):
			return invalid("labels", "a key must have 1 to 63 of letters, digits, '.', '_' and '-'")
		case v != "" && !labelName.MatchString(v):
			return invalid("labels", "a value must have 0 to 63 of letters, digits, '.', '_' and '-'")
		}
	}
	return nil
}
