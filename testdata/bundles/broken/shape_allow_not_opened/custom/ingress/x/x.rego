package custom.ingress.x

allow contains "x" if input.request.host == "a"
