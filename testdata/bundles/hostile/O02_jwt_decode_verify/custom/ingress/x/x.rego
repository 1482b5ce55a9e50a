package custom.ingress.x

deny contains "x" if {
	x := io.jwt.decode_verify("a", {"secret": "x"})
	x != 1
}
