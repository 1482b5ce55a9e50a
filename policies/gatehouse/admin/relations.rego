package gatehouse.admin

import data.gatehouse.lib.binding
import data.gatehouse.lib.subject

# The first of what the subject is to the resource that gives it the action.
relation := [name |
	some name in ["self", "owner", "manager", "holder", "organisation_owner", "team_owner", "member", "account"]
	gives(data.gatehouse.actions[input.resource.kind][name][input.action])
	relations[name]
][0]

granted := reasons[relation]

reasons := {
	"account": "account",
	"self": "self",
	"member": "member",
	"holder": "binding",
	"manager": "binding",
	"owner": "owner",
	"team_owner": "owner",
	"organisation_owner": "owner",
}

# An entry of the table is true, or names the fields that may be changed.
gives(entry) if entry == true

gives(entry) if {
	fields := object.keys(input.resource.fields)
	fields != set()
	fields - object.keys(entry) == set()
}

relations["self"] if {
	subject.account
	input.resource.account == input.subject.id
}

relations["self"] if {
	subject.account
	input.resource.kind == "account"
	input.resource.id == input.subject.id
}

relations["self"] if {
	subject.account
	input.resource.kind == "binding"
	input.resource.principal == concat("", ["account:", input.subject.id])
}

relations["account"] if subject.account

relations["member"] if subject.account.organisations[organisation]

relations["organisation_owner"] if subject.account.organisations[organisation] == "owner"

relations["team_owner"] if subject.account.teams[team] == "owner"

relations["owner"] if binding.owner(namespace)

relations["manager"] if binding.grants(namespace, "manage")

relations["holder"] if binding.grants(namespace, "read")

team := input.resource.id if {
	input.resource.kind == "team"
} else := input.resource.team

# A team that exists says itself which organisation it belongs to.
organisation := input.resource.id if {
	input.resource.kind == "organisation"
} else := data.identity.teams[team].organisation if {
	team
} else := input.resource.organisation if {
	not team
}

namespace := input.resource.id if {
	input.resource.kind == "namespace"
} else := input.resource.namespace
