package custom.ingress.x

f(x, y) := 1

deny contains "x" if f("x.rego", "package x") != 2 with data.custom.ingress.x.f as rego.parse_module
