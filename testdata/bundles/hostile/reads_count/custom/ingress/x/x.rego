package custom.ingress.x

deny contains "x" if {
	count(data.identity.accounts) > 10
}
