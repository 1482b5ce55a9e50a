package identity

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// The collections of the directory, as journal rows and sinks name them. The
// first three are what policy reads as data.identity; the others are for authn
// and the journal.
const (
	CollectionAccounts    = "accounts"
	CollectionTeams       = "teams"
	CollectionNamespaces  = "namespaces"
	CollectionGenerations = "generations"
	CollectionRevocations = "revocations"
	CollectionKeys        = "keys"
	CollectionPasswords   = "passwords"
	CollectionQuotas      = "quotas"
	CollectionSettings    = "settings"
	CollectionTokens      = "tokens"
	CollectionIdentities  = "identities"
)

// Change is one document that is new, different or, when Doc is nil, gone. Doc
// is compact JSON with sorted keys, so equal documents are equal bytes.
type Change = struct {
	Collection, Key string
	Doc             []byte
}

// The documents. Fields stand in the order of their JSON names, which is what
// makes the encoding canonical.
type (
	// AccountDocument is data.identity.accounts[uid].
	AccountDocument struct {
		Email         string                   `json:"email,omitempty"`
		Handle        string                   `json:"handle,omitempty"`
		Kind          Kind                     `json:"kind"`
		Name          string                   `json:"name,omitempty"`
		Organisations map[AccountID]MemberRole `json:"organisations"`
		Roles         map[PlatformRole]bool    `json:"roles"`
		State         State                    `json:"state"`
		Teams         map[TeamID]MemberRole    `json:"teams"`
		UserID        string                   `json:"user_id,omitempty"`
	}
	// TeamDocument is data.identity.teams[uid].
	TeamDocument struct {
		Handle       Handle    `json:"handle"`
		Name         string    `json:"name,omitempty"`
		Organisation AccountID `json:"organisation"`
	}
	// NamespaceDocument is data.identity.namespaces[name].
	NamespaceDocument struct {
		Bindings map[Principal]BindingDocument `json:"bindings"`
		Labels   map[string]string             `json:"labels"`
		Owners   map[Principal]bool            `json:"owners"`
	}
	// BindingDocument is one binding of a namespace. Expires is in Unix seconds.
	BindingDocument struct {
		Expires int64 `json:"expires,omitempty"`
		Role    Role  `json:"role"`
	}
	// GenerationDocument is the token generation of an account.
	GenerationDocument struct {
		N uint64 `json:"n"`
	}
	// RevocationDocument revokes the token of its key until it expires anyway.
	RevocationDocument struct {
		Account AccountID `json:"account"`
		Expires int64     `json:"expires"`
	}
	// KeyDocument is the public side of a signing key; Public is a JWK.
	KeyDocument struct {
		Alg     string          `json:"alg"`
		Created int64           `json:"created"`
		Public  json.RawMessage `json:"public"`
		State   string          `json:"state"`
		Use     string          `json:"use"`
	}
	// PasswordDocument says that a password changed and never what it is.
	PasswordDocument struct {
		Changed    int64  `json:"changed"`
		Expires    int64  `json:"expires,omitempty"`
		MustChange bool   `json:"must_change,omitempty"`
		Version    uint64 `json:"version"`
	}
	// SettingDocument is a setting of the installation.
	SettingDocument struct {
		Value string `json:"value"`
	}
)

func (a Account) document() AccountDocument {
	doc := AccountDocument{
		Email: string(a.Email), Handle: string(a.Handle), Kind: a.Kind, Name: a.Name, State: a.State,
		UserID: a.UserID, Organisations: a.Organisations, Teams: a.Teams,
		Roles: make(map[PlatformRole]bool, len(a.Roles)),
	}
	for _, role := range a.Roles {
		doc.Roles[role] = true
	}
	return doc
}

// record is the same as document, in the form that is encoded.
func (a Account) record() *accountRecord {
	r := &accountRecord{
		email: string(a.Email), handle: string(a.Handle), kind: string(a.Kind), name: a.Name,
		state: string(a.State), userID: a.UserID,
		organisations: sortedPairs(a.Organisations), teams: sortedPairs(a.Teams),
	}
	for _, role := range a.Roles {
		r.roles = append(r.roles, string(role))
	}
	slices.Sort(r.roles)
	return r
}

// record is the namespace's document in the form that is encoded.
func (n Namespace) record() *namespaceRecord {
	r := &namespaceRecord{labels: sortedPairs(n.Labels)}
	for _, owner := range n.Owners {
		r.owners = append(r.owners, string(owner))
	}
	slices.Sort(r.owners)
	for _, b := range n.Bindings {
		r.bindings = append(r.bindings, bindingRecord{principal: string(b.Principal), role: string(b.Role), expires: seconds(b.Expires)})
	}
	slices.SortFunc(r.bindings, func(a, b bindingRecord) int { return strings.Compare(a.principal, b.principal) })
	return r
}

func sortedPairs[K, V ~string](members map[K]V) pairs {
	sorted := make(pairs, 0, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		sorted = append(sorted, pair{name: string(name), value: string(members[name])})
	}
	return sorted
}
