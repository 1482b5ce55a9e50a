package custom.ingress.x

deny contains "x" if {
	every _, a in data.identity.accounts {
		a.handle != "ada"
	}
}
