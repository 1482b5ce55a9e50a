package custom.ingress.x

deny contains "x" if { data.custom.lib.hours.closed("a") }
