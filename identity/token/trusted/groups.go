package trusted

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxGroups = 200 // of one credential; policies are asked with all of them
	maxGroup  = 128 // bytes of a name with its prefix, as in the directory
	// separators are what no name holds that travels in lists, as in the directory.
	separators = `,|;="`
)

// groups are the groups of a token under the names that bindings use: with the prefix
// of the issuer, at most 200. A name that could be read as another one is left out, and
// so is one that belongs to another issuer.
func (i *Issuer) groups(claims map[string]json.RawMessage) []string {
	raw, given := claims[i.config.GroupsClaim]
	if i.config.GroupsClaim == "" || !given {
		return nil
	}
	var kept []string
	left := 0
	for _, value := range listOf(raw) {
		name, ok := value.(string)
		name = i.config.GroupsPrefix + name
		switch {
		case !ok || name == i.config.GroupsPrefix || !usableGroup(name) || i.foreignGroup(name):
			left++
		case slices.Contains(kept, name):
		case len(kept) == maxGroups:
			left++
		default:
			kept = append(kept, name)
		}
	}
	if left > 0 {
		i.Observe(OutcomeGroupsDropped)
		i.o.Logger.Info("groups of a token were left out", "issuer", i.config.Name, "kept", len(kept), "left_out", left)
	}
	return kept
}

// listOf reads a list, or a single value as a list of one.
func listOf(raw json.RawMessage) []any {
	var list []any
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one any
	if json.Unmarshal(raw, &one) != nil {
		return nil
	}
	return []any{one}
}

func (i *Issuer) foreignGroup(name string) bool {
	return slices.ContainsFunc(i.foreign, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func usableGroup(name string) bool {
	return len(name) <= maxGroup && plain(name) && !strings.ContainsAny(name, separators) && strings.TrimSpace(name) == name
}

// plain says that a text holds nothing that ends a line or is not seen.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError ||
			unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Variation_Selector,
				unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
	})
}
