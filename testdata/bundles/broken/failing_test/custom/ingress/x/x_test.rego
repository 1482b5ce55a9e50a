package custom.ingress.x_test

test_right if data.custom.ingress.x.deny == {"x"} with input.request.host as "a"

test_wrong if data.custom.ingress.x.deny == {"x"} with input.request.host as "b"
