package gatehouse.lib.subject_test

import data.gatehouse.lib.subject

asking(kind, id, groups) := {"subject": {"kind": kind, "id": id, "groups": groups}}

accounts := {"A": {"kind": "person", "state": "active", "roles": {}, "teams": {"T": "member", "U": "owner"}, "organisations": {"O": "owner"}}}

test_principals[note] if {
	some note, tc in {
		"of an account": [asking("account", "A", {"g": true, "h": false}), {"account:A", "team:T", "team:U", "group:g"}],
		"of an account without a document": [asking("account", "B", {}), set()],
		"of an external identity": [asking("external", "A", {"g": true}), {"group:g"}],
		"of nobody": [asking("anonymous", "A", {"g": true}), set()],
	}
	[who, want] := tc
	principals := subject.principals with input as who with data.identity.accounts as accounts
	principals == want
}

test_refused[note] if {
	some note, tc in {
		"active": ["active", set()],
		"invited": ["invited", set()],
		"disabled": ["disabled", {"account_disabled"}],
		"a state that nobody knows": ["Active", {"account_disabled"}],
		"no state": ["", {"account_disabled"}],
	}
	[state, want] := tc
	got := {r | r := subject.refused} with input as asking("account", "A", {})
		with data.identity.accounts as {"A": {"state": state}}
	got == want
}

test_only_accounts_are_unknown if {
	refused := subject.refused with input as asking("account", "B", {}) with data.identity.accounts as accounts
	refused == "unknown_account"
	not subject.refused with input as asking("external", "B", {}) with data.identity.accounts as accounts
	not subject.refused with input as asking("anonymous", "", {}) with data.identity.accounts as accounts
}
