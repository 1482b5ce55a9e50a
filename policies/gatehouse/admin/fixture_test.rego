package gatehouse.admin_test

import data.gatehouse.admin

# olga owns acme with the teams ml (owned by tom) and ops; mia is a member of
# both; nia is in the organisation only. ada owns lab, ann has role admin in it,
# vic role view, tom's team and the service bot role edit.
accounts := {
	"ROOT": person({"admin": true}, {}, {}),
	"AUDITOR": person({"auditor": true}, {}, {}),
	"OLGA": person({}, {}, {"ACME": "owner"}),
	"TOM": person({}, {"ML": "owner"}, {"ACME": "member"}),
	"MIA": person({}, {"ML": "member", "OPS": "member"}, {"ACME": "member"}),
	"NIA": person({}, {}, {"ACME": "member"}),
	"ADA": person({}, {}, {}),
	"ANN": person({}, {}, {}),
	"VIC": person({}, {}, {}),
	"BOB": person({}, {}, {}),
	"BOT": object.union(person({}, {}, {}), {"kind": "service"}),
	"DEE": object.union(person({"admin": true}, {}, {}), {"state": "disabled"}),
}

person(roles, teams, organisations) := {
	"kind": "person", "state": "active",
	"roles": roles, "teams": teams, "organisations": organisations,
}

identity := {
	"accounts": accounts,
	"teams": {
		"ML": {"handle": "ml", "organisation": "ACME"},
		"OPS": {"handle": "ops", "organisation": "ACME"},
		"FOREIGN": {"handle": "ml", "organisation": "OTHER"},
	},
	"namespaces": {"lab": {"owners": {"account:ADA": true}, "labels": {}, "bindings": {
		"account:ANN": {"role": "admin"},
		"account:VIC": {"role": "view"},
		"account:BOT": {"role": "edit"},
		"team:ML": {"role": "edit"},
		"group:guests": {"role": "view"},
	}}},
}

subject(id) := {"id": id, "kind": "account", "groups": {}, "token": {"kind": "access", "jti": "", "issuer": "", "scopes": {}}}

narrowed(id, scopes) := object.union(subject(id), {"token": {"kind": "personal", "scopes": {name: true | some name in scopes}}})

anonymous := object.union(subject(""), {"kind": "anonymous"})

guest := object.union(subject("https://idp|42"), {"kind": "external", "groups": {"guests": true}})

decide(who, action, resource) := decision if {
	decision := admin.decision with input as {"subject": who, "action": action, "resource": resource}
		with data.identity as identity
}

labels(action, resource) := object.union(
	{"application": "gatehouse", "resource": resource.kind, "verb": action},
	namespace_of(resource),
)

namespace_of(resource) := {"namespace": resource.id} if {
	resource.kind == "namespace"
	resource.id
} else := object.filter(resource, ["namespace"])

decided(effect, reason, action, resource) := {"effect": effect, "reason": reason, "labels": labels(action, resource)}

granted := {"account", "self", "member", "owner", "binding", "role"}

effect("not_signed_in") := "login"

effect(reason) := "allow" if reason in granted

effect(reason) := "deny" if not reason in (granted | {"not_signed_in"})
