# METADATA
# title: The row of the routes tables that a request falls under
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.lib.route

# Of several rows that fit, the one of highest rank. Two of the same rank are
# an error, and so a denial; the gate refuses such tables beforehand.
row := only if {
	count(fitting) == 1
	some [_, only] in fitting
} else := ranked[max(object.keys(ranked))]

# Host row before hostless, longest literal prefix, custom before default; then
# the template with most literals, then the longest.
ranked[rank] := candidate if {
	some [custom, candidate] in fitting
	template := trim_suffix(candidate.path, "/**")
	literal := split(template, "/{")[0]
	host := count([1 | candidate.host])
	rank := [host, strings.count(literal, "/"), custom, strings.count(template, "/") - strings.count(template, "/{"), strings.count(candidate.path, "/")]
}
