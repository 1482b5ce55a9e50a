package identity

import (
	"errors"
)

// Lists are read a page at a time, in the order of a key that does not change: what is
// there from the first page to the last is seen exactly once, whatever others write.

// Page asks for a part of a list: at most Limit entries behind the key After ("" = from
// the beginning).
type Page struct {
	After string
	Limit int
}

// maxPage bounds the entries of one page.
const maxPage = 1000

var errSeam = errors.New("not built yet")

// AccountFilter chooses accounts; a zero field admits all. The lists are by ID, or by
// handle where Prefix is given.
type AccountFilter struct {
	Kind   Kind // "" = people and services, which is all but organisations
	State  State
	ID     AccountID
	Handle Handle // in any spelling
	Email  string // in any spelling
	UserID string
	Prefix string // of the handle
	Role   PlatformRole
	// Member chooses the organisations that this account is in; it needs Kind
	// Organisation.
	Member AccountID
}

// ListAccounts gives a page of accounts and the key of the next page, "" after the last.
func (tx *Tx) ListAccounts(f AccountFilter, p Page) (page []Account, next string, err error) {
	return nil, "", errSeam
}

// TeamFilter chooses teams; a zero field admits all. The list is by ID.
type TeamFilter struct {
	Organisation AccountID
	Member       AccountID
	Handle       Handle // in any spelling
}

// ListTeams gives a page of teams, without their members, and the key of the next page.
func (tx *Tx) ListTeams(f TeamFilter, p Page) (page []Team, next string, err error) {
	return nil, "", errSeam
}

// NamespaceFilter chooses namespaces; a zero field admits all. The list is by name.
type NamespaceFilter struct {
	Prefix string
	// Label and Value choose by a label; an empty Value admits every value.
	Label, Value string
	Owner        Principal
	// Members chooses those that any of the principals owns or has a binding in that has
	// not expired.
	Members []Principal
}

// ListNamespaces gives a page of namespaces, without their bindings, and the key of the
// next page.
func (tx *Tx) ListNamespaces(f NamespaceFilter, p Page) (page []Namespace, next string, err error) {
	return nil, "", errSeam
}

// NamespaceHeader is a namespace without its bindings.
func (tx *Tx) NamespaceHeader(name NamespaceName) (Namespace, error) {
	return Namespace{}, errSeam
}

// BindingFilter chooses bindings; a zero field admits all. The list is by namespace and
// principal, expired ones included.
type BindingFilter struct {
	Namespace  NamespaceName
	Principals []Principal
	Role       Role
}

// ListBindings gives a page of bindings and the key of the next page.
func (tx *Tx) ListBindings(f BindingFilter, p Page) (page []Binding, next string, err error) {
	return nil, "", errSeam
}

// Binding finds what a principal is granted in a namespace.
func (tx *Tx) Binding(name NamespaceName, p Principal) (Binding, error) {
	return Binding{}, errSeam
}

// Member is a membership with the names of the account, for lists that people read.
type MemberEntry struct {
	Account AccountID
	Handle  Handle
	Name    string
	Kind    Kind
	State   State
	Role    MemberRole
}

// ListMembers gives a page of an organisation's members by account ID.
func (tx *Tx) ListMembers(organisation AccountID, p Page) (page []MemberEntry, next string, err error) {
	return nil, "", errSeam
}

// ListTeamMembers gives a page of a team's members by account ID.
func (tx *Tx) ListTeamMembers(team TeamID, p Page) (page []MemberEntry, next string, err error) {
	return nil, "", errSeam
}

// TeamHeader is a team without its members.
func (tx *Tx) TeamHeader(id TeamID) (Team, error) { return Team{}, errSeam }

// UpdateTeam sets the name of a team. Its handle and its organisation never change.
func (tx *Tx) UpdateTeam(t Team) error { return errSeam }
