package custom.ingress.load_test

deny contains "x" if input.request.host == "a"
