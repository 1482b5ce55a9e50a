package custom.ingress.x

deny contains why if {
	account := data.identity.accounts[input.subject.id]
	some team, _ in account.teams
	data.identity.teams[team].handle == "visitors"
	not data.identity.namespaces.lab.labels.visitors
	every principal, _ in data.identity.namespaces[input.request.path[1]].owners {
		principal != ""
	}
	names := [name | some uid in ["u1", "u2"]; name := data.identity.accounts[uid].name]
	why := sprintf("visitors: %v at %d", [names, data.identity.meta.revision])
}
