# METADATA
# title: What a token's scopes leave of its account's rights
# description: |
#   Scopes only narrow. What the scopes tables say adds up; scopes of the form
#   namespace:<name> then leave questions about the namespaces that they name. Any
#   other scope leaves nothing.
# scope: subpackages
# schemas:
#   - input: schema["ingress.input"]
package gatehouse.lib.scope

narrowed if input.subject.token.scopes != {}

# What is done and to what, as sets: what a question does not say is in none, and only
# a scope for all of them counts.
gives(question, things, verbs) if {
	any_thing := things | {"*"}
	any_verb := verbs | {"*"}
	some scope, true in input.subject.token.scopes
	some thing in any_thing
	some verb in any_verb
	listed(scope, question, thing, verb)
}

listed(scope, question, thing, verb) if data.gatehouse.scopes[scope][question][thing][verb] == true

listed(scope, question, thing, verb) if data.custom.scopes[scope][question][thing][verb] == true

# Where namespaces are named, the question is about one of them.
within(_) if namespaces == set()

within(asked) if asked & namespaces != set()

namespaces contains trim_prefix(scope, "namespace:") if {
	some scope, true in input.subject.token.scopes
	startswith(scope, "namespace:")
	not data.gatehouse.scopes[scope]
}
