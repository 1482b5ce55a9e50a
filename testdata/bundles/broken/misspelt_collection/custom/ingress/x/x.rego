package custom.ingress.x

deny contains "x" if { data.identity.acounts[input.subject.id].handle == "ada" }
