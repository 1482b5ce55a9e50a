package custom.ingress.x_test

test_x if count(numbers.range(1, 100000000000)) > 0
