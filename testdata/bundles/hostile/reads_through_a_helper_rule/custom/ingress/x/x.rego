package custom.ingress.x

handles contains data.identity.accounts[_].handle

deny contains "x" if "ada" in handles
