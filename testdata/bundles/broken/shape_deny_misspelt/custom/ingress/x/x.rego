package custom.ingress.x

dney contains "x" if input.request.host == "a"
