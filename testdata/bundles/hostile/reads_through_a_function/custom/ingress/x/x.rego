package custom.ingress.x

import data.custom.lib.p

deny contains "x" if p.named("ada")
