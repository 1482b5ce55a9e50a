package gatehouse.lib.binding

import data.gatehouse.lib.subject

# A role that a table names, be it one that grants nothing.
known(role) if data.gatehouse.roles[role]

known(role) if data.custom.roles[role]

# All that a role grants.
verbs(role) := shipped | own if {
	shipped := {verb | some verb, true in data.gatehouse.roles[role]}
	own := {verb | some verb, true in data.custom.roles[role]}
}

# Whether the subject may do what the verb says until then, if nothing changes; 0 is for
# ever.
lasts(namespace, verb, _) if {
	owner(namespace)
	allows("admin", verb)
}

lasts(namespace, verb, until) if {
	some binding in object.filter(data.identity.namespaces[namespace].bindings, subject.principals)
	allows(binding.role, verb)
	live(binding)
	ends_later(binding, until)
}

ends_later(binding, _) if object.get(binding, "expires", null) == null

ends_later(binding, until) if {
	until > 0
	until <= binding.expires
}
