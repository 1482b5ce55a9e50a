package gatehouse.lib.route

# What is asked of a row, worked out beforehand: how its template begins, where
# in a path its parameters are and which literals follow the first of them, what
# the row says about access, and its rank.
prepare(row, own) := {
	"row": row,
	"rank": rank(row, own),
	"host": object.get(row, "host", ""),
	"class": split(object.get(row, "access", ""), ":")[0],
	"verbs": object.remove(verbs, ["WEBSOCKET"]),
	"handshake": verbs.WEBSOCKET,
	"labels": object.filter(row, ["application", "audience"]),
	"placed": object.filter(object.union(row, positions), ["namespace", "{namespace}", "{deployment}"]) != {},
	"beginning": beginning,
	"literals": count(beginning),
	"positions": positions,
	"parameters": [i | some i in positions],
	"named": [i | some name, i in positions; name != "{namespace}"],
	"later": [i | some i, _ in later],
	"ending": [segment | some segment in later],
	"length": count(template),
	"rest": endswith(row.path, "/**"),
	"shape": shape(row.path, positions, later),
} if {
	template := segments(row.path)
	positions := {segment: i | some i, segment in template; startswith(segment, "{")}
	beginning := array.slice(template, 0, min({i | some i in positions} | {count(template)}))
	later := {i: segment | some i, segment in template; i > count(beginning); not startswith(segment, "{")}
	verbs := object.union(data.gatehouse.methods, object.get(row, "verbs", {}))
}
