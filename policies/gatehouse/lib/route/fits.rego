package gatehouse.lib.route

# Whether a path that begins as the row's template does fits all of it. A
# parameter stands for one segment that is not empty.
fits("below", _)

fits("exact", candidate) if count(input.request.path) == candidate.length

fits("root", _) if input.request.path in [[], [""]]

fits("filled", candidate) if {
	every i in candidate.parameters { input.request.path[i] != "" }
}

fits("mixed", candidate) if {
	every i in candidate.parameters { input.request.path[i] != "" }
	[input.request.path[i] | some i in candidate.later] == candidate.ending
	true in [candidate.rest, count(input.request.path) == candidate.length]
}
