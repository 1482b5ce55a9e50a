package custom.ingress.x

deny contains "x" if split("x.rego", "package x") != 2 with split as rego.parse_module
