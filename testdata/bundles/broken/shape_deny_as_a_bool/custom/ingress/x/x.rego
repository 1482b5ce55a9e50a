package custom.ingress.x

deny := true
