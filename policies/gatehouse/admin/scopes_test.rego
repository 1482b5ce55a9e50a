package gatehouse.admin_test

import data.gatehouse.admin

lab := {"kind": "namespace", "id": "lab"}

of_lab := {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "view"}

# [who, scopes, action, resource, reason]; what the account may do, and what the
# token leaves of it.
narrowings := {
	"all of the directory": ["ADA", {"directory"}, "delete", lab, "owner"],
	"what is read of it": ["ADA", {"directory:read"}, "read", lab, "owner"],
	"is not changed": ["ADA", {"directory:read"}, "delete", lab, "scope_missing"],
	"a kind": ["ADA", {"namespace"}, "delete", lab, "owner"],
	"is no other kind": ["ADA", {"namespace"}, "create", of_lab, "scope_missing"],
	"a kind is read": ["ANN", {"binding:read"}, "list", {"kind": "binding", "namespace": "lab"}, "binding"],
	"a scope nobody knows": ["ADA", {"all"}, "read", lab, "scope_missing"],
	"spoils none": ["ADA", {"all", "namespace:read"}, "read", lab, "owner"],
	"the ingress is another question": ["ADA", {"ingress"}, "read", lab, "scope_missing"],
	"a namespace alone": ["ADA", {"namespace:lab"}, "read", lab, "scope_missing"],
	"with a kind": ["ADA", {"namespace:lab", "namespace"}, "delete", lab, "owner"],
	"with the kind of what is in it": ["ADA", {"namespace:lab", "binding"}, "create", of_lab, "binding"],
	"another namespace": ["ROOT", {"namespace:lab", "directory"}, "read", {"kind": "namespace", "id": "ops"}, "scope_missing"],
	"what is in no namespace": ["ROOT", {"namespace:lab", "directory"}, "read", {"kind": "account", "id": "BOB"}, "scope_missing"],
	"a list of all": ["ROOT", {"namespace:lab", "directory"}, "list", {"kind": "namespace"}, "scope_missing"],
	"a name that is not there yet": ["ROOT", {"namespace:new", "namespace"}, "create", {"kind": "namespace", "id": "new"}, "role"],
	"an admin's account": ["ROOT", {"account"}, "create", {"kind": "account"}, "role"],
	"and no password with it": ["ROOT", {"account"}, "update", {"kind": "password", "account": "BOB"}, "scope_missing"],
	"members go with the organisation": ["OLGA", {"organisation"}, "create", {"kind": "organisation_member", "organisation": "ACME", "account": "BOB"}, "owner"],
	"and with the team": ["TOM", {"team"}, "create", {"kind": "team_member", "team": "ML", "account": "NIA"}, "owner"],
	"a name is looked up": ["BOB", {"principal:read"}, "list", {"kind": "principal"}, "account"],
	"with whatever reads all": ["BOB", {"directory:read"}, "list", {"kind": "principal"}, "account"],
	"and not otherwise": ["BOB", {"account:read"}, "list", {"kind": "principal"}, "scope_missing"],
	"tokens are read": ["BOB", {"token:read"}, "list", {"kind": "token", "account": "BOB"}, "self"],
	"and not revoked": ["BOB", {"token:read"}, "delete", {"kind": "token", "id": "j", "account": "BOB"}, "scope_missing"],
	"there is no scope that mints": ["BOB", {"token"}, "create", {"kind": "token", "account": "BOB"}, "scope_missing"],
	"the journal is read": ["ROOT", {"journal:read"}, "list", journal, "role"],
	"by admins": ["OLGA", {"journal:read"}, "list", journal, "not_granted"],
	"an import": ["ROOT", {"import"}, "create", {"kind": "import"}, "role"],
	"policies are read": ["ROOT", {"policy:read"}, "read", {"kind": "policy"}, "role"],
	"and not changed": ["ROOT", {"policy:read"}, "update", {"kind": "policy"}, "scope_missing"],
	"a kind nobody knows": ["ROOT", {"directory"}, "read", {"kind": "moon"}, "unknown_action"],
	"nothing is given that the account has not": ["BOB", {"directory"}, "read", lab, "not_granted"],
	"nor more than the account may hand out": ["ANN", {"directory"}, "create", object.union(of_lab, {"role": "owner"}), "unknown_role"],
	"a disabled account": ["DEE", {"all"}, "list", journal, "account_disabled"],
	"an account without a document": ["GONE", {"directory"}, "list", journal, "unknown_account"],
}

test_scopes_narrow[note] if {
	some note, tc in narrowings
	[id, scopes, action, asked, reason] := tc
	decide(narrowed(id, scopes), action, asked) == decided(effect(reason), reason, action, asked)
}

# J18: even a token from signing in, were it narrowed, and a scope for everything.
test_J18_a_narrowed_token_makes_no_others if {
	every kind in ["access", "personal"] {
		every account in ["ROOT", "BOT"] {
			who := object.union(narrowed("ROOT", {"directory"}), {"token": {"kind": kind}})
			asked := {"kind": "token", "account": account}
			decide(who, "create", asked) == decided("deny", "not_granted", "create", asked)
		}
	}
}

test_a_custom_allow_does_not_go_past_scopes if {
	rules := {"audit": {"allow": {"auditors read"}}}
	within := decide(narrowed("AUDITOR", {"journal:read"}), "list", journal) with data.custom.admin as rules
		with data.gatehouse.settings.custom_allow as {"admin": true}
	within.reason == "custom_allow"
	beyond := decide(narrowed("AUDITOR", {"account:read"}), "list", journal) with data.custom.admin as rules
		with data.gatehouse.settings.custom_allow as {"admin": true}
	beyond == decided("deny", "scope_missing", "list", journal)
}

test_a_custom_deny_speaks_where_scopes_let_the_question_pass if {
	denied := decide(narrowed("ROOT", {"directory"}), "list", journal) with data.custom.admin.freeze.deny as {"release week"}
	denied.reason == "custom_deny"
}

test_a_scope_of_the_operators_own if {
	scopes := {"quota": {"admin": {"namespace": {"update": true, "read": true}}}}
	quota := object.union(lab, {"fields": {"quota": true}})
	every action, asked in {"update": quota, "read": lab} {
		reason := admin.reason with input as {"subject": narrowed("ROOT", {"quota"}), "action": action, "resource": asked}
			with data.identity as identity
			with data.custom.scopes as scopes
		reason == "role"
	}
	beyond := decide(narrowed("ROOT", {"quota"}), "delete", lab) with data.custom.scopes as scopes
	beyond == decided("deny", "scope_missing", "delete", lab)
}

test_a_token_of_a_trusted_issuer_carries_no_scopes_and_is_not_narrowed if {
	decide(guest, "read", lab) == decided("allow", "binding", "read", lab)
}
