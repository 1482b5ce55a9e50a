package gatehouse.lib.route

# Host row before hostless, longest literal prefix, custom before default; then
# the template with most literals, then the longest.
rank(row, own) := [host, strings.count(literal, "/"), own, strings.count(template, "/") - strings.count(template, "/{"), strings.count(row.path, "/")] if {
	template := trim_suffix(row.path, "/**")
	literal := split(template, "/{")[0]
	host := count([1 | row.host])
}

# The segments of a template, without the rest. A path of the root has none.
segments(path) := [segment |
	path != "/"
	some i, segment in split(trim_suffix(path, "/**"), "/")
	i > 0
]

# Which of the questions of `fits` a path has to answer once its beginning fits.
shape(path, positions, later) := "root" if {
	path == "/"
} else := "below" if {
	positions == {}
	endswith(path, "/**")
} else := "exact" if {
	positions == {}
} else := "filled" if {
	later == {}
	endswith(path, "/**")
} else := "mixed"
