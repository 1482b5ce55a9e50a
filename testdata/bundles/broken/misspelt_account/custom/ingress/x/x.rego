package custom.ingress.x

deny contains "x" if { data.identity.accounts[input.subject.id].handel == "ada" }
