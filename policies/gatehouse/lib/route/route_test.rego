package gatehouse.lib.route_test

import data.gatehouse.lib.route

row_of(path, host, default_rows, custom_rows) := found if {
	found := {r.application |
		r := route.row with input as {"request": {"path": path, "host": host}}
			with data.gatehouse.routes as default_rows
			with data.custom.routes as custom_rows
	}
}

row(path) := {"path": path, "application": path, "access": "account"}

test_templates[note] if {
	some note, tc in {
		"literal": ["/a/b", ["a", "b"], true],
		"literal, too short": ["/a/b", ["a"], false],
		"literal, too long": ["/a/b", ["a", "b", "c"], false],
		"literal, trailing slash": ["/a/b", ["a", "b", ""], false],
		"literal with a trailing slash": ["/a/b/", ["a", "b", ""], true],
		"literal with a trailing slash that is missing": ["/a/b/", ["a", "b"], false],
		"rest, nothing left": ["/a/**", ["a"], true],
		"rest, a trailing slash": ["/a/**", ["a", ""], true],
		"rest, more": ["/a/**", ["a", "b", "c"], true],
		"rest is no prefix of a segment": ["/a/**", ["ab"], false],
		"parameter": ["/a/{x}", ["a", "b"], true],
		"parameter is not empty": ["/a/{x}", ["a", ""], false],
		"parameter is not missing": ["/a/{x}", ["a"], false],
		"parameter is one segment": ["/a/{x}", ["a", "b", "c"], false],
		"parameter and rest": ["/a/{x}/**", ["a", "b", "c"], true],
		"parameter is not empty before a rest": ["/a/{x}/**", ["a", ""], false],
		"literal after a parameter": ["/a/{x}/b/**", ["a", "z", "b", "c"], true],
		"another literal after a parameter": ["/a/{x}/b/**", ["a", "z", "c", "c"], false],
		"a parameter's own name is a value like others": ["/a/{x}/{y}", ["a", "{y}", "{x}"], true],
		"a slash within a segment is no separator": ["/a/{x}/b", ["a", "z/b"], false],
		"nor makes up for a segment": ["/a/{x}/b", ["a", "z/b", "b"], true],
		"nor in a literal's place": ["/a/b/c", ["a", "b/c", "c"], false],
		"nor before a rest": ["/a/{x}/b/c/**", ["a", "z", "b/c"], false],
		"nor in the first place": ["/a/b/**", ["a/b"], false],
	}
	[path, asked, want] := tc
	row_of(asked, "h", {"a": [row(path)]}, {}) == {path} == want
}

test_rows_of_any_first_segment[note] if {
	some note, tc in {
		"the root": ["/**", [], true],
		"everything": ["/**", ["x", "y"], true],
		"a parameter first": ["/{x}/b", ["a", "b"], true],
		"a parameter first, another path": ["/{x}/b", ["a", "c"], false],
		"a parameter first, the root": ["/{x}", [], false],
	}
	[path, asked, want] := tc
	row_of(asked, "h", {}, {"**": [row(path)]}) == {path} == want
	row_of(asked, "h", {"**": [row(path)]}, {}) == {path} == want
}

test_the_root_has_a_key_of_its_own if {
	row_of([], "h", {"": [row("/")]}, {}) == {"/"}
	row_of([""], "h", {"": [row("/")]}, {}) == {"/"}
	row_of(["x"], "h", {"": [row("/")]}, {}) == set()
	row_of(["", "x"], "h", {"": [row("/")]}, {}) == set()
	row_of(["", ""], "h", {"": [row("/")]}, {}) == set()
}

named(name, path) := {"path": path, "application": name, "access": "account"}

hosted(name, path) := object.union(named(name, path), {"host": "h"})

test_order[note] if {
	some note, tc in {
		"host before a longer prefix": [{"a": [named("long", "/a/b/c"), hosted("host", "/a/**")]}, {}, {"host"}],
		"longest literal prefix": [{"a": [named("short", "/a/**"), named("long", "/a/b/**"), named("param", "/a/{x}/c")]}, {}, {"long"}],
		"custom before default": [{"a": [named("default", "/a/b/**")]}, {"a": [named("custom", "/a/b/**")]}, {"custom"}],
		"a longer default before custom": [{"a": [named("default", "/a/b/**")]}, {"a": [named("custom", "/a/**")]}, {"default"}],
		"custom for a host before all": [{"a": [named("default", "/a/b/c")]}, {"**": [hosted("custom", "/**")]}, {"custom"}],
		"most literals": [{"a": [named("params", "/a/{x}/{y}"), named("literal", "/a/{x}/c")]}, {}, {"literal"}],
		"longest": [{"a": [named("short", "/a/{x}/**"), named("long", "/a/{x}/{y}/**")]}, {}, {"long"}],
		"none": [{"b": [named("other", "/b/**")]}, {}, set()],
	}
	[default_rows, custom_rows, want] := tc
	row_of(["a", "b", "c"], "h", default_rows, custom_rows) == want
}

test_a_host_is_matched_whole if {
	rows := {"a": [hosted("host", "/a/**")]}
	row_of(["a"], "h", rows, {}) == {"host"}
	row_of(["a"], "hh", rows, {}) == set()
	row_of(["a"], "", rows, {}) == set()
}

test_params if {
	params := route.params with input as {"request": {"path": ["a", "ns", "b", "nb", "rest"], "host": "h"}}
		with data.gatehouse.routes as {"a": [row("/a/{namespace}/b/{name}/**")]}
	params == {"{namespace}": "ns", "{name}": "nb"}
}

test_there_are_no_params_without_a_row if {
	not route.params with input as {"request": {"path": ["nowhere"], "host": "h"}}
}

# What the server keeps is what would be worked out for the key.
test_the_table_has_the_rows_of_every_key[note] if {
	rows := {"a": [row("/a/**")], "**": [row("/{x}/b")]}
	table := route.table with data.gatehouse.routes as rows with data.custom.routes as {"c": [row("/c")]}
	some note, tc in {
		"of the defaults": ["a", ["/a/**", "/{x}/b"]],
		"of the operator": ["c", ["/c", "/{x}/b"]],
		"of any": ["**", ["/{x}/b"]],
	}
	[key, want] := tc
	[candidate.row.path | some candidate in table[key]] == want
}

test_the_table_has_an_entry_for_paths_of_no_key if {
	table := route.table with data.gatehouse.routes as {"a": [row("/a/**")]} with data.custom.routes as {}
	table["**"] == []
}

test_a_kept_table_gives_the_row[note] if {
	table := route.table
	some note, tc in {
		"by its key": [["hub", "health"], "/hub/health"],
		"of the root": [[], "/"],
		"of any first segment": [["x", "y"], "/{a}/y"],
	}
	[path, want] := tc
	any_row := route.ordered("**") with data.custom.routes as {"**": [row("/{a}/y")]}
	kept := object.union(table, {"**": any_row})
	found := route.row with input as {"request": {"path": path, "host": "h"}}
		with data.gatehouse.derived.routes as kept
	found.path == want
}
