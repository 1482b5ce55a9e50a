package custom.ingress.x

deny if input.request.host == "a"
