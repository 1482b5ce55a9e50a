package custom.ingress.night

deny contains "closed" if input.request.host == "closed.example.org"
