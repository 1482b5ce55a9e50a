package custom.ingress.x

deny contains "x" if {
	x := data.identity
	x.accounts[input.subject.id].handle == "ada"
}
