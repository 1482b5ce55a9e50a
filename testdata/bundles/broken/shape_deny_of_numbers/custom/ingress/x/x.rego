package custom.ingress.x

deny contains 1 if input.request.host == "a"
