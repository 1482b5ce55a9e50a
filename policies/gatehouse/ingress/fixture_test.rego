package gatehouse.ingress_test

import data.gatehouse.ingress

# ada owns research and her own namespace ada; team ml of organisation acme
# holds edit, vic view, rio a custom role, gus (through group guests) view in
# research; dee is disabled, ivy invited; olga owns acme, which owns shared.
accounts := {
	"ADA": person("ada", {}),
	"EVE": object.union(person("eve", {}), {"teams": {"ML": "member", "OPS": "owner"}, "organisations": {"ACME": "member"}}),
	"VIC": person("vic", {}),
	"RIO": person("rio", {}),
	"BOB": person("bob", {}),
	"ROOT": person("root", {"admin": true}),
	"DEE": object.union(person("dee", {"admin": true}), {"state": "disabled"}),
	"IVY": {"kind": "person", "state": "invited", "email": "ivy@x.org", "roles": {}, "teams": {}, "organisations": {}},
	"OLGA": object.union(person("olga", {}), {"organisations": {"ACME": "owner"}}),
	"ACME": object.union(person("acme", {}), {"kind": "organisation"}),
}

person(handle, roles) := {
	"handle": handle, "kind": "person", "state": "active",
	"roles": roles, "teams": {}, "organisations": {},
}

namespaces := {
	"research": {
		"owners": {"account:ADA": true},
		"labels": {},
		"bindings": {
			"team:ML": {"role": "edit"},
			"account:VIC": {"role": "view"},
			"account:RIO": {"role": "runner"},
			"account:IVY": {"role": "edit"},
			"account:DEE": {"role": "admin"},
			"group:guests": {"role": "view"},
		},
	},
	"shared": {"owners": {"account:ACME": true}, "labels": {}, "bindings": {}},
	"ada": {
		"owners": {"account:ADA": true},
		"labels": {},
		"bindings": {"account:VIC": {"role": "view"}, "account:EVE": {"role": "edit"}},
	},
	# Bears bob's handle, but eve is who owns it.
	"bob": {"owners": {"account:EVE": true}, "labels": {}, "bindings": {"account:VIC": {"role": "admin"}}},
}

identity := {"accounts": accounts, "teams": {}, "namespaces": namespaces, "meta": {"revision": 1}}

no_token := {"kind": "", "jti": "", "issuer": "", "scopes": {}}

account(id) := {"id": id, "kind": "account", "groups": {}, "token": no_token}

anonymous := {"id": "", "kind": "anonymous", "groups": {}, "token": no_token}

external(groups) := {"id": "https://idp|42", "kind": "external", "groups": groups, "token": no_token}

request(method, path) := {
	"method": method, "scheme": "https", "host": "app.test", "path": path,
	"query": {}, "websocket": false, "headers": {},
}

handshake(path) := object.union(request("GET", path), {"websocket": true})

decide(subject, asked) := decide_with(subject, asked, identity)

decide_with(subject, asked, documents) := decision if {
	decision := ingress.decision with input as {"subject": subject, "request": asked}
		with data.identity as documents
}

# The same directory with one more binding in research.
lent(principal, binding) := object.union(identity, {"namespaces": {"research": {"bindings": {principal: binding}}}})

notebook := ["notebook", "research", "nb1", "api", "contents"]

of_notebook(verb) := {"application": "notebook", "namespace": "research", "resource": "nb1", "verb": verb}

decided(effect, reason, labels) := {"effect": effect, "reason": reason, "labels": labels}
