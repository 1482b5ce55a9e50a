package gatehouse.ingress_test

# Each allow stands beside its nearest deny: the same subject and one thing
# changed, or the same request of the subject next to it.
test_namespace[note] if {
	some note, tc in {
		"an owner reads": [account("ADA"), request("GET", notebook), "allow", "owner", "read"],
		"an owner writes": [account("ADA"), request("DELETE", notebook), "allow", "owner", "write"],
		"an owner connects": [account("ADA"), handshake(notebook), "allow", "owner", "connect"],
		"a viewer reads": [account("VIC"), request("GET", notebook), "allow", "binding", "read"],
		"a viewer does not write": [account("VIC"), request("PUT", notebook), "deny", "verb_not_granted", "write"],
		"a viewer does not connect": [account("VIC"), handshake(notebook), "deny", "verb_not_granted", "connect"],
		"a team's member writes": [account("EVE"), request("PATCH", notebook), "allow", "binding", "write"],
		"a team's member connects": [account("EVE"), handshake(notebook), "allow", "binding", "connect"],
		"an invited account edits": [account("IVY"), request("POST", notebook), "allow", "binding", "write"],
		"a stranger does not read": [account("BOB"), request("GET", notebook), "deny", "no_binding", "read"],
		"a platform admin is a stranger here": [account("ROOT"), request("GET", notebook), "deny", "no_binding", "read"],
		"a role nobody defined grants nothing": [account("RIO"), request("GET", notebook), "deny", "verb_not_granted", "read"],
		"a group of an external identity reads": [external({"guests": true}), request("GET", notebook), "allow", "binding", "read"],
		"another group does not": [external({"Guests": true}), request("GET", notebook), "deny", "no_binding", "read"],
		"a group that is not held does not": [external({"guests": false}), request("GET", notebook), "deny", "no_binding", "read"],
		"an anonymous subject signs in": [anonymous, request("GET", notebook), "login", "not_signed_in", "read"],
		"groups do not help who is anonymous": [object.union(anonymous, {"groups": {"guests": true}}), request("GET", notebook), "login", "not_signed_in", "read"],
		"a kind nobody knows is anonymous": [object.union(account("ADA"), {"kind": "robot"}), request("GET", notebook), "login", "not_signed_in", "read"],
	}
	[subject, asked, effect, reason, verb] := tc
	decide(subject, asked) == decided(effect, reason, of_notebook(verb))
}

test_organisation_that_owns[note] if {
	some note, tc in {
		"its owner": ["OLGA", "allow", "owner"],
		"its member is nobody there": ["EVE", "deny", "no_binding"],
	}
	[id, effect, reason] := tc
	labels := {"application": "notebook", "namespace": "shared", "resource": "nb1", "verb": "write"}
	decide(account(id), request("POST", ["notebook", "shared", "nb1"])) == decided(effect, reason, labels)
}

test_a_role_of_the_operators_own[note] if {
	some note, tc in {
		"grants what it names": [handshake(notebook), "allow", "binding", "connect"],
		"and no more": [request("GET", notebook), "deny", "verb_not_granted", "read"],
		"and not what it names as false": [request("POST", notebook), "deny", "verb_not_granted", "write"],
	}
	[asked, effect, reason, verb] := tc
	got := decide(account("RIO"), asked) with data.custom.roles as {"runner": {"connect": true, "write": false}}
	got == decided(effect, reason, of_notebook(verb))
}

test_expiry[note] if {
	some note, tc in {
		"a second before": [1000, 999, "allow", "binding"],
		"on the second": [1000, 1000, "deny", "no_binding"],
		"after": [1000, 1001, "deny", "no_binding"],
		"never again since 1970": [0, 1, "deny", "no_binding"],
		"far away": [99999999999, 1001, "allow", "binding"],
	}
	[expires, now, effect, reason] := tc
	documents := lent("account:BOB", {"role": "view", "expires": expires})
	at := now * 1000000000
	got := decide_with(account("BOB"), request("GET", notebook), documents) with time.now_ns as at
	got == decided(effect, reason, of_notebook("read"))
}

test_an_expired_binding_leaves_the_others if {
	both := lent("account:EVE", {"role": "admin", "expires": 1})
	got := decide_with(account("EVE"), request("POST", notebook), both) with time.now_ns as 2000000000
	got == decided("allow", "binding", of_notebook("write"))
}

test_self[note] if {
	some note, tc in {
		"a person's own server": ["ADA", handshake(["user", "ada", "lab"]), "allow", "self", "ada/lab", "connect"],
		"their own without a server": ["ADA", request("GET", ["user", "ada", ""]), "allow", "self", "ada", "read"],
		"another's": ["ADA", request("GET", ["user", "bob", "lab"]), "deny", "not_self", "bob/lab", "read"],
		"a handle in other letters": ["ADA", request("GET", ["user", "Ada", "lab"]), "deny", "not_self", "Ada/lab", "read"],
		"lent to a viewer": ["VIC", request("GET", ["user", "ada", "lab"]), "allow", "binding", "ada/lab", "read"],
		"lent to a viewer, who writes": ["VIC", request("POST", ["user", "ada", "lab"]), "deny", "verb_not_granted", "ada/lab", "write"],
		"lent to an editor": ["EVE", handshake(["user", "ada", "lab"]), "allow", "binding", "ada/lab", "connect"],
		"not lent": ["BOB", request("GET", ["user", "ada", "lab"]), "deny", "not_self", "ada/lab", "read"],
		"a namespace of the name that is not theirs lends nothing": ["VIC", request("GET", ["user", "bob", "lab"]), "deny", "not_self", "bob/lab", "read"],
		"nor to its owner": ["EVE", request("GET", ["user", "bob", "lab"]), "deny", "not_self", "bob/lab", "read"],
		"an invited account has no handle": ["IVY", request("GET", ["user", "ivy", "lab"]), "deny", "not_self", "ivy/lab", "read"],
	}
	[id, asked, effect, reason, resource, verb] := tc
	decide(account(id), asked) == decided(effect, reason, {"application": "jupyterhub", "resource": resource, "verb": verb})
}

test_account[note] if {
	some note, tc in {
		"any account": [account("BOB"), "allow", "account"],
		"an invited one": [account("IVY"), "allow", "account"],
		"an external identity is none": [external({"guests": true}), "deny", "no_account"],
		"an anonymous subject signs in": [anonymous, "login", "not_signed_in"],
	}
	[subject, effect, reason] := tc
	labels := {"application": "pipelines", "resource": "/pipeline/**", "verb": "write"}
	decide(subject, request("POST", ["pipeline", "apis", "v2"])) == decided(effect, reason, labels)
}

test_role[note] if {
	some note, tc in {
		"who holds it": [account("ROOT"), "allow", "role"],
		"who does not": [account("ADA"), "deny", "role_missing"],
		"an external identity": [external({"admin": true}), "deny", "role_missing"],
		"an anonymous subject": [anonymous, "login", "not_signed_in"],
	}
	[subject, effect, reason] := tc
	labels := {"application": "kfam", "resource": "/kfam/**", "verb": "read"}
	decide(subject, request("GET", ["kfam", "v1", "bindings"])) == decided(effect, reason, labels)
}

test_public[note] if {
	some note, tc in {
		"anybody reads": [anonymous, request("GET", ["hub", "static", "js", "a.js"]), "allow", "public", "/hub/static/**", "read"],
		"an account reads": [account("BOB"), request("HEAD", ["hub", "static"]), "allow", "public", "/hub/static/**", "read"],
		"nobody writes": [anonymous, request("PUT", ["hub", "static", "a"]), "deny", "verb_not_granted", "/hub/static/**", "write"],
		"nor connects": [anonymous, handshake(["hub", "static", "a"]), "deny", "verb_not_granted", "/hub/static/**", "connect"],
		"a row may call a form's POST reading": [anonymous, request("POST", ["hub", "login"]), "allow", "public", "/hub/login", "read"],
		"but only that": [anonymous, request("PUT", ["hub", "login"]), "deny", "verb_not_granted", "/hub/login", "write"],
		"and not what lies below": [anonymous, request("POST", ["hub", "login", "x"]), "login", "not_signed_in", "/hub/**", "write"],
		"the hub's own pages are not public": [anonymous, request("GET", ["hub", "home"]), "login", "not_signed_in", "/hub/**", "read"],
		"nor its API": [anonymous, request("GET", ["hub", "api", "users"]), "login", "not_signed_in", "/hub/**", "read"],
	}
	[subject, asked, effect, reason, resource, verb] := tc
	decide(subject, asked) == decided(effect, reason, {"application": "jupyterhub", "resource": resource, "verb": verb})
}

test_model[note] if {
	some note, tc in {
		"an editor asks it": ["EVE", "tiny", "allow", "binding", {"namespace": "research"}],
		"a viewer does not": ["VIC", "tiny", "deny", "verb_not_granted", {"namespace": "research"}],
		"a model nobody registered": ["EVE", "big", "deny", "no_binding", {}],
	}
	[id, deployment, effect, reason, namespace] := tc
	got := decide(account(id), request("POST", ["model", deployment, "predict"])) with data.custom.models as {"tiny": {"namespace": "research"}}
	got == decided(effect, reason, object.union(namespace, {"application": "model", "resource": deployment, "verb": "write"}))
}
