package custom.ingress.x

deny contains "x" if {
	x := uuid.rfc4122("x")
	x != 1
}
