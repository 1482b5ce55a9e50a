package custom.ingress.x

deny contains "x" if {
	some account in data.identity.accounts
	account.handle == "ada"
}
