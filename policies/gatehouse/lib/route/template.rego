package gatehouse.lib.route

# What the parameters of the row's template stand for in this request.
params := filled(row.path)

# A template fits when the path reads the same once its parameters are filled
# in. Both sides then have the same number of segments, so that a slash inside
# one of them cannot make up for another segment.
fits(candidate) if {
	template := trim_suffix(candidate.path, "/**")
	startswith(concat("/", path), split(template, "/{")[0])
	object.get(candidate, "host", input.request.host) == input.request.host
	length := strings.count(template, "/") + 1
	true in [count(path) == length, template != candidate.path]
	values := filled(candidate.path)
	not "" in values
	strings.replace_n(values, template) == concat("/", array.slice(path, 0, length))
}

filled(template) := {name: path[i] |
	some i, name in split(template, "/")
	startswith(name, "{")
}

# An empty segment in front, as a template's leading slash makes one.
path := ["", ""] if input.request.path == []

else := array.concat([""], input.request.path)
