package custom.ingress.x

deny contains "x" if { data.identity.namespaces.lab.bindings["account:u1"].rol == "view" }
