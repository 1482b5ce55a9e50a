package custom.x

deny contains "x" if input.request.host == "a"
