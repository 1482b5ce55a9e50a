package custom.ingress.x

deny contains "x" if {
	walk(data.identity.namespaces, [_, "view"])
}
