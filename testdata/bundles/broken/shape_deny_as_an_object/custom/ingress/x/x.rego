package custom.ingress.x

deny["x"] := "y" if input.request.host == "a"
