package custom.ingress.x

deny contains "x" if {
	x := json.patch({}, [])
	x != 1
}
