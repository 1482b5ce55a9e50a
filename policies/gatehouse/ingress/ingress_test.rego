package gatehouse.ingress_test

labels_of_dashboard := {"application": "dashboard", "resource": "/", "verb": "read"}

test_refused_before_anything_else[note] if {
	some note, tc in {
		"a disabled account, though bound": ["DEE", notebook, "account_disabled", of_notebook("read")],
		"a disabled account, on a public path": ["DEE", ["hub", "health"], "account_disabled", {"application": "jupyterhub", "resource": "/hub/health", "verb": "read"}],
		"an account without a document": ["NOBODY", notebook, "unknown_account", of_notebook("read")],
		"an account without a document, on a public path": ["NOBODY", ["hub", "health"], "unknown_account", {"application": "jupyterhub", "resource": "/hub/health", "verb": "read"}],
		"an account without an id": ["", notebook, "unknown_account", of_notebook("read")],
		"where no row is": ["DEE", ["nowhere"], "account_disabled", {}],
	}
	[id, path, reason, labels] := tc
	got := decide(account(id), request("GET", path)) with data.custom.ingress.own.allow as {"all"}
		with data.gatehouse.settings.custom_allow as {"ingress": true}
	got == decided("deny", reason, labels)
}

# The same where no custom rule speaks, so that nothing else makes a second look.
test_refused_where_there_are_no_custom_rules[note] if {
	some note, tc in {
		"a disabled account": ["DEE", ["hub", "health"], "account_disabled"],
		"an account without a document": ["NOBODY", ["hub", "health"], "unknown_account"],
		"an encoded slash": ["ADA", ["hub", "static", "a/b"], "ambiguous_path"],
		"a dot segment": ["ADA", ["hub", "static", "."], "ambiguous_path"],
		"two dots first": ["ADA", ["..", "hub"], "ambiguous_path"],
		"two dots on the way": ["ADA", ["hub", "static", "..", "x"], "ambiguous_path"],
	}
	[id, path, reason] := tc
	got := decide(account(id), request("GET", path))
	[got.effect, got.reason] == ["deny", reason]
}

test_ambiguous_path[note] if {
	some note, path in {
		"an encoded slash": ["notebook", "research", "nb1", "a/b"],
		"a dot segment": ["notebook", "research", "nb1", "."],
		"a segment of two dots": ["notebook", "research", "nb1", "..", ".."],
	}
	got := decide(account("ADA"), request("GET", path)) with data.custom.ingress.own.allow as {"all"}
		with data.gatehouse.settings.custom_allow as {"ingress": true}
	got == decided("deny", "ambiguous_path", of_notebook("read"))
}

test_dots_within_a_segment_are_plain if {
	got := decide(account("ADA"), request("GET", ["notebook", "research", "nb1", "..a", "b.", "..."]))
	got == decided("allow", "owner", of_notebook("read"))
}

test_an_encoded_slash_passes_where_the_row_says_so[note] if {
	some note, tc in {
		"below the row": [["files", "research", "a/b"], "allow", "owner"],
		"not below another": [["notebook", "research", "nb1", "a/b"], "deny", "ambiguous_path"],
	}
	[path, effect, reason] := tc
	rows := [{"path": "/files/{namespace}/**", "application": "files", "access": "namespace", "encoded_slash": true}]
	got := decide(account("ADA"), request("GET", path)) with data.custom.routes as {"files": rows}
	[got.effect, got.reason] == [effect, reason]
}

test_no_route[note] if {
	some note, tc in {
		"an account": [account("ADA"), "deny"],
		"an external identity": [external({}), "deny"],
		"an anonymous subject may sign in": [anonymous, "login"],
	}
	[subject, effect] := tc
	decide(subject, request("GET", ["nowhere", "at", "all"])) == decided(effect, "no_route", {})
}

test_front_page[note] if {
	some note, tc in {
		"an account sees it": [account("BOB"), [], "allow", "account", labels_of_dashboard],
		"an anonymous subject signs in": [anonymous, [], "login", "not_signed_in", labels_of_dashboard],
		"what lies beside it has no row": [account("BOB"), ["index.html"], "deny", "no_route", {}],
	}
	[subject, path, effect, reason, labels] := tc
	decide(subject, request("GET", path)) == decided(effect, reason, labels)
}

# P14: paths are compared as they are.
test_P14_case_of_a_path[note] if {
	some note, path in {"first segment": ["Notebook", "research", "nb1"], "all of it": ["NOTEBOOK", "RESEARCH", "NB1"]}
	decide(account("ADA"), request("GET", path)) == decided("deny", "no_route", {})
}

test_P14_case_of_a_namespace if {
	labels := {"application": "notebook", "namespace": "Research", "resource": "nb1", "verb": "read"}
	decide(account("ADA"), request("GET", ["notebook", "Research", "nb1"])) == decided("deny", "no_binding", labels)
}

# P15: a method is what it is called.
test_P15_methods_that_are_known[note] if {
	some note, tc in {
		"GET": ["GET", "read"], "HEAD": ["HEAD", "read"], "OPTIONS": ["OPTIONS", "read"],
		"POST": ["POST", "write"], "PUT": ["PUT", "write"],
		"PATCH": ["PATCH", "write"], "DELETE": ["DELETE", "write"],
	}
	[method, verb] := tc
	decide(account("ADA"), request(method, notebook)) == decided("allow", "owner", of_notebook(verb))
}

test_P15_methods_that_are_not[note] if {
	some note, method in {
		"lower case": "get", "another standard": "PROPFIND", "tunnel": "CONNECT", "echo": "TRACE",
		"none": "", "long": concat("", [m | some _ in numbers.range(1, 200); m := "A"]),
		"the name of the handshake": "WEBSOCKET", "padded": "GET ",
	}
	labels := {"application": "notebook", "namespace": "research", "resource": "nb1"}
	decide(account("ADA"), request(method, notebook)) == decided("deny", "unknown_method", labels)
	decide(anonymous, request(method, notebook)) == decided("login", "not_signed_in", labels)
	decide(anonymous, request(method, ["hub", "static", "a.js"])).reason == "unknown_method"
}

test_P15_overriding_headers_are_inert if {
	asked := object.union(request("DELETE", notebook), {"headers": {"x-http-method-override": "GET", "x-forwarded-method": "OPTIONS"}})
	decide(account("VIC"), asked) == decided("deny", "verb_not_granted", of_notebook("write"))
}

test_a_row_names_verbs[note] if {
	some note, tc in {
		"for a method nobody knows": ["PROPFIND", false, "allow", "binding", {"verb": "read"}],
		"for one that is known": ["POST", false, "allow", "binding", {"verb": "read"}],
		"and leaves the others": ["PUT", false, "deny", "verb_not_granted", {"verb": "write"}],
		"GET is no handshake": ["GET", true, "deny", "verb_not_granted", {"verb": "connect"}],
		"nor do others become known": ["MKCOL", false, "deny", "unknown_method", {}],
	}
	[method, websocket, effect, reason, verb] := tc
	rows := [{"path": "/dav/{namespace}/**", "application": "dav", "access": "namespace", "verbs": {"PROPFIND": "read", "POST": "read", "GET": "read"}}]
	asked := object.union(request(method, ["dav", "research", "x"]), {"websocket": websocket})
	got := decide(account("VIC"), asked) with data.custom.routes as {"dav": rows}
	[got.effect, got.reason, got.labels.application] == [effect, reason, "dav"]
	object.filter(got.labels, ["verb"]) == verb
}

test_a_row_names_what_a_handshake_is if {
	rows := [{"path": "/logs/{namespace}/**", "application": "logs", "access": "namespace", "verbs": {"WEBSOCKET": "read"}}]
	got := decide(account("VIC"), handshake(["logs", "research"])) with data.custom.routes as {"logs": rows}
	got.reason == "binding"
}

test_a_handshake_by_a_method_that_writes_writes if {
	asked := object.union(request("POST", notebook), {"websocket": true})
	decide(account("VIC"), asked) == decided("deny", "verb_not_granted", of_notebook("write"))
	decide(account("EVE"), asked) == decided("allow", "binding", of_notebook("write"))
}

test_a_row_for_a_host[note] if {
	some note, tc in {
		"goes before the others": ["pub.test", anonymous, "allow", "public", "pub"],
		"and is for that host alone": ["app.test", anonymous, "login", "not_signed_in", "notebook"],
		"and for no host that ends like it": ["x.pub.test", anonymous, "login", "not_signed_in", "notebook"],
	}
	[host, subject, effect, reason, application] := tc
	asked := object.union(request("GET", notebook), {"host": host})
	got := decide(subject, asked) with data.custom.routes as {"**": [{"path": "/**", "host": "pub.test", "application": "pub", "access": "public"}]}
	[got.effect, got.reason, got.labels.application] == [effect, reason, application]
}

test_a_row_names_namespace_and_audience if {
	rows := [{"path": "/grafana/**", "application": "grafana", "access": "namespace", "namespace": "research", "audience": "grafana.test"}]
	labels := {"application": "grafana", "audience": "grafana.test", "namespace": "research", "resource": "/grafana/**", "verb": "read"}
	allowed := decide(account("VIC"), request("GET", ["grafana", "d"])) with data.custom.routes as {"grafana": rows}
	allowed == decided("allow", "binding", labels)
	denied := decide(account("BOB"), request("GET", ["grafana", "d"])) with data.custom.routes as {"grafana": rows}
	denied == decided("deny", "no_binding", labels)
}

test_the_shipped_tables_give_every_path_of_theirs_one_row[note] if {
	some key, rows in data.gatehouse.routes
	some i, row in rows
	note := sprintf("%s %d", [key, i])
	path := [segment | some want in split(substring(trim_suffix(row.path, "/**"), 1, -1), "/"); segment := trim(want, "{}"); segment != ""]
	got := decide(account("ADA"), request("GET", path))
	got.labels.application == row.application
}
