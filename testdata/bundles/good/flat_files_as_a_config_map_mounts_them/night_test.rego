package custom.ingress.night_test

import data.custom.ingress.night

test_closed if night.deny == {"closed"} with input.request.host as "closed.example.org"

test_open if night.deny == set() with input.request.host as "hub.example.org"

todo_test_later if false
