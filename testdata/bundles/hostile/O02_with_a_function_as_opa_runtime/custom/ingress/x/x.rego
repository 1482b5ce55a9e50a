package custom.ingress.x

f(x) := time.now_ns() + x

deny contains "x" if f(1) != 2 with time.now_ns as opa.runtime
