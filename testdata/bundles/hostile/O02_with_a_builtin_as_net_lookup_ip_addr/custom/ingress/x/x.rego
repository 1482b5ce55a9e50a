package custom.ingress.x

deny contains "x" if upper("example.org") != 2 with upper as net.lookup_ip_addr
