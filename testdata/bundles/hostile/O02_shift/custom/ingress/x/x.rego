package custom.ingress.x

deny contains "x" if {
	x := bits.lsh(1, 40000000000)
	x != 1
}
