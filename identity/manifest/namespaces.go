package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// principal finds whom a reference grants to.
func (a *applier) principal(who reference) (identity.Principal, error) {
	switch who.kind {
	case toGroup:
		return identity.GroupPrincipal(who.name), nil
	case toTeam:
		team, err := a.findTeam(who)
		return identity.TeamPrincipal(team.ID), err
	}
	holder, err := a.account(who)
	return identity.AccountPrincipal(holder.ID), err
}

func (a *applier) namespaces() error {
	var next []identity.Namespace
	var places []Position
	for i := range a.batch.namespaces {
		wanted := &a.batch.namespaces[i].entry
		put, err := a.namespace(wanted)
		if err != nil {
			return err
		}
		if put != nil {
			next, places = append(next, *put), append(places, wanted.at)
		}
		a.tick()
	}
	return refusedItem(a.tx.PutNamespaces(next), func(i int) (Position, string) {
		return places[i], "namespace " + string(next[i].Name)
	})
}

// namespace gives the namespace as it is to be put, nil when it is so already.
func (a *applier) namespace(wanted *namespace) (*identity.Namespace, error) {
	now := a.existing[wanted.name]
	next := identity.Namespace{Name: identity.NamespaceName(wanted.name)}
	if now != nil {
		next = *now
	}
	changes, err := a.owners(wanted, &next)
	if err != nil {
		return nil, err
	}
	if wanted.labels != nil && !maps.Equal(wanted.labels, next.Labels) {
		changes = append(changes, labelChanges(wanted.labels, next.Labels)...)
		next.Labels = wanted.labels
	}
	if wanted.quotaGiven && !sameQuota(wanted.quota, next.Quota) {
		changes = append(changes, quotaChange(wanted.quota, next.Quota))
		next.Quota = wanted.quota
	}
	switch {
	case len(next.Owners) == 0:
		return nil, problem(wanted.at, "namespace %s needs an owner: add owners with an account, a team or a group", wanted.name)
	case now == nil:
		a.existing[wanted.name] = &next
		a.report.step(Create, wanted.at, "namespace %s: %s", wanted.name, strings.Join(changes, ", "))
	case len(changes) == 0:
		return nil, nil
	default:
		a.report.step(Update, wanted.at, "namespace %s: %s", wanted.name, strings.Join(changes, ", "))
	}
	return &next, nil
}

// owners adds those of the files to those there are; only pruning takes one away,
// since a Profile can name just one of several owners.
func (a *applier) owners(wanted *namespace, next *identity.Namespace) (changes []string, err error) {
	before, listed := next.Owners, []identity.Principal{}
	for _, who := range wanted.owners {
		principal, err := a.principal(who)
		if err != nil {
			return nil, err
		}
		if slices.Contains(listed, principal) {
			return nil, problem(who.at, "%s owns namespace %s twice: keep one of the two", who, wanted.name)
		}
		listed = append(listed, principal)
		if !slices.Contains(before, principal) {
			changes = append(changes, "owner "+who.String())
		}
	}
	next.Owners = slices.Clone(listed)
	var gone []string
	for _, owner := range before {
		switch {
		case slices.Contains(listed, owner):
		case a.options.Prune && len(listed) > 0:
			gone = append(gone, "no longer owner "+a.describe(owner))
		default:
			next.Owners = append(next.Owners, owner)
			if len(listed) > 0 {
				a.report.Kept++
			}
		}
	}
	slices.Sort(gone)
	return append(changes, gone...), nil
}

func labelChanges(next, now map[string]string) []string {
	var changes []string
	for _, key := range sortedKeys(next) {
		if was, ok := now[key]; !ok || was != next[key] {
			changes = append(changes, fmt.Sprintf("label %s=%s", key, next[key]))
		}
	}
	for _, key := range sortedKeys(now) {
		if _, ok := next[key]; !ok {
			changes = append(changes, "no label "+key)
		}
	}
	return changes
}

// sameQuota compares what quotas say, not how they are written.
func sameQuota(next, now []byte) bool {
	return bytes.Equal(next, now) || bytes.Equal(compactQuota(next), compactQuota(now))
}

// compactQuota is the quota with sorted keys and no blanks.
func compactQuota(raw []byte) []byte {
	var content any
	if len(raw) == 0 || json.Unmarshal(raw, &content) != nil {
		return raw
	}
	sorted, err := json.Marshal(content)
	if err != nil {
		return raw
	}
	return sorted
}

func quotaChange(next, now []byte) string {
	if next == nil {
		return "no quota"
	}
	var spec struct{ Hard map[string]string }
	if json.Unmarshal(next, &spec) != nil || len(spec.Hard) == 0 {
		return "quota changed"
	}
	parts := make([]string, 0, len(spec.Hard))
	for _, key := range sortedKeys(spec.Hard) {
		parts = append(parts, key+"="+spec.Hard[key])
	}
	word := "quota"
	if len(now) > 0 {
		word = "quota now"
	}
	return word + " " + strings.Join(parts, " ")
}

// describe names a principal of the directory as a file would.
func (a *applier) describe(p identity.Principal) string {
	kind, id := p.Split()
	switch kind {
	case "account":
		if holder, err := a.tx.Account(identity.AccountID(id)); err == nil {
			return label(holder)
		}
	case "team":
		team, err := a.tx.Team(identity.TeamID(id))
		if err != nil {
			break
		}
		if org, err := a.tx.Account(team.Organisation); err == nil {
			return fmt.Sprintf("team %s/%s", org.Handle, team.Handle)
		}
	case "group":
		return "group " + id
	}
	return string(p)
}

// until words the end of a binding.
func until(expires time.Time) string {
	if expires.IsZero() {
		return ""
	}
	return " until " + expires.UTC().Format(time.RFC3339)
}
