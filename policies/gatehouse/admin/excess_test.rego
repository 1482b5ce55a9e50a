package gatehouse.admin_test

import data.gatehouse.admin

# Roles of an operator's: one that looks, one with a verb that role admin has not,
# one that hands out roles and may do nothing else, one that grants nothing, and one
# that goes beyond what ann holds in lab.
own_roles := {
	"look": {"read": true},
	"runner": {"read": true, "run": true},
	"delegate": {"manage": true},
	"idle": {},
	"blocked": {"write": false},
}

# dora may hand out roles in lab and nothing else; rita is admin and runner there;
# oz owns lab and is runner there; ted's binding in lab has ended.
managed := object.union(identity, {
	"accounts": {id: person({}, {}, {}) | some id in ["DORA", "RITA", "OZ", "TED"]},
	"namespaces": {"lab": {
		"owners": {"account:OZ": true},
		"bindings": {
			"account:DORA": {"role": "delegate"},
			"account:RITA": {"role": "admin"}, "group:runners": {"role": "runner"},
			"account:OZ": {"role": "runner"},
			"account:TED": {"role": "admin", "expires": 1},
		},
	}},
})

handling(who, action, role) := reason if {
	asked := {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": role}
	reason := admin.reason with input as {"subject": who, "action": action, "resource": asked}
		with data.identity as managed
		with data.custom.roles as own_roles
		with time.now_ns as 2000000000
}

# [who, role, reason to create and to update, reason to delete]
handed_out := {
	"an admin of the namespace gives what is admin's": ["ANN", "admin", "binding", "binding"],
	"and less": ["ANN", "view", "binding", "binding"],
	"and an operator's role that is less": ["ANN", "look", "binding", "binding"],
	"and one that grants nothing": ["ANN", "idle", "binding", "binding"],
	"what a role names as false is not granted": ["ANN", "blocked", "binding", "binding"],
	"not a verb that admin has not": ["ANN", "runner", "role_exceeds_own", "role_exceeds_own"],
	"nor a role nobody defined": ["ANN", "owner", "unknown_role", "binding"],
	"nor one in other letters": ["ANN", "Admin", "unknown_role", "binding"],
	"an owner holds what admin's is": ["ADA", "admin", "binding", "binding"],
	"and no more, but takes all": ["ADA", "runner", "role_exceeds_own", "binding"],
	"and gives no role nobody defined": ["ADA", "owner", "unknown_role", "binding"],
	"an owner with a binding beside holds both": ["OZ", "runner", "binding", "binding"],
	"who hands out alone gives only that": ["DORA", "delegate", "binding", "binding"],
	"not even to look": ["DORA", "view", "role_exceeds_own", "role_exceeds_own"],
	"nor admin": ["DORA", "admin", "role_exceeds_own", "role_exceeds_own"],
	"but what grants nothing": ["DORA", "idle", "binding", "binding"],
	"an editor gives nothing": ["MIA", "idle", "not_granted", "not_granted"],
	"whose binding has ended gives nothing": ["TED", "view", "not_granted", "not_granted"],
	"a stranger is not told which roles there are": ["BOB", "owner", "not_granted", "self"],
	"a platform admin gives a role with any verb": ["ROOT", "runner", "role", "role"],
	"and one that nobody defined yet": ["ROOT", "owner", "role", "role"],
}

test_nobody_hands_out_more_than_they_hold[note] if {
	some note, tc in handed_out
	[id, role, given, taken] := tc
	[handling(subject(id), action, role) | some action in ["create", "update", "delete"]] == [given, given, taken]
}

# lee is admin in lab until then, and looks on for ever through a group.
lent := object.union(identity, {
	"accounts": {"LEE": person({}, {}, {})},
	"namespaces": {"lab": {"bindings": {"account:LEE": {"role": "admin", "expires": 5000}, "group:guests": {"role": "view"}}}},
})

test_nobody_hands_out_for_longer_than_they_hold[note] if {
	some note, tc in {
		"until one's own ends": [{"role": "edit", "expires": 5000}, "binding"],
		"or before": [{"role": "admin", "expires": 4999}, "binding"],
		"not a second longer": [{"role": "edit", "expires": 5001}, "role_exceeds_own"],
		"nor for ever": [{"role": "edit", "expires": 0}, "role_exceeds_own"],
		"nor to oneself": [{"role": "admin", "expires": 0, "principal": "account:LEE"}, "role_exceeds_own"],
		"what one holds for ever for ever": [{"role": "view", "expires": 0}, "binding"],
		"a role to be replaced has no end to ask about": [{"role": "edit"}, "binding"],
	}
	[given, want] := tc
	asked := object.union({"kind": "binding", "namespace": "lab", "principal": "account:BOB"}, given)
	got := [why |
		some action in ["create", "update"]
		why := admin.reason with input as {"subject": object.union(subject("LEE"), {"groups": {"guests": true}}), "action": action, "resource": asked}
			with data.identity as lent
			with time.now_ns as 4000000000000
	]
	got == [want, want]
}

test_an_owner_hands_out_for_ever if {
	asked := {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "admin", "expires": 0}
	reason(decide(subject("ADA"), "create", asked)) == "binding"
}

test_verbs_of_all_that_one_is_add_up if {
	runner := object.union(subject("RITA"), {"groups": {"runners": true}})
	handling(runner, "create", "runner") == "binding"
	handling(subject("RITA"), "create", "runner") == "role_exceeds_own"
}

test_a_binding_without_a_role_is_for_nobody_but_owners_to_take if {
	asked := {"kind": "binding", "namespace": "lab", "principal": "account:NIA"}
	every id, wanted in {"ANN": ["unknown_role", "unknown_role", "role_exceeds_own"], "ADA": ["unknown_role", "unknown_role", "binding"]} {
		[reason(decide(subject(id), action, asked)) | some action in ["create", "update", "delete"]] == wanted
	}
}

reason(decision) := decision.reason

# One gives back what one has, however strong.
test_ones_own_is_given_back_whatever_it_grants if {
	asked := {"kind": "binding", "namespace": "lab", "principal": "account:DORA", "role": "admin"}
	got := admin.reason with input as {"subject": subject("DORA"), "action": "delete", "resource": asked}
		with data.identity as managed
		with data.custom.roles as own_roles
	got == "self"
}

test_excess_is_a_denial if {
	asked := {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "owner"}
	decide(subject("ANN"), "create", asked) == decided("deny", "unknown_role", "create", asked)
	more := object.union(asked, {"role": "runner"})
	got := decide(subject("ANN"), "create", more) with data.custom.roles as own_roles
	got == decided("deny", "role_exceeds_own", "create", more)
}

# What is not handed out is not looked at: a list or a reading names no role, or one
# that is stronger than the reader's.
test_reading_a_stronger_binding_is_no_excess if {
	handling(subject("ANN"), "read", "runner") == "binding"
	handling(subject("VIC"), "read", "admin") == "binding"
}

test_K02_a_platform_role_is_for_platform_admins_to_give if {
	every id in ["BOB", "TOM", "OLGA", "ADA", "ANN", "AUDITOR"] {
		every action in ["create", "update", "delete", "read"] {
			every account in [id, "BOB"] {
				asked := {"kind": "platform_role", "account": account, "role": "admin"}
				decide(subject(id), action, asked) == decided("deny", "not_granted", action, asked)
			}
		}
	}
}
