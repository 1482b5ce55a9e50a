package custom.ingress.x

deny contains "x" if {
	some uid
	data.identity.accounts[uid].handle == "ada"
}
