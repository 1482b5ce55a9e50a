package custom.ingress.x

deny contains "x" if {
	x := graph.reachable_paths({"a": ["b"]}, {"a"})
	x != 1
}
