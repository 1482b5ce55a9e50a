package gatehouse.lib.scope_test

import data.gatehouse.lib.scope

carrying(scopes) := {"subject": {"kind": "account", "id": "A", "groups": {}, "token": {"kind": "personal", "jti": "", "issuer": "", "scopes": {name: true | some name in scopes}}}}

own := {
	"report": {"ingress": {"grafana": {"read": true}}, "admin": {"namespace": {"list": true}}},
	"ingress:read": {"ingress": {"*": {"connect": true}}},
	"closed": {"ingress": {"*": {"read": false}}},
}

test_gives[note] if {
	some note, tc in {
		"no scope": [set(), "ingress", "notebook", "read", false],
		"all of a question": [{"ingress"}, "ingress", "notebook", "fly", true],
		"but not of the other": [{"ingress"}, "admin", "account", "read", false],
		"reading": [{"ingress:read"}, "ingress", "notebook", "read", true],
		"and not writing": [{"ingress:read"}, "ingress", "notebook", "write", false],
		"all of the directory": [{"directory"}, "admin", "key", "delete", true],
		"the directory, to read": [{"directory:read"}, "admin", "key", "list", true],
		"and not to change": [{"directory:read"}, "admin", "key", "update", false],
		"a kind": [{"team"}, "admin", "team_member", "delete", true],
		"and no other kind": [{"team"}, "admin", "organisation", "read", false],
		"a kind to read": [{"binding:read"}, "admin", "binding", "list", true],
		"and not to change it": [{"binding:read"}, "admin", "binding", "create", false],
		"they add up": [{"team:read", "binding"}, "admin", "binding", "create", true],
		"and do not mix": [{"team:read", "binding"}, "admin", "team", "create", false],
		"a scope nobody knows": [{"everything"}, "admin", "account", "read", false],
		"and it spoils no other": [{"everything", "account:read"}, "admin", "account", "read", true],
		"in other letters": [{"Directory"}, "admin", "account", "read", false],
		"the star is no scope": [{"*"}, "admin", "account", "read", false],
		"a namespace is no verb": [{"namespace:lab"}, "admin", "namespace", "read", false],
		"the operator's own": [{"report"}, "ingress", "grafana", "read", true],
		"at another application": [{"report"}, "ingress", "notebook", "read", false],
		"in the other question": [{"report"}, "admin", "namespace", "list", true],
		"added to a shipped one": [{"ingress:read"}, "ingress", "notebook", "connect", true],
		"what is false": [{"closed"}, "ingress", "notebook", "read", false],
	}
	[scopes, question, thing, verb, want] := tc
	given := {true | scope.gives(question, {thing}, {verb})} with input as carrying(scopes) with data.custom.scopes as own
	given == {true | want}
}

# A path without a row has no application, an unknown method no verb.
test_what_a_question_does_not_say_is_left_by_a_scope_for_all_alone[note] if {
	some note, tc in {
		"all verbs of all": ["ingress", set(), set(), true],
		"reading, without a verb": ["ingress:read", {"notebook"}, set(), false],
		"reading, nowhere": ["ingress:read", set(), {"read"}, true],
		"one application, nowhere": ["report", set(), {"read"}, false],
	}
	[name, things, verbs, want] := tc
	given := {true | scope.gives("ingress", things, verbs)} with input as carrying({name}) with data.custom.scopes as own
	given == {true | want}
}

test_within[note] if {
	some note, tc in {
		"no namespace is named": [{"ingress"}, {"lab"}, true],
		"nor asked about": [{"ingress"}, set(), true],
		"the one that is named": [{"ingress", "namespace:lab"}, {"lab"}, true],
		"one of several": [{"namespace:lab", "namespace:ops"}, {"ops"}, true],
		"another": [{"namespace:lab"}, {"ops"}, false],
		"one that begins like it": [{"namespace:lab"}, {"lab2"}, false],
		"none": [{"namespace:lab"}, set(), false],
		"a scope of the table is no name": [{"namespace:read"}, set(), true],
		"nor beside a name": [{"namespace:read", "namespace:lab"}, {"read"}, false],
		"a name left out": [{"namespace:"}, {"lab"}, false],
	}
	[scopes, asked, want] := tc
	inside := {true | scope.within(asked)} with input as carrying(scopes)
	inside == {true | want}
}

test_narrowed[note] if {
	some note, tc in {"without scopes": [set(), false], "with one": [{"ingress"}, true], "with one nobody knows": [{"x"}, true]}
	[scopes, want] := tc
	narrowed := {true | scope.narrowed} with input as carrying(scopes)
	narrowed == {true | want}
}

# What a scope says is said in words that mean something to the question.
test_the_shipped_scopes_speak_of_what_there_is if {
	foreign := {[name, question, thing] |
		some name, questions in data.gatehouse.scopes
		some question, things in questions
		some thing, verbs in things
		not known(question, thing, verbs)
	}
	foreign == set()
}

known(question, thing, verbs) if {
	thing in things_of[question]
	names := {verb | some verb, true in verbs}
	names != set()
	names - verbs_of[question] == set()
	count(names) == count(verbs)
}

things_of["ingress"] := {"*"}

things_of["admin"] := object.keys(data.gatehouse.actions) | {"*"}

verbs_of["ingress"] := {verb | some _, verbs in data.gatehouse.roles; some verb, _ in verbs} | {"*"}

verbs_of["admin"] := {"list", "read", "create", "update", "delete", "*"}
