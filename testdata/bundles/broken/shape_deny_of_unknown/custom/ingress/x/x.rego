package custom.ingress.x

deny contains data.custom.why if input.request.host == "a"
