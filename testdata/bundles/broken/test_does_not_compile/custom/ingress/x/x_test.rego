package custom.ingress.x_test

test_x if { nothing(1) }
