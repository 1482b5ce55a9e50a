package custom.ingress.x

deny contains "x" if {
	x := io.jwt.encode_sign({"alg": "HS256"}, {}, {"k": "a", "kty": "oct"})
	x != 1
}
