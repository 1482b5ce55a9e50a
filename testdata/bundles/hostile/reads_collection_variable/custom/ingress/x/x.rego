package custom.ingress.x

deny contains "x" if {
	some collection
	data.identity[collection][input.subject.id]
}
