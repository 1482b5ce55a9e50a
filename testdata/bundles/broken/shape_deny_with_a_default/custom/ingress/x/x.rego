package custom.ingress.x

default deny := {"x"}
