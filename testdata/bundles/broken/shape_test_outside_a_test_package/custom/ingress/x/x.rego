package custom.ingress.x

deny contains "x" if input.request.host == "a"

test_x if deny == set()
