package custom.ingres.x

deny contains "x" if input.request.host == "a"
