package custom.ingress.x

deny := {"x"}
