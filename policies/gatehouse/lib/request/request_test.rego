package gatehouse.lib.request_test

import data.gatehouse.lib.request

# P16: a range of IPv4 addresses holds an address however it is written.
test_P16_client_in[note] if {
	some note, tc in {
		"plain": ["10.0.0.1", true],
		"mapped": ["::ffff:10.0.0.1", true],
		"mapped, in full": ["0:0:0:0:0:ffff:0a00:1", true],
		"mapped, in hexadecimal": ["::ffff:a00:1", true],
		"outside": ["11.0.0.1", false],
		"outside, mapped": ["::ffff:11.0.0.1", false],
		"the other family": ["2001:db8::1", false],
		"with a zone, which the server cuts off": ["10.0.0.1%eth0", false],
		"empty": ["", false],
		"no address": ["a", false],
	}
	[ip, want] := tc
	in_range := {true |
		request.client_in("10.0.0.0/8") with input as {"request": {"client_ip": ip}}
	}
	in_range == {true} == want
}

test_P16_an_unknown_address_is_in_no_range if {
	not request.client_in("0.0.0.0/0") with input as {"request": {}}
	not request.client_in("::/0") with input as {"request": {}}
}

asked(path) := {"request": {"path": path, "host": "h", "method": "GET", "websocket": false}}

test_resource[note] if {
	some note, tc in {
		"of a notebook": [["notebook", "ns", "nb"], "nb"],
		"of a person's server": [["user", "ada", "lab", "x"], "ada/lab"],
		"of a row without parameters": [["hub", "home"], "/hub/**"],
	}
	[path, want] := tc
	resource := request.resource with input as asked(path)
	resource == want
}

test_namespace_of_a_path_goes_before_that_of_the_row if {
	rows := {"a": [{"path": "/a/{namespace}", "application": "a", "access": "namespace", "namespace": "fixed"}]}
	namespace := request.namespace with input as asked(["a", "asked"]) with data.custom.routes as rows
	namespace == "asked"
}

test_nothing_is_known_without_a_row if {
	not request.application with input as asked(["nowhere"])
	not request.namespace with input as asked(["nowhere"])
	not request.resource with input as asked(["nowhere"])
}
