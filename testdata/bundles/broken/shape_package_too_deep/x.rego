package custom.ingress.a.b

deny contains "x" if input.request.host == "a"
