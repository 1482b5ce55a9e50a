package gatehouse.admin_test

import data.gatehouse.admin

# [kind, action, words for the resource, reasons by caller]
rows contains [kind, action, split(words[1], "/"), array.slice(words, 2, 100)] if {
	some kind, table in matrix
	some line in split(table, "\n")
	words := regex.split(`\s+`, trim_space(line))
	words[0] in (all_actions | {"*"})
	some action in actions_of(words[0])
}

all_actions := {"list", "read", "create", "update", "delete"}

actions_of(word) := {word} if word != "*"

actions_of("*") := all_actions

# [kind, action, resource, caller, reason] of a group of kinds
cells(kinds) := {[kind, action, resource(kind, words, trim_prefix(caller, "anonymous")), caller, reasons[i]] |
	some [kind, action, words, reasons] in rows
	kind in kinds
	some i, caller in callers
}

meaning := {"login": "not_signed_in", "no": "not_granted", "scope": "scope_missing"}

asking("anonymous") := anonymous

asking("BOT") := narrowed("BOT", {"namespace:read", "binding:read", "namespace:lab"})

asking(id) := subject(id) if not id in {"anonymous", "BOT"}

# tom's team has no part in lab here.
house := json.remove(identity, ["namespaces/lab/bindings/team:ML"])

name([kind, action, asked, caller, _]) := sprintf("%s %s %s by %s", [action, kind, json.marshal(object.remove(asked, ["kind"])), caller])

answer([_, action, asked, caller, _]) := decision if {
	decision := admin.decision with input as {"subject": asking(caller), "action": action, "resource": asked}
		with data.identity as house
}

wanted([_, action, asked, _, word]) := decided(effect(reason), reason, action, asked) if {
	reason := object.get(meaning, word, word)
}

# One test for each group, since a test has only some seconds.
groups := {
	"accounts": {"account", "password"},
	"credentials": {"identity", "token"},
	"rights": {"platform_role", "principal"},
	"organisations": {"organisation", "organisation_member"},
	"teams": {"team", "team_member"},
	"namespaces": {"binding", "namespace"},
	"records": {"decision", "documentation", "journal", "metrics"},
	"settings": {"import", "key", "policy", "setting"},
}

test_K01_matrix_of_accounts[note] if {
	some cell in cells(groups.accounts)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_credentials[note] if {
	some cell in cells(groups.credentials)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_rights[note] if {
	some cell in cells(groups.rights)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_organisations[note] if {
	some cell in cells(groups.organisations)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_teams[note] if {
	some cell in cells(groups.teams)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_namespaces[note] if {
	some cell in cells(groups.namespaces)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_records[note] if {
	some cell in cells(groups.records)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_matrix_of_settings[note] if {
	some cell in cells(groups.settings)
	note := name(cell)
	answer(cell) == wanted(cell)
}

test_K01_every_kind_and_action_has_a_row_and_is_tested if {
	{[kind, action] | some [kind, action, _, _] in rows} == {[kind, action] |
		some kind, _ in data.gatehouse.actions
		some action in all_actions
	}
	union({kinds | some _, kinds in groups}) == object.keys(data.gatehouse.actions)
}

test_K01_every_line_is_a_row_with_a_cell_for_each_caller if {
	every row in rows { count(row[3]) == count(callers) }
	lines := [word |
		some _, table in matrix
		some line in split(trim_space(table), "\n")
		word := split(trim_space(line), " ")[0]
	]
	{word | some word in lines} - (all_actions | {"*", "anonymous"}) == set()
}

# What the table of actions gives is given to somebody above, field by field.
test_K01_every_entry_of_the_table_lets_somebody_pass if {
	entries := {[kind, relation, action, field] |
		some kind, relations in data.gatehouse.actions
		some relation, actions in relations
		some action, entry in actions
		some field in fields_of(entry)
	}
	entries - passed == set()
}

passed contains [kind, relation, action, field] if {
	some [kind, action, words, reasons] in rows
	some i, caller in callers
	reasons[i] in (granted - {"role"})
	asked := resource(kind, words, caller)
	relation := admin.relation with input as {"subject": asking(caller), "action": action, "resource": asked}
		with data.identity as house
	some field in (object.keys(object.get(asked, "fields", {})) | {"all"})
}

fields_of(entry) := {"all"} if entry == true

fields_of(entry) := object.keys(entry) if entry != true
