package custom.ingress.x

f(x) := 1

deny contains "x" if f({"method": "GET", "url": "http://127.0.0.1/"}) != 2 with data.custom.ingress.x.f as http.send
