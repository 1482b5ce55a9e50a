package gatehouse.ingress_test

test_x if true
