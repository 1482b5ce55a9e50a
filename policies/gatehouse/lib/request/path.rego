package gatehouse.lib.request

import data.gatehouse.lib.route

# Two programs may read such a path differently.
ambiguous if "." in input.request.path

ambiguous if ".." in input.request.path

ambiguous if {
	contains(concat("", input.request.path), "/")
	not route.row.encoded_slash
}

# False where the address is unknown, whatever the range.
client_in(range) if net.cidr_contains(range, input.request.client_ip)
