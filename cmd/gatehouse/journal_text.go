package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gatehouse-authz/gatehouse/identity"
)

// journalText is an entry on one line that people read:
//
//	2031-01-31T12:00:00.000Z 12 account:01J… 192.0.2.7 update accounts/01J…: state "active" -> "disabled"
func journalText(e identity.Entry) string {
	verb, changes := "update", difference(e.Before, e.After)
	switch {
	case e.Before == nil:
		verb = "create"
	case e.After == nil: // what it was
		verb, changes = "remove", difference(nil, e.Before)
	}
	line := fmt.Sprintf("%s %d %s %s %s %s/%s", e.At.UTC().Format("2006-01-02T15:04:05.000Z"), e.Revision, e.Actor, orDash(e.Address), verb, e.Collection, e.Key)
	if len(changes) > 0 {
		line += ": " + strings.Join(changes, ", ")
	}
	return printable(line)
}

// difference says how one document became another: member by member, tables in the
// document included, in the order of their names.
func difference(before, after json.RawMessage) []string {
	var was, is map[string]json.RawMessage
	if !members(before, &was) || !members(after, &is) {
		if bytes.Equal(before, after) {
			return nil
		}
		return []string{value(before) + " -> " + value(after)}
	}
	return tableDifference("", was, is)
}

// members reads an object; no document at all is one without members.
func members(text json.RawMessage, into *map[string]json.RawMessage) bool {
	return text == nil || text[0] == '{' && json.Unmarshal(text, into) == nil
}

func tableDifference(path string, was, is map[string]json.RawMessage) (changes []string) {
	names := maps.Clone(was)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := was[name], is[name]
		if bytes.Equal(before, after) {
			continue
		}
		full := path + name
		var inner, outer map[string]json.RawMessage
		switch {
		case before != nil && after != nil && members(before, &inner) && members(after, &outer):
			changes = append(changes, tableDifference(full+".", inner, outer)...)
		case before == nil:
			changes = append(changes, full+" "+value(after))
		case after == nil:
			changes = append(changes, "no "+full+" (was "+value(before)+")")
		default:
			changes = append(changes, full+" "+value(before)+" -> "+value(after))
		}
	}
	return changes
}

func value(text json.RawMessage) string {
	if text == nil {
		return "nothing"
	}
	return string(text)
}

// printable escapes what a terminal would act upon or show in another order: names and
// subjects come from outside.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
