package custom.ingress.x

deny contains "x" if {
	x := rand.intn("x", 10)
	x != 1
}
