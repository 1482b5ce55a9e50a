package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// encode is the one encoding of documents: compact, keys sorted, nothing
// escaped that JSON does not need escaped.
func encode(document any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// canonical re-encodes a JSON object that came from outside.
func canonical(field string, raw json.RawMessage, limit int) (json.RawMessage, error) {
	if len(raw) > limit {
		return nil, invalid(field, "is longer than %d bytes", limit)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil || decoder.More() {
		return nil, invalid(field, "must be one JSON object")
	}
	return encode(object)
}

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

func (n Namespace) document() NamespaceDocument {
	doc := NamespaceDocument{
		Bindings: make(map[Principal]BindingDocument, len(n.Bindings)),
		Labels:   n.Labels,
		Owners:   make(map[Principal]bool, len(n.Owners)),
	}
	for _, owner := range n.Owners {
		doc.Owners[owner] = true
	}
	for _, b := range n.Bindings {
		doc.Bindings[b.Principal] = BindingDocument{Role: b.Role, Expires: seconds(b.Expires)}
	}
	return doc
}
