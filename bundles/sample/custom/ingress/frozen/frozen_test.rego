package custom.ingress.frozen_test

import data.custom.ingress.frozen

identity := {"namespaces": {
	"lab": {"labels": {"frozen": "true"}},
	"workshop": {"labels": {}},
}}

asked(method, namespace) := {"request": {
	"method": method,
	"scheme": "https",
	"host": "hub.example.org",
	"path": ["notebook", namespace, "alpha", "api", "contents"],
	"websocket": false,
}}

test_a_write_in_a_frozen_namespace_is_denied if {
	frozen.deny == {"namespace lab is frozen"} with input as asked("POST", "lab")
		with data.identity as identity
}

test_a_read_in_a_frozen_namespace_is_left_alone if {
	frozen.deny == set() with input as asked("GET", "lab") with data.identity as identity
}

test_a_write_in_another_namespace_is_left_alone if {
	frozen.deny == set() with input as asked("POST", "workshop") with data.identity as identity
}
