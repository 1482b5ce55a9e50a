package custom.ingress.x

deny contains "x" if input.request.host == "a" with net.lookup_ip_addr as {}
