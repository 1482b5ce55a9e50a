package gatehouse.lib.route

# The rows that fit, those of the operator marked 1.
fitting contains [0, candidate] if {
	some candidate in data.gatehouse.routes[path[1]]
	fits(candidate)
}

fitting contains [0, candidate] if {
	some candidate in data.gatehouse.routes["**"]
	fits(candidate)
}

fitting contains [1, candidate] if {
	some candidate in data.custom.routes[path[1]]
	fits(candidate)
}

fitting contains [1, candidate] if {
	some candidate in data.custom.routes["**"]
	fits(candidate)
}
