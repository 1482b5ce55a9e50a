package custom.ingress.x

deny contains "x" if {
	x := strings.render_template("{{.}}", {})
	x != 1
}
