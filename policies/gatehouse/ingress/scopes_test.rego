package gatehouse.ingress_test

narrowed(id, scopes) := object.union(account(id), {"token": object.union(no_token, {"kind": "personal", "scopes": {name: true | some name in scopes}})})

# What the account may do, and what the token leaves of it.
test_scopes_narrow[note] if {
	some note, tc in {
		"all of the ingress": [{"ingress"}, request("DELETE", notebook), "allow", "owner"],
		"connecting too": [{"ingress"}, handshake(notebook), "allow", "owner"],
		"reading": [{"ingress:read"}, request("GET", notebook), "allow", "owner"],
		"and not writing": [{"ingress:read"}, request("POST", notebook), "deny", "scope_missing"],
		"nor connecting": [{"ingress:read"}, handshake(notebook), "deny", "scope_missing"],
		"the directory is another question": [{"directory"}, request("GET", notebook), "deny", "scope_missing"],
		"a scope nobody knows": [{"all"}, request("GET", notebook), "deny", "scope_missing"],
		"beside one that is known": [{"all", "ingress:read"}, request("GET", notebook), "allow", "owner"],
		"a namespace alone": [{"namespace:research"}, request("GET", notebook), "deny", "scope_missing"],
		"with a verb": [{"namespace:research", "ingress:read"}, request("GET", notebook), "allow", "owner"],
		"and not another verb": [{"namespace:research", "ingress:read"}, request("PUT", notebook), "deny", "scope_missing"],
		"another namespace": [{"namespace:shared", "ingress"}, request("GET", notebook), "deny", "scope_missing"],
		"one of two namespaces": [{"namespace:shared", "namespace:research", "ingress"}, request("GET", notebook), "allow", "owner"],
		"no method of the row": [{"ingress"}, request("PROPFIND", notebook), "deny", "unknown_method"],
		"which is no reading": [{"ingress:read"}, request("PROPFIND", notebook), "deny", "scope_missing"],
		"a path without a row": [{"ingress"}, request("GET", ["nowhere"]), "deny", "no_route"],
		"which is in no namespace": [{"ingress", "namespace:research"}, request("GET", ["nowhere"]), "deny", "scope_missing"],
		"the front page": [{"ingress:read"}, request("GET", []), "allow", "account"],
		"which is in no namespace either": [{"ingress:read", "namespace:research"}, request("GET", []), "deny", "scope_missing"],
		"one's own servers": [{"ingress", "namespace:ada"}, handshake(["user", "ada", "lab"]), "allow", "self"],
		"which are in no other namespace": [{"ingress", "namespace:research"}, request("GET", ["user", "ada", "lab"]), "deny", "scope_missing"],
		"another's, lent by nobody": [{"ingress"}, request("GET", ["user", "bob", "lab"]), "deny", "not_self"],
		"a namespace that is not that person's": [{"ingress", "namespace:bob"}, request("GET", ["user", "bob", "lab"]), "deny", "scope_missing"],
		"what is public": [{"all"}, request("GET", ["hub", "health"]), "allow", "public"],
		"and public to read alone": [{"all"}, request("PUT", ["hub", "health"]), "deny", "scope_missing"],
		"what two programs may read differently": [{"ingress"}, request("GET", ["hub", ".."]), "deny", "ambiguous_path"],
	}
	[scopes, asked, effect, reason] := tc
	got := decide(narrowed("ADA", scopes), asked)
	[got.effect, got.reason] == [effect, reason]
}

test_scopes_give_nothing_that_the_account_has_not if {
	decide(narrowed("BOB", {"ingress"}), request("GET", notebook)) == decided("deny", "no_binding", of_notebook("read"))
	decide(narrowed("VIC", {"ingress"}), request("PUT", notebook)) == decided("deny", "verb_not_granted", of_notebook("write"))
}

test_a_disabled_account_is_refused_before_its_scopes_are_looked_at if {
	decide(narrowed("DEE", {"all"}), request("GET", notebook)).reason == "account_disabled"
	decide(narrowed("NOBODY", {"ingress"}), request("GET", ["hub", "health"])).reason == "unknown_account"
}

test_a_custom_allow_does_not_go_past_scopes[note] if {
	some note, tc in {
		"beyond them": [{"ingress:read"}, request("POST", notebook), "scope_missing"],
		"within them": [{"ingress"}, request("POST", notebook), "custom_allow"],
		"without a row": [{"ingress"}, request("GET", ["fair"]), "custom_allow"],
		"without a row, to read": [{"ingress:read"}, request("GET", ["fair"]), "custom_allow"],
		"without a row, in a namespace": [{"ingress", "namespace:research"}, request("GET", ["fair"]), "scope_missing"],
	}
	[scopes, asked, reason] := tc
	got := decide(narrowed("BOB", scopes), asked) with data.custom.ingress.fair.allow as {"open day"}
		with data.gatehouse.settings.custom_allow as {"ingress": true}
	got.reason == reason
}

test_a_custom_deny_speaks_where_scopes_let_the_question_pass if {
	denied := decide(narrowed("ADA", {"ingress"}), request("GET", notebook)) with data.custom.ingress.night.deny as {"it is night"}
	denied.reason == "custom_deny"
	beyond := decide(narrowed("ADA", {"directory"}), request("GET", notebook)) with data.custom.ingress.night.deny as {"it is night"}
	beyond == decided("deny", "scope_missing", of_notebook("read"))
}

test_a_scope_of_the_operators_own_is_for_one_application if {
	scopes := {"look": {"ingress": {"notebook": {"read": true}}}}
	inside := decide(narrowed("ADA", {"look"}), request("GET", notebook)) with data.custom.scopes as scopes
	inside == decided("allow", "owner", of_notebook("read"))
	outside := decide(narrowed("ADA", {"look"}), request("GET", ["user", "ada"])) with data.custom.scopes as scopes
	outside.reason == "scope_missing"
}

# Both name a namespace: the column of the row, and the handle in the path.
test_on_a_persons_servers_the_namespace_is_the_persons if {
	rows := {"desk": [{"path": "/desk/{handle}/**", "application": "desk", "access": "self", "namespace": "research"}]}
	asked := request("GET", ["desk", "ada", "x"])
	in_research := decide(narrowed("ADA", {"ingress", "namespace:research"}), asked) with data.custom.routes as rows
	in_research.reason == "scope_missing"
	in_ada := decide(narrowed("ADA", {"ingress", "namespace:ada"}), asked) with data.custom.routes as rows
	in_ada.reason == "self"
	without_one := decide(narrowed("BOB", {"ingress", "namespace:research"}), request("GET", ["desk", "bob", "x"])) with data.custom.routes as rows
	without_one.reason == "scope_missing"
}
