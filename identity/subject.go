package identity

// SubjectKind says how much the directory knows of whoever asks.
type SubjectKind string

// The kinds of subject. An anonymous subject presented no credential of ours;
// an external one was vouched for by a trusted issuer but has no account.
const (
	SubjectAccount   SubjectKind = "account"
	SubjectAnonymous SubjectKind = "anonymous"
	SubjectExternal  SubjectKind = "external"
)

// Subject is who a request comes from, as authn found out.
type Subject struct {
	// ID is the account's uid, "<issuer>|<sub>" for an external subject, and
	// empty for an anonymous one.
	ID     string
	Kind   SubjectKind
	Handle string
	Email  string
	UserID string
	Name   string
	State  State
	// Groups come from the presented credential only, at most 200.
	Groups []string
	// Teams are "<organisation handle>:<team handle>", sorted; they serve
	// identity headers, policy reads memberships from the documents.
	Teams []string
	Token TokenInfo
}

// TokenInfo describes the credential behind a subject; it is zero when there
// was none.
type TokenInfo struct {
	Kind   string
	JTI    string
	Issuer string
	Scopes []string
}
