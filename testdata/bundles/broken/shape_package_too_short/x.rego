package custom.ingress

deny contains "x" if input.request.host == "a"
