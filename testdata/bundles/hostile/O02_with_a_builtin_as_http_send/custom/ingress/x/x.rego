package custom.ingress.x

deny contains "x" if object.keys({"method": "GET", "url": "http://127.0.0.1/"}) != 2 with object.keys as http.send
