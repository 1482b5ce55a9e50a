package custom.ingress.x

deny contains "x" if {
	x := json.match_schema({}, {"$ref": "http://127.0.0.1/"})
	x != 1
}
