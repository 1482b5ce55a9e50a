package custom.ingress.x

deny contains "x" if {
	x := opa.runtime()
	x != 1
}
