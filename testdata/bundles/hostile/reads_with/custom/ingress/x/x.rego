package custom.ingress.x

deny contains "x" if {
	data.custom.x == 1 with data.custom.x as data.identity.accounts
}
