package custom.ingress.x_test

test_x if http.send({"method": "GET", "url": "http://127.0.0.1/"}).status_code == 200
