package custom.lib.hours_test

import data.custom.lib.hours

test_closed if hours.closed("closed.example.org")
