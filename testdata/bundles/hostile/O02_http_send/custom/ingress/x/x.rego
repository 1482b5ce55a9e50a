package custom.ingress.x

deny contains "x" if {
	x := http.send({"method": "GET", "url": "http://127.0.0.1/"})
	x != 1
}
