# METADATA
# title: The row of the routes tables that a request falls under
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.lib.route

row := found.row

# What the parameters of the row's template stand for in this request.
params := {name: input.request.path[i] | some name, i in found.positions} if row

# Of the rows that fit, the one of highest rank, as `prepare` makes it. Two that
# share that rank are an error, and so a denial; the gate refuses such tables
# beforehand.
found := best if {
	fitting := [candidate |
		some candidate in candidates
		array.slice(input.request.path, 0, candidate.literals) == candidate.beginning
		candidate.host in ["", input.request.host]
		fits(candidate.shape, candidate)
	]
	some best in fitting
	best.rank == fitting[0].rank
}
