package gatehouse.lib.route

# The rows that fit, those of the operator marked 1.
fitting contains [0, candidate] if {
	some candidate in data.gatehouse.routes[first]
	fits(candidate)
}

fitting contains [0, candidate] if {
	some candidate in data.gatehouse.routes["**"]
	fits(candidate)
}

fitting contains [1, candidate] if {
	some candidate in data.custom.routes[first]
	fits(candidate)
}

fitting contains [1, candidate] if {
	some candidate in data.custom.routes["**"]
	fits(candidate)
}
