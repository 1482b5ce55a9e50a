package custom.ingress.x

deny contains "x" if {
	people := data.identity.accounts
	people[input.subject.id].handle == "ada"
}
