package custom.ingress.hours

import data.custom.lib.hours

deny contains sprintf("%s is closed", [input.request.host]) if hours.closed(input.request.host)
