package identity

import (
	"encoding/json"
	"strings"
	"time"
)

// Names and identifiers are types of their own so that a swapped argument does
// not compile. Values read from the directory are always normalised.
type (
	// AccountID and TeamID are ULIDs; they are given out once and never again.
	AccountID string
	TeamID    string
	// NamespaceName is a DNS-1123 label.
	NamespaceName string
	// Handle is the URL-safe lower-case name of an account, or of a team within
	// its organisation. It never changes once set and is never given out twice.
	Handle string
	// Email is a normalised e-mail address, unique in the directory.
	Email string
	// Role is what a binding grants in a namespace.
	Role string
	// PlatformRole is held by an account for the whole installation.
	PlatformRole string
	// Principal is "account:<uid>", "team:<uid>" or "group:<name>".
	Principal string
	// Kind tells people, organisations and services apart.
	Kind string
	// State is where an account stands in its life.
	State string
	// MemberRole is what a member is to a team or an organisation.
	MemberRole string
	// Actor names who writes, for the journal: "bootstrap", "cli:import",
	// "account:<uid>".
	Actor string
)

// The kinds of account.
const (
	Person       Kind = "person"
	Organisation Kind = "organisation"
	Service      Kind = "service"
)

// The states of an account. An invited account is known to the directory (its
// bindings hold) but has not signed in yet, and may have no handle.
const (
	Invited  State = "invited"
	Active   State = "active"
	Disabled State = "disabled"
)

// The roles of a member.
const (
	Member MemberRole = "member"
	Owner  MemberRole = "owner"
)

// The roles that every policy knows; operators define others.
const (
	View  Role = "view"
	Edit  Role = "edit"
	Admin Role = "admin"
)

// AccountPrincipal names an account as owner or in a binding.
func AccountPrincipal(id AccountID) Principal { return Principal("account:" + id) }

// TeamPrincipal names every member of a team.
func TeamPrincipal(id TeamID) Principal { return Principal("team:" + id) }

// GroupPrincipal names everybody whose credential carries the external group.
func GroupPrincipal(name string) Principal { return Principal("group:" + name) }

// Split returns the two parts of a principal; both are empty when it has no
// colon.
func (p Principal) Split() (kind, id string) {
	kind, id, ok := strings.Cut(string(p), ":")
	if !ok {
		return "", ""
	}
	return kind, id
}

// Account is a person, an organisation or a service. Teams and Organisations
// are memberships; they and Roles are read only: they change through the
// methods of [Tx] that name them.
type Account struct {
	ID            AccountID
	Handle        Handle
	Kind          Kind
	State         State
	Email         Email
	UserID        string
	Name          string
	Roles         []PlatformRole
	Teams         map[TeamID]MemberRole
	Organisations map[AccountID]MemberRole
	// Generation is carried by the account's tokens; one of another generation
	// is not valid. It starts at 1, so that a missing claim never matches.
	Generation uint64
	Created    time.Time
}

// Team is a set of accounts within an organisation. Members is read only: it
// changes through [Tx.PutTeamMember] and [Tx.RemoveTeamMember].
type Team struct {
	ID           TeamID
	Organisation AccountID
	Handle       Handle
	Name         string
	Members      map[AccountID]MemberRole
}

// Namespace is what people are given access to. Bindings is read only: it
// changes through [Tx.PutBinding] and [Tx.RemoveBinding].
type Namespace struct {
	Name   NamespaceName
	Owners []Principal
	Labels map[string]string
	// Quota is a Kubernetes core/v1 ResourceQuotaSpec, or nil for none.
	Quota    json.RawMessage
	Bindings []Binding
}

// Binding grants a principal a role in a namespace.
type Binding struct {
	Namespace NamespaceName
	Principal Principal
	Role      Role
	// Expires is when the binding stops granting, in whole seconds; zero is
	// never.
	Expires time.Time
}

// Password is what an account's password is checked against.
type Password struct {
	Hash string
	// Expires is when the password stops being accepted; zero is never.
	Expires    time.Time
	MustChange bool
}

// Key is a signing key of the installation. Sealed is the private part under
// [Directory.Seal]; it appears in no document and no journal row.
type Key struct {
	KID     string
	Alg     string
	Use     string
	State   string
	Public  json.RawMessage
	Sealed  []byte
	Created time.Time
}
