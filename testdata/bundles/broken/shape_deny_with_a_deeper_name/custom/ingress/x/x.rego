package custom.ingress.x

deny.a contains "x" if input.request.host == "a"
