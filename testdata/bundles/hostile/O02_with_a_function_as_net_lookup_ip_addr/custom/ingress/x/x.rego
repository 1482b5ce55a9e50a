package custom.ingress.x

f(x) := 1

deny contains "x" if f("example.org") != 2 with data.custom.ingress.x.f as net.lookup_ip_addr
