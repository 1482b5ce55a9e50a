package gatehouse.lib.binding_test

import data.gatehouse.lib.binding

asking := {"subject": {"kind": "account", "id": "A", "groups": {}}}

identity(owners, bindings) := {
	"accounts": {"A": {"kind": "person", "state": "active", "roles": {}, "teams": {"T": "member"}, "organisations": {"O": "owner", "P": "member"}}},
	"namespaces": {"n": {"owners": owners, "labels": {}, "bindings": bindings}},
}

reasons(documents, verb) := found if {
	found := {r | r := binding.grants("n", verb)} with input as asking with data.identity as documents
}

test_owners[note] if {
	some note, tc in {
		"the account": ["account:A", {"owner"}],
		"a team of the account": ["team:T", {"owner"}],
		"an organisation it owns": ["account:O", {"owner"}],
		"an organisation it is a member of": ["account:P", set()],
		"somebody else": ["account:B", set()],
		"another kind of the same id": ["team:A", set()],
		"a prefix": ["account:", set()],
	}
	[principal, want] := tc
	reasons(identity({principal: true}, {}), "manage") == want
}

test_roles[note] if {
	some note, tc in {
		"view reads": ["view", "read", {"binding"}],
		"view does not write": ["view", "write", set()],
		"edit connects": ["edit", "connect", {"binding"}],
		"edit does not manage": ["edit", "manage", set()],
		"admin manages": ["admin", "manage", {"binding"}],
		"no role does what nobody knows": ["admin", "fly", set()],
		"an empty role": ["", "read", set()],
		"a role in other letters": ["Admin", "read", set()],
	}
	[role, verb, want] := tc
	reasons(identity({"account:B": true}, {"account:A": {"role": role}}), verb) == want
}

test_bindings_add_up if {
	documents := identity({"account:B": true}, {"account:A": {"role": "view"}, "team:T": {"role": "edit"}})
	reasons(documents, "read") == {"binding"}
	reasons(documents, "write") == {"binding"}
	reasons(documents, "manage") == set()
}

test_a_binding_of_an_organisation_lends_nothing if {
	reasons(identity({"account:B": true}, {"account:O": {"role": "admin"}}), "read") == set()
}

test_a_namespace_that_is_not_there_grants_nothing if {
	not binding.grants("m", "read") with input as asking with data.identity as identity({"account:A": true}, {})
	not binding.owner("m") with input as asking with data.identity as identity({"account:A": true}, {})
}

# A decision that read the clock is not remembered, so nobody reads it in vain.
test_the_clock_is_read_for_bindings_that_expire_only if {
	never := identity({"account:B": true}, {"account:A": {"role": "view"}, "account:C": {"role": "view", "expires": 5}})
	reasons(never, "read") == {"binding"} with time.now_ns as "read the clock"
	lent := identity({"account:B": true}, {"account:A": {"role": "view", "expires": 5}})
	reasons(lent, "read") == set() with time.now_ns as "read the clock"
}
