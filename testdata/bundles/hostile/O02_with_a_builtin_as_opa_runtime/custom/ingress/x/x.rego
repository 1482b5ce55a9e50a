package custom.ingress.x

deny contains "x" if time.now_ns() != 2 with time.now_ns as opa.runtime
