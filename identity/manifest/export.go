package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// exportChunk is the size at which Export begins another document, well below what
// Read takes as one; nestedBindings is how many bindings stand below their
// namespace before the rest is written as rows of their own.
const (
	exportChunk    = 512 << 10
	nestedBindings = 500
)

const exportHeader = `# A Gatehouse directory. "gatehouse import FILE" reads it back.
# Passwords, tokens and keys are not part of it.
`

// The file form of each noun. Field order is the order in the file.
type (
	accountEntry struct {
		ID     string   `yaml:"id"`
		Handle string   `yaml:"handle,omitempty"`
		Kind   string   `yaml:"kind,omitempty"`
		State  string   `yaml:"state,omitempty"`
		Email  string   `yaml:"email,omitempty"`
		UserID string   `yaml:"user_id,omitempty"`
		Name   string   `yaml:"name,omitempty"`
		Roles  []string `yaml:"roles,omitempty,flow"`

		Identities []identityEntry `yaml:"identities,omitempty"`
	}
	identityEntry struct {
		Issuer  string `yaml:"issuer"`
		Subject string `yaml:"subject"`
	}
	organisationEntry struct {
		ID      string        `yaml:"id"`
		Handle  string        `yaml:"handle"`
		State   string        `yaml:"state,omitempty"`
		Name    string        `yaml:"name,omitempty"`
		Members []memberEntry `yaml:"members,omitempty"`
		Teams   []teamEntry   `yaml:"teams,omitempty"`
	}
	teamEntry struct {
		ID      string        `yaml:"id"`
		Handle  string        `yaml:"handle"`
		Name    string        `yaml:"name,omitempty"`
		Members []memberEntry `yaml:"members,omitempty"`
	}
	memberEntry struct {
		principalEntry `yaml:",inline"`
		Role           string `yaml:"role,omitempty"`
	}
	principalEntry struct {
		Account string `yaml:"account,omitempty"`
		UserID  string `yaml:"user_id,omitempty"`
		Team    string `yaml:"team,omitempty"`
		Group   string `yaml:"group,omitempty"`
	}
	namespaceEntry struct {
		Name     string            `yaml:"name"`
		Owners   []principalEntry  `yaml:"owners"`
		Labels   map[string]string `yaml:"labels,omitempty"`
		Quota    any               `yaml:"quota,omitempty"`
		Bindings []bindingEntry    `yaml:"bindings,omitempty"`
	}
	bindingEntry struct {
		Namespace      string `yaml:"namespace,omitempty"`
		principalEntry `yaml:",inline"`
		Role           string `yaml:"role"`
		Expires        string `yaml:"expires,omitempty"`
	}
)

// Export writes the whole directory in Gatehouse's own form, sorted by name, so that
// equal directories are equal files and Apply of it to an empty directory gives the
// same people with their identities, teams, namespaces and bindings, with the same ids. What
// no file can name (an account without handle, e-mail and user id) is left out and told in
// the notes.
func Export(tx *identity.Tx, w io.Writer) ([]Note, error) {
	x := &exporter{tx: tx, out: w, names: map[identity.Principal]principalEntry{}}
	if err := x.load(); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if _, err := io.WriteString(w, exportHeader); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	for _, write := range []func() error{x.accounts, x.organisations, x.namespaces, x.flush} {
		if err := write(); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	return x.notes, nil
}

// exporter writes one section of one document at a time.
type exporter struct {
	tx      *identity.Tx
	out     io.Writer
	people  []identity.Account
	orgs    []identity.Account
	teams   []identity.Team
	spaces  []identity.Namespace
	names   map[identity.Principal]principalEntry
	notes   []Note
	section string // key that buffer is the list of
	buffer  bytes.Buffer
	size    int // bytes in the document that is being written
}

func collect[T any](rows iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

func (x *exporter) load() error {
	accounts, err := collect(x.tx.Accounts())
	if err != nil {
		return err
	}
	handles := map[identity.AccountID]identity.Handle{}
	for _, account := range accounts {
		if name, ok := nameOf(account); ok {
			x.names[identity.AccountPrincipal(account.ID)] = name
		} else {
			x.notes = append(x.notes, Note{Text: fmt.Sprintf("account %s has no handle, e-mail or user id: left out, with what it is granted", account.ID)})
			continue
		}
		handles[account.ID] = account.Handle
		if account.Kind == identity.Organisation {
			x.orgs = append(x.orgs, account)
		} else {
			x.people = append(x.people, account)
		}
	}
	if x.teams, err = collect(x.tx.Teams()); err != nil {
		return err
	}
	for _, team := range x.teams {
		x.names[identity.TeamPrincipal(team.ID)] = principalEntry{Team: string(handles[team.Organisation]) + "/" + string(team.Handle)}
	}
	if x.spaces, err = collect(x.tx.Namespaces()); err != nil {
		return err
	}
	byName := func(a, b identity.Account) int { return strings.Compare(sortKey(a), sortKey(b)) }
	slices.SortFunc(x.people, byName)
	slices.SortFunc(x.orgs, byName)
	slices.SortFunc(x.teams, func(a, b identity.Team) int { return strings.Compare(string(a.Handle), string(b.Handle)) })
	slices.SortFunc(x.spaces, func(a, b identity.Namespace) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return nil
}

// nameOf is how a file refers to an account.
func nameOf(a identity.Account) (principalEntry, bool) {
	switch {
	case a.Handle != "":
		return principalEntry{Account: string(a.Handle)}, true
	case a.Email != "":
		return principalEntry{Account: string(a.Email)}, true
	}
	return principalEntry{UserID: a.UserID}, a.UserID != ""
}

// sortKey puts accounts with handles before those without.
func sortKey(a identity.Account) string {
	if a.Handle != "" {
		return "0" + string(a.Handle)
	}
	return "1" + string(a.Email) + "\x00" + a.UserID
}

func (x *exporter) accounts() error {
	for _, a := range x.people {
		entry := accountEntry{
			ID: string(a.ID), Handle: string(a.Handle), Email: string(a.Email), UserID: a.UserID, Name: a.Name,
			Kind: unless(string(a.Kind), string(identity.Person)), State: string(a.State),
		}
		if (a.Handle != "") == (a.State == identity.Active) && a.State != identity.Disabled {
			entry.State = "" // what import assumes
		}
		for _, role := range a.Roles {
			entry.Roles = append(entry.Roles, string(role))
		}
		slices.Sort(entry.Roles)
		linked, err := x.tx.Identities(a.ID)
		if err != nil {
			return err
		}
		for _, l := range linked {
			entry.Identities = append(entry.Identities, identityEntry{l.Issuer, l.Subject})
		}
		if err := x.entry("accounts", entry); err != nil {
			return err
		}
	}
	return nil
}

func unless(value, usual string) string {
	if value == usual {
		return ""
	}
	return value
}

func (x *exporter) organisations() error {
	members := map[identity.AccountID]map[identity.AccountID]identity.MemberRole{}
	for _, a := range slices.Concat(x.people, x.orgs) {
		for org, role := range a.Organisations {
			if members[org] == nil {
				members[org] = map[identity.AccountID]identity.MemberRole{}
			}
			members[org][a.ID] = role
		}
	}
	teams := map[identity.AccountID][]identity.Team{}
	for _, team := range x.teams {
		teams[team.Organisation] = append(teams[team.Organisation], team)
	}
	for _, org := range x.orgs {
		entry := organisationEntry{
			ID: string(org.ID), Handle: string(org.Handle), Name: org.Name,
			State:   unless(string(org.State), string(identity.Active)),
			Members: x.members(members[org.ID]),
		}
		for _, team := range teams[org.ID] {
			entry.Teams = append(entry.Teams, teamEntry{string(team.ID), string(team.Handle), team.Name, x.members(team.Members)})
		}
		if err := x.entry("organisations", entry); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) members(of map[identity.AccountID]identity.MemberRole) []memberEntry {
	var entries []memberEntry
	for id, role := range of {
		if name, ok := x.names[identity.AccountPrincipal(id)]; ok {
			entries = append(entries, memberEntry{name, unless(string(role), string(identity.Member))})
		}
	}
	slices.SortFunc(entries, func(a, b memberEntry) int { return a.compare(b.principalEntry) })
	return entries
}

func (p principalEntry) compare(q principalEntry) int {
	return strings.Compare(p.Account+"\x00"+p.UserID+"\x00"+p.Team+"\x00"+p.Group, q.Account+"\x00"+q.UserID+"\x00"+q.Team+"\x00"+q.Group)
}

func (x *exporter) principal(p identity.Principal) (principalEntry, bool) {
	if kind, name := p.Split(); kind == "group" {
		return principalEntry{Group: name}, true
	}
	name, ok := x.names[p]
	return name, ok
}

func (x *exporter) namespaces() error {
	var rest []bindingEntry
	for _, space := range x.spaces {
		entry := namespaceEntry{Name: string(space.Name), Labels: maps.Clone(space.Labels)}
		for _, owner := range space.Owners {
			if name, ok := x.principal(owner); ok {
				entry.Owners = append(entry.Owners, name)
			}
		}
		slices.SortFunc(entry.Owners, principalEntry.compare)
		if len(space.Quota) > 0 {
			if err := json.Unmarshal(space.Quota, &entry.Quota); err != nil {
				return fmt.Errorf("quota of namespace %s: %w", space.Name, err)
			}
		}
		entry.Bindings = x.bindings(space)
		if len(entry.Bindings) > nestedBindings {
			for _, b := range entry.Bindings[nestedBindings:] {
				b.Namespace = entry.Name
				rest = append(rest, b)
			}
			entry.Bindings = entry.Bindings[:nestedBindings]
		}
		if err := x.entry("namespaces", entry); err != nil {
			return err
		}
	}
	for _, b := range rest {
		if err := x.entry("bindings", b); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) bindings(space identity.Namespace) []bindingEntry {
	var entries []bindingEntry
	for _, b := range space.Bindings {
		name, ok := x.principal(b.Principal)
		if !ok {
			continue
		}
		entry := bindingEntry{principalEntry: name, Role: string(b.Role)}
		if !b.Expires.IsZero() {
			entry.Expires = b.Expires.UTC().Format(time.RFC3339)
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b bindingEntry) int { return a.compare(b.principalEntry) })
	return entries
}

// entry appends one item to the list under key; a full document is closed first.
func (x *exporter) entry(key string, item any) error {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode([]any{item}); err != nil {
		return err
	}
	if x.section != key || x.size+text.Len() > exportChunk {
		full := x.size+text.Len() > exportChunk && x.size > 0
		if err := x.flush(); err != nil {
			return err
		}
		if full {
			x.size = 0
			if _, err := io.WriteString(x.out, "---\n"); err != nil {
				return err
			}
		}
		x.section = key
		fmt.Fprintf(&x.buffer, "%s:\n", key)
	}
	for line := range bytes.Lines(text.Bytes()) {
		x.buffer.WriteString("  ")
		x.buffer.Write(line)
	}
	x.size += text.Len()
	return nil
}

func (x *exporter) flush() error {
	_, err := x.buffer.WriteTo(x.out)
	x.section = ""
	return err
}
