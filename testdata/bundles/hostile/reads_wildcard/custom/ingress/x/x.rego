package custom.ingress.x

deny contains "x" if {
	data.identity.accounts[_].handle == "ada"
}
