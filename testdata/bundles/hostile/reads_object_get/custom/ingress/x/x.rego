package custom.ingress.x

deny contains "x" if {
	object.get(data.identity.accounts, input.subject.id, {}) == {}
}
