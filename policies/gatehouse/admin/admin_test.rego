package gatehouse.admin_test

import data.gatehouse.admin

# [who, action, resource, reason]; a reason that grants, or the denial.
cases := {
	"oneself is read": ["BOB", "read", {"kind": "account", "id": "BOB"}, "self"],
	"another is not": ["BOB", "read", {"kind": "account", "id": "ADA"}, "not_granted"],
	"oneself is renamed": ["BOB", "update", {"kind": "account", "id": "BOB", "fields": {"name": true}}, "self"],
	"an e-mail is the admins' to give": ["BOB", "update", {"kind": "account", "id": "BOB", "fields": {"name": true, "email": true}}, "not_granted"],
	"an update of everything": ["BOB", "update", {"kind": "account", "id": "BOB"}, "not_granted"],
	"an update of nothing": ["BOB", "update", {"kind": "account", "id": "BOB", "fields": {}}, "not_granted"],
	"an e-mail by an admin": ["ROOT", "update", {"kind": "account", "id": "BOB", "fields": {"email": true}}, "role"],
	"nobody removes themselves": ["BOB", "delete", {"kind": "account", "id": "BOB"}, "not_granted"],
	"one's own password": ["BOB", "update", {"kind": "password", "account": "BOB"}, "self"],
	"another's password": ["BOB", "update", {"kind": "password", "account": "ADA"}, "not_granted"],
	"a token of one's own": ["BOB", "create", {"kind": "token", "account": "BOB"}, "self"],
	"a token of another": ["BOB", "create", {"kind": "token", "account": "ROOT"}, "not_granted"],
	"a token of nobody": ["BOB", "create", {"kind": "token"}, "not_granted"],
	"a token of one's own is revoked": ["BOB", "delete", {"kind": "token", "id": "jti", "account": "BOB"}, "self"],
	"a token of another by an admin": ["ROOT", "create", {"kind": "token", "account": "BOB"}, "not_granted"],
	"a token of a service by an admin": ["ROOT", "create", {"kind": "token", "account": "BOT"}, "role"],
	"a token of a service by nobody else": ["OLGA", "create", {"kind": "token", "account": "BOT"}, "not_granted"],
	"one's own token is named": ["BOB", "update", {"kind": "token", "id": "jti", "account": "BOB", "fields": {"name": true}}, "self"],
	"one's own identities are read": ["BOB", "list", {"kind": "identity", "account": "BOB"}, "self"],
	"and linked by admins alone": ["BOB", "create", {"kind": "identity", "account": "BOB", "issuer": "https://idp"}, "not_granted"],
	"no new account": ["OLGA", "create", {"kind": "account"}, "not_granted"],
	"a new account by an admin": ["ROOT", "create", {"kind": "account"}, "role"],
	"another platform role is no admin's": ["AUDITOR", "create", {"kind": "account"}, "not_granted"],
	"a platform role by an admin": ["ROOT", "create", {"kind": "platform_role", "account": "BOB", "role": "admin"}, "role"],
	"a platform role by oneself": ["BOB", "create", {"kind": "platform_role", "account": "BOB", "role": "admin"}, "not_granted"],
	"an organisation is read by its members": ["NIA", "read", {"kind": "organisation", "id": "ACME"}, "member"],
	"and by no stranger": ["BOB", "read", {"kind": "organisation", "id": "ACME"}, "not_granted"],
	"it is renamed by its owners": ["OLGA", "update", {"kind": "organisation", "id": "ACME", "fields": {"name": true}}, "owner"],
	"its members do not rename it": ["TOM", "update", {"kind": "organisation", "id": "ACME", "fields": {"name": true}}, "not_granted"],
	"its owners do not remove it": ["OLGA", "delete", {"kind": "organisation", "id": "ACME"}, "not_granted"],
	"its members are added by its owners": ["OLGA", "create", {"kind": "organisation_member", "organisation": "ACME", "account": "BOB"}, "owner"],
	"its members add none": ["TOM", "create", {"kind": "organisation_member", "organisation": "ACME", "account": "BOB"}, "not_granted"],
	"not by an owner of another": ["OLGA", "create", {"kind": "organisation_member", "organisation": "OTHER", "account": "BOB"}, "not_granted"],
	"a member leaves": ["NIA", "delete", {"kind": "organisation_member", "organisation": "ACME", "account": "NIA"}, "self"],
	"a member does not make another leave": ["NIA", "delete", {"kind": "organisation_member", "organisation": "ACME", "account": "MIA"}, "not_granted"],
	"a team is made by the organisation's owners": ["OLGA", "create", {"kind": "team", "organisation": "ACME"}, "owner"],
	"not by a team's owner": ["TOM", "create", {"kind": "team", "organisation": "ACME"}, "not_granted"],
	"a team is renamed by its owner": ["TOM", "update", {"kind": "team", "id": "ML", "fields": {"name": true}}, "owner"],
	"not another team": ["TOM", "update", {"kind": "team", "id": "OPS", "fields": {"name": true}}, "not_granted"],
	"nor by its members": ["MIA", "update", {"kind": "team", "id": "ML", "fields": {"name": true}}, "not_granted"],
	"a team says itself whose it is": ["OLGA", "delete", {"kind": "team", "id": "FOREIGN", "organisation": "ACME"}, "not_granted"],
	"a team that is not there is nobody's": ["OLGA", "delete", {"kind": "team", "id": "GONE", "organisation": "ACME"}, "not_granted"],
	"a team's members are added by its owner": ["TOM", "create", {"kind": "team_member", "team": "ML", "account": "NIA"}, "owner"],
	"those of another are not": ["TOM", "create", {"kind": "team_member", "team": "OPS", "account": "NIA"}, "not_granted"],
	"by the organisation's owner they are": ["OLGA", "create", {"kind": "team_member", "team": "OPS", "account": "NIA"}, "owner"],
	"a team's members are listed by the organisation's": ["NIA", "list", {"kind": "team_member", "team": "ML"}, "member"],
	"a namespace is read by who has a part in it": ["VIC", "read", {"kind": "namespace", "id": "lab"}, "binding"],
	"through a team": ["MIA", "read", {"kind": "namespace", "id": "lab"}, "binding"],
	"and by nobody without a part": ["BOB", "read", {"kind": "namespace", "id": "lab"}, "not_granted"],
	"it is removed by its owner": ["ADA", "delete", {"kind": "namespace", "id": "lab"}, "owner"],
	"not by its admins": ["ANN", "delete", {"kind": "namespace", "id": "lab"}, "not_granted"],
	"its labels are the owner's": ["ADA", "update", {"kind": "namespace", "id": "lab", "fields": {"labels": true}}, "owner"],
	"its quota is not": ["ADA", "update", {"kind": "namespace", "id": "lab", "fields": {"quota": true}}, "not_granted"],
	"no new namespace": ["ADA", "create", {"kind": "namespace", "id": "new"}, "not_granted"],
	"one's own namespaces are listed": ["BOB", "list", {"kind": "namespace", "account": "BOB"}, "self"],
	"all of them are not": ["BOB", "list", {"kind": "namespace"}, "not_granted"],
	"a binding is made by the owner": ["ADA", "create", {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "edit"}, "binding"],
	"and by an admin of the namespace": ["ANN", "create", {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "edit"}, "binding"],
	"not by an editor": ["MIA", "create", {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "view"}, "not_granted"],
	"not for oneself": ["BOB", "create", {"kind": "binding", "namespace": "lab", "principal": "account:BOB", "role": "view"}, "not_granted"],
	"one's own is given back": ["VIC", "delete", {"kind": "binding", "namespace": "lab", "principal": "account:VIC"}, "self"],
	"another's is not": ["VIC", "delete", {"kind": "binding", "namespace": "lab", "principal": "account:ANN"}, "not_granted"],
	"nor the team's": ["TOM", "delete", {"kind": "binding", "namespace": "lab", "principal": "team:ML"}, "not_granted"],
	"bindings are listed by viewers": ["VIC", "list", {"kind": "binding", "namespace": "lab"}, "binding"],
	"policies are the admins'": ["ROOT", "update", {"kind": "policy"}, "role"],
	"and nobody else's": ["OLGA", "read", {"kind": "policy"}, "not_granted"],
	"the journal is the admins'": ["ROOT", "list", {"kind": "journal"}, "role"],
	"the documentation is read by who has an account": ["BOB", "read", {"kind": "documentation"}, "account"],
	"an import is the admins'": ["ROOT", "create", {"kind": "import"}, "role"],
	"and nobody else's import": ["OLGA", "create", {"kind": "import"}, "not_granted"],
	"what nobody knows is not even the admins'": ["ROOT", "read", {"kind": "moon"}, "unknown_action"],
	"a disabled admin": ["DEE", "read", {"kind": "journal"}, "account_disabled"],
	"an account without a document": ["GONE", "read", {"kind": "account", "id": "GONE"}, "unknown_account"],
}

test_cases[note] if {
	some note, tc in cases
	[id, action, resource, reason] := tc
	decide(subject(id), action, resource) == decided(effect(reason), reason, action, resource)
}

test_an_anonymous_subject_signs_in if {
	resource := {"kind": "account", "id": ""}
	decide(anonymous, "read", resource) == decided("login", "not_signed_in", "read", resource)
}

test_an_external_identity_has_what_its_groups_have if {
	resource := {"kind": "namespace", "id": "lab"}
	decide(guest, "read", resource) == decided("allow", "binding", "read", resource)
	decide(guest, "delete", resource) == decided("deny", "not_granted", "delete", resource)
	itself := {"kind": "account", "id": guest.id}
	decide(guest, "read", itself) == decided("deny", "not_granted", "read", itself)
}

test_every_entry_of_the_table_is_asked_for if {
	every _, relations in data.gatehouse.actions {
		every relation, actions in relations {
			admin.reasons[relation]
			every action, entry in actions {
				action in {"list", "read", "create", "update", "delete"}
				usable(entry)
			}
		}
	}
}

usable(true)

usable(entry) if {
	count(entry) > 0
	every _, value in entry { value == true }
}

journal := {"kind": "journal"}

by(name, why) := {"rule": concat("", ["custom.admin.", name]), "why": why}

test_a_personal_token_makes_no_others if {
	some id in ["BOB", "ROOT"]
	who := object.union(subject(id), {"token": {"kind": "personal", "jti": "j", "issuer": "i", "scopes": {}}})
	resource := {"kind": "token", "account": "BOT"}
	decide(who, "create", resource) == decided("deny", "not_granted", "create", resource)
}

test_a_custom_deny_binds_admins_too if {
	got := decide(subject("ROOT"), "list", journal) with data.custom.admin.freeze.deny as {"release week"}
	got == {"effect": "deny", "reason": "custom_deny", "labels": object.union(labels("list", journal), by("freeze", "release week"))}
}

test_a_custom_allow_counts_where_configuration_opens_it if {
	rules := {"audit": {"allow": {"auditors read"}}}
	opened := decide(subject("AUDITOR"), "list", journal) with data.custom.admin as rules with data.gatehouse.settings.custom_allow as {"admin": true}
	opened == {"effect": "allow", "reason": "custom_allow", "labels": object.union(labels("list", journal), by("audit", "auditors read"))}
	closed := decide(subject("AUDITOR"), "list", journal) with data.custom.admin as rules with data.gatehouse.settings.custom_allow as {"ingress": true}
	closed == decided("deny", "not_granted", "list", journal)
}
