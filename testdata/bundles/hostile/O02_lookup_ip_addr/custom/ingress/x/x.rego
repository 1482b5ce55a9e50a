package custom.ingress.x

deny contains "x" if {
	x := net.lookup_ip_addr("example.org")
	x != 1
}
