package custom.ingress.x

deny contains "x" if {
	y := 1
}
