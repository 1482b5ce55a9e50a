package custom.ingress.x

deny contains "x" if {
	not data.identity.accounts == {}
}
