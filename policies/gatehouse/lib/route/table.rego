package gatehouse.lib.route

# The rows to try, the one of highest rank first. The server works `table` out
# when it loads policies and keeps it as data.gatehouse.derived.routes. Where
# that is missing, as in tests, rows are prepared when they are asked for.
candidates := rows if {
	rows := data.gatehouse.derived.routes[input.request.path[0]]
} else := rows if {
	rows := data.gatehouse.derived.routes[first]
} else := rows if {
	rows := data.gatehouse.derived.routes["**"]
} else := ordered(first)

first := "" if input.request.path == []

else := input.request.path[0]

table[key] := ordered(key) if some key in object.keys(object.union(data.gatehouse.routes, added))

table["**"] := ordered("**")

# The rows of the operator.
default added := {}

added := data.custom.routes

ordered(key) := array.reverse([candidate |
	some [_, candidate] in {[candidate.rank, candidate] |
		some place in {key, "**"}
		some candidate in prepared(place)
	}
])

prepared(place) := {candidate |
	some own, rows in [data.gatehouse.routes, added]
	some row in rows[place]
	candidate := prepare(row, own)
}
