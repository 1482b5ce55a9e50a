package custom.ingress.x

deny contains "x" if {
