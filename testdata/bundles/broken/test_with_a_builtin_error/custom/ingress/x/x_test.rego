package custom.ingress.x_test

test_x if not to_number("x") == 1
